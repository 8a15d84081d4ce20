import Foundation
import Testing

extension Integration {
    /// Issue heading 6: what a process finds inside. The prober is a shell in the container.
    @Suite(.daemon) struct Isolation {
        private func inside(_ script: String, _ flags: [String] = []) throws -> [String] {
            try daemon.run(.docker, ["run", "--rm"] + flags + ["busybox", "sh", "-c", "exec 2>&1; " + script]).lines
        }

        @Test func hasNamespacesOfItsOwn() throws {
            // On cgroup v1 Docker shares the host's cgroup namespace unless it is asked not to.
            for kind in ["mnt", "uts", "ipc", "net", "pid", "cgroup"] {
                let host = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(kind)")
                let container = try inside("readlink /proc/self/ns/\(kind)", ["--cgroupns=private"]).first
                #expect(container?.hasPrefix(kind + ":[") == true && container != host, "\(kind)")
            }
            #expect(try inside("echo $$; ls -d /proc/[0-9]* | wc -l").first == "1")
        }

        /// In the host's pid namespace the kernel does not end the others with the first process.
        @Test(arguments: [[], ["--rm"]])
        func killsWhatTheFirstProcessLeavesBehind(flags: [String]) throws {
            let seconds = Int.random(in: 100_000...900_000)
            let script = "setsid sleep \(seconds) </dev/null >/dev/null 2>&1 & sleep 0.1; echo ended"
            let name = "left-\(seconds)"
            let words = ["run", "--pid", "host", "--name", name] + flags + ["busybox", "sh", "-c", script]
            #expect(try daemon.ok(.docker, words) == "ended")
            let count = ["sh", "-c", "grep -lz '^\(seconds)$' /proc/[0-9]*/cmdline 2>/dev/null | wc -l"]
            try eventually("it is killed") { try succeed(count).trimmingCharacters(in: .whitespacesAndNewlines) == "0" }
            if flags.isEmpty { try daemon.ok(.docker, "rm", name) }
        }

        /// The same for the first process and for one that `exec` brings in.
        @Test(arguments: ["run", "exec"])
        func isConfined(by way: String) throws {
            let script = "cat /proc/self/status"
            var status: [String]
            if way == "run" {
                status = try inside(script)
            } else {
                let id = try daemon.ok(.docker, "run", "-d", "busybox", "sleep", "1000")
                status = try daemon.run(.docker, "exec", id, "sh", "-c", script).lines
                try daemon.ok(.docker, "rm", "-f", id)
            }
            func field(_ name: String) -> String? {
                status.first { $0.hasPrefix(name + ":") }?.split(separator: "\t").last.map(String.init)
            }
            #expect(field("CapInh") == "0000000000000000")
            for set in ["CapPrm", "CapEff", "CapBnd"] { #expect(field(set) == "00000000a80425fb", "\(set)") }
            #expect(field("CapAmb") == "0000000000000000")
            #expect(field("Seccomp") == "2")
            #expect(field("NoNewPrivs") == "0")
            #expect(field("SigBlk") == "0000000000000000")
        }

        @Test func refusesWhatTheProfileRefuses() throws {
            #expect(try inside("unshare -U true || echo refused").last == "refused")
            #expect(try inside("unshare -m true || echo refused").last == "refused")
            #expect(try inside("mount -t tmpfs none /mnt || echo refused").last == "refused")
            #expect(try inside("mknod /sda b 8 0 && head -c 1 /sda || echo refused").last == "refused")
            #expect(try inside("date -s 2001-01-01").first?.hasSuffix("Operation not permitted") == true)
            #expect(try inside("hostname changed || echo refused").last == "refused")
            #expect(try inside("chroot / true && echo allowed").last == "allowed")
        }

        @Test func masksAndProtectsProc() throws {
            let exists: (String) -> Bool = { Programs.exists($0) }
            for path in ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats"]
            where exists(path) {
                #expect(try inside("stat -c %t:%T \(path)").first == "1:3", "\(path)")
            }
            for path in ["/proc/acpi", "/proc/scsi", "/sys/firmware"] where exists(path) {
                #expect(try inside("ls -A \(path) | wc -l").first == "0", "\(path)")
            }
            for path in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] where exists(path) {
                let options = try inside("grep ' \(path) ' /proc/mounts | cut -d' ' -f4")
                #expect(options.first?.hasPrefix("ro,") == true, "\(path): \(options)")
            }
            #expect(try inside("echo x >/proc/sys/kernel/core_pattern || echo refused").last == "refused")
            #expect(try inside("echo h >/proc/sysrq-trigger || echo refused").last == "refused")
            #expect(try inside("echo 1 >/sys/kernel/mm/ksm/run || echo refused").last == "refused")
            #expect(try inside("mkdir /sys/fs/cgroup/memory/x || echo refused").last == "refused")
        }

