import Foundation
import Glibc
import Testing

extension Integration {
    /// containerd without an engine above it: its shim calls Gantry's runtime in place of runc.
    @Suite struct RuntimeContainerdTests {
        @Test func aTasksLife() throws {
            let containerd = try ContainerdOnRuntime()
            let first = try containerd.run(["--rm"], "first", "sh", "-c", "echo out; echo err >&2; exit 5")
            #expect(first.out == "out\n" && first.err.contains("err\n") && first.status == 5, "\(first)")
            let missing = try containerd.run(["--rm"], "missing", "nosuch")
            #expect(missing.status == 1 && missing.err.contains("not found"), "\(missing)")
            _ = try? containerd("containers", "rm", "missing")

            #expect(try containerd.run(["--detach", "--memory-limit", "67108864"], "task", "sleep", "600").status == 0)
            func state() throws -> String {
                let line = try containerd("tasks", "ls").lines.first { $0.hasPrefix("task ") }
                return line?.split(separator: " ").last.map(String.init) ?? ""
            }
            #expect(try state() == "RUNNING")
            let places = ["memory.limit_in_bytes", "memory.max"].flatMap {
                ["-o", "-path", "*/\(containerd.namespace)/task/\($0)"]
            }
            let limit = try succeed(
                ["find", "/sys/fs/cgroup", "("] + places.dropFirst() + [")", "-exec", "cat", "{}", ";"])
            #expect(limit == "67108864")
            let exec = try containerd("tasks", "exec", "--exec-id", "one", "task", "sh", "-c", "id -u; exit 4")
            #expect(exec.out == "0\n" && exec.status == 4, "\(exec)")
            #expect(try containerd("tasks", "ps", "task").lines.count == 2)
            #expect(try containerd("tasks", "metrics", "task").out.contains("memory.usage_in_bytes"))
            #expect(try containerd("tasks", "pause", "task").status == 0)
            #expect(try state() == "PAUSED")
            #expect(try containerd("tasks", "resume", "task").status == 0)
            #expect(try containerd("tasks", "kill", "--signal", "KILL", "task").status == 0)
            try eventually("it has ended") { try state() == "STOPPED" }
            let removed = try containerd("tasks", "rm", "task")
            #expect(removed.err.contains("137") || removed.status == 137, "\(removed)")
            #expect(try containerd("containers", "rm", "task").status == 0)
            #expect(
                try command(["find", "/sys/fs/cgroup", "-path", "*/\(containerd.namespace)/*", "-type", "d"]).out == "")
        }

        /// The shim makes the terminal through its console socket.
        @Test func aTerminal() throws {
            let containerd = try ContainerdOnRuntime()
            let script = "tty; read line; echo got $line; until stty size | grep '^31 91'; do sleep 0.1; done"
            let child = try Child(
                containerd.words(containerd.running(["--rm", "--tty"], "shell", ["sh", "-c", script])),
                wiring: .terminal(rows: 31, columns: 91))
            try child.expect("/dev/pts/0")
            try child.send("word\n")
            try child.expect("got word")
            // containerd hands its size on a moment after the start, with what changes of it later.
            try child.expect("31 91")
            #expect(try child.wait().status == 0)
        }
    }
}