        @Test func hasTheStandardDevicesOnly() throws {
            let names = try inside("ls /dev")
            #expect(
                names.filter { $0 != "core" } == [
                    "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout",
                    "tty", "urandom", "zero",
                ])
            #expect(
                try inside("cd /dev; stat -c '%n %t:%T %a' full null random tty urandom zero") == [
                    "full 1:7 666", "null 1:3 666", "random 1:8 666", "tty 5:0 666", "urandom 1:9 666", "zero 1:5 666",
                ])
            #expect(try inside("readlink /dev/fd; readlink /dev/ptmx") == ["/proc/self/fd", "pts/ptmx"])
            #expect(try inside("df /dev/shm | tail -n 1 | tr -s ' ' | cut -d' ' -f2") == ["65536"])
        }

        @Test func holdsNoDescriptorOfTheHost() throws {
            #expect(try inside("exec sleep 1 & sleep 0.3; ls /proc/$!/fd") == ["0", "1", "2"])
            let id = try daemon.ok(.docker, "run", "-d", "busybox", "sleep", "1000")
            #expect(try daemon.run(.docker, "exec", id, "ls", "/proc/1/fd").lines == ["0", "1", "2"])
            let pid = try daemon.ok(.docker, "inspect", "-f", "{{.State.Pid}}", id)
            #expect(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").sorted() == ["0", "1", "2"])
            try daemon.ok(.docker, "rm", "-f", id)
        }

        /// CVE-2024-21626: a working directory through a leaked descriptor would be a way to the host.
        @Test(arguments: ["run", "exec"])
        func noWorkingDirectoryLeadsOut(by way: String) throws {
            let scratch = try Scratch("canary")
            _ = try scratch.write("sang at night", to: "canary")
            let id = try daemon.ok(.docker, "run", "-d", "busybox", "sleep", "1000")
            for number in 3..<13 {
                let words = way == "run" ? ["run", "--rm"] : ["exec"]
                let target = way == "run" ? "busybox" : id
                let up = String(repeating: "../", count: 8)
                let result = try daemon.run(
                    .docker,
                    words + ["-w", "/proc/self/fd/\(number)", target, "cat", up + scratch.path.dropFirst() + "/canary"])
                #expect(result.status != 0 && !result.out.contains("sang"), "\(number): \(result)")
            }
            try daemon.ok(.docker, "rm", "-f", id)
        }

        @Test func seesNothingOfTheHostsTree() throws {
            let mounts = try inside("cat /proc/mounts")
            #expect(!mounts.contains { $0.contains("/dev/vda / ") }, "\(mounts)")
            #expect(try inside("ls -A /mnt /root /home 2>/dev/null | grep -c alice") == ["1"])
            #expect(try inside("cat /etc/hosts | head -n 1").first?.hasPrefix("127.0.0.1") == true)
            #expect(try inside("test -s /etc/resolv.conf && echo there") == ["there"])
        }

        @Test func environmentIsNotTheDaemons() throws {
            let names = try inside("env | cut -d= -f1 | sort")
            #expect(Set(names) == ["HOME", "HOSTNAME", "PATH", "PWD", "SHLVL"], "\(names)")
        }

        /// CVE-2024-40635, CVE-2026-46680: numbers are numbers, and never somebody else's.
        @Test(arguments: ["run", "exec"])
        func usersAreWhatTheySay(by way: String) throws {
            let scratch = try Scratch("users")
            let passwd = try scratch.write("root:x:0:0::/:/bin/sh\n1000:x:0:0::/:/bin/sh\n", to: "passwd")
            let id = try daemon.ok(.docker, "run", "-d", "-v", "\(passwd):/etc/passwd:ro", "busybox", "sleep", "1000")
            func `as`(_ user: String, _ script: String) throws -> Output {
                let words = ["-u", user]
                return way == "exec"
                    ? try daemon.run(.docker, ["exec"] + words + [id, "sh", "-c", script])
                    : try daemon.run(
                        .docker,
                        ["run", "--rm", "-v", "\(passwd):/etc/passwd:ro"] + words + ["busybox", "sh", "-c", script])
            }
            for user in ["4294967296", "4294967295", "-1", "+1", "1x", "0x0", "1000:4294967296", "1000:-1"] {
                let result = try `as`(user, "id -u; id -g")
                #expect(result.status != 0 && !result.out.contains("0\n"), "\(user): \(result)")
            }
            let named = try `as`("1000", "id -u")
            #expect(named.out == "1000\n" || named.status != 0, "\(named)")
            // CVE-2022-36109: the group is among the groups, so that a file that forbids it does.
            let script = "grep Groups: /proc/self/status; id -u; id -g"
            let groups = try `as`("1234:4321", script).lines
            #expect(groups.first?.split { " \t".contains($0) }.contains("4321") == true, "\(groups)")
            #expect(groups.dropFirst() == ["1234", "4321"])
            try daemon.ok(.docker, "rm", "-f", id)
        }

        /// CVE-2026-57231: a variable of the image without `=` must not be filled in from anybody's environment.
        @Test func variablesWithoutAValueStayAway() throws {
            let daemon = try Daemon(variables: ["SECRET": "daemon", "A": "daemon"])
            func ok(_ words: String...) throws -> String {
                try succeed(
                    [Client.first.program] + words, environment: daemon.environment.merging(["SECRET": "client"]) { $1 }
                )
            }
            let body = #"{"Image": "busybox", "Cmd": ["true"], "Env": ["SECRET", "*", "A", "KEPT=yes"]}"#
            #expect(try daemon.request("POST", "/v1.41/containers/create?name=made", body: body).status == 201)
            _ = try ok("commit", "made", "bare")
            #expect(try ok("inspect", "-f", "{{.Config.Env}}", "bare").contains("SECRET * A KEPT=yes"))
            for flags in [[], ["-e", "NONE_SUCH_HERE"]] as [[String]] {
                let words = ["run", "-d"] + flags + ["bare", "sleep", "1000"]
                let id = try succeed(
                    [Client.first.program] + words, environment: daemon.environment.merging(["SECRET": "client"]) { $1 }
                )
                for environment in [
                    try ok("exec", id, "env"), try ok("exec", id, "sh", "-c", "tr '\\0' '\\n' </proc/1/environ"),
                ] {
                    #expect(environment.contains("KEPT=yes"))
                    for word in ["SECRET", "daemon", "client", "*", "A="]
                    where environment.split(separator: "\n").contains(where: {
                        $0.hasPrefix(word) || $0.hasSuffix("=" + word)
                    }) {
                        Issue.record("\(word) in \(environment)")
                    }
                }
                _ = try ok("rm", "-f", id)
            }
            try daemon.finish()
        }

        @Test func stateDirectoriesAreClosed() throws {
            let modes = try succeed(["stat", "-c", "%a", "\(daemon.root)/data", "\(daemon.root)/exec"]).split(
                separator: "\n")
            for mode in modes { #expect(["700", "710", "711"].contains(String(mode)), "\(mode)") }
        }
    }
}
