import Foundation
import Glibc
import Testing

extension Integration {
    /// Docker Engine 20.10 and containerd with Gantry's runtime in place of runc.
    @Suite struct RuntimeDockerTests {
        @Test func dockerRunsOnIt() throws {
            let docker = try DockerEngine(runtime: Bundle.runtime)
            #expect(try docker("info", "--format", "{{.DefaultRuntime}}").trimmed == "gantry")
            let address = try docker("run", "--rm", "busybox", "sh", "-c", "ip -o addr show eth0; exit 9")
            #expect(address.out.contains("inet ") && address.status == 9, "\(address)")
            #expect(try docker("run", "--rm", "busybox", "nosuch").status == 127)
            #expect(try docker("run", "--rm", "busybox", "/etc").status == 126)
            let script = "trap 'echo bye; exit 3' TERM; trap 'echo usr1' USR1; echo up; while :; do sleep 0.1; done"
            #expect(try docker("run", "-d", "--name", "first", "busybox", "sh", "-c", script).status == 0)
            try eventually("it runs") { try docker("logs", "first").out == "up\n" }
            let exec = try docker(
                "exec", "-w", "/tmp", "-e", "A=b", "-u", "5:6", "first", "sh", "-c",
                "id -u; id -g; pwd; echo $A; exit 4")
            #expect(exec.out == "5\n6\n/tmp\nb\n" && exec.status == 4, "\(exec)")
            #expect(
                try docker("exec", "first", "nosuch").status == 127 || docker("exec", "first", "nosuch").status == 126)
            #expect(try docker("exec", "-d", "first", "sleep", "77").status == 0)
            #expect(try docker("top", "first").out.contains("sleep 77"))
            let stats = try docker("stats", "--no-stream", "--format", "{{.PIDs}}", "first")
            #expect((Int(stats.trimmed) ?? 0) >= 2, "\(stats)")
            #expect(try docker("pause", "first").status == 0)
            #expect(try docker("ps", "--format", "{{.Status}}").out.contains("(Paused)"))
            #expect(try docker("unpause", "first").status == 0)
            #expect(
                try docker("update", "--memory", "64m", "--memory-swap", "64m", "--pids-limit", "40", "first").status
                    == 0)
            let limits = try docker(
                "exec", "first", "sh", "-c",
                "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max 2>/dev/null || cat memory.max pids.max"
            )
            #expect(limits.lines == ["67108864", "40"], "\(limits)")
            #expect(try docker("kill", "--signal", "USR1", "first").status == 0)
            try eventually("the signal has arrived") { try docker("logs", "first").out.contains("usr1") }
            #expect(try docker("stop", "first").status == 0)
            #expect(
                try docker("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "first").trimmed
                    == "exited 3")
            #expect(try docker("restart", "-t", "0", "first").status == 0)
            #expect(try docker("kill", "first").status == 0)
            try eventually("it has ended") {
                try docker("inspect", "--format", "{{.State.ExitCode}}", "first").trimmed == "137"
            }
            #expect(try docker("rm", "first").status == 0)
        }

        @Test func whatAContainerIsGiven() throws {
            let docker = try DockerEngine(runtime: Bundle.runtime)
            let privileged = try docker(
                "run", "--rm", "--privileged", "busybox", "sh", "-c",
                "mkdir /m; mount -t tmpfs none /m && echo mounted; grep Seccomp: /proc/self/status")
            #expect(privileged.lines == ["mounted", "Seccomp:\t0"], "\(privileged)")
            let flags = [
                "--network", "none", "--user", "5:6", "--ulimit", "nofile=100:200", "--cap-add", "NET_ADMIN",
                "--hostname", "here",
                "--read-only", "--tmpfs", "/t", "-v", "/usr/share:/v:ro", "--security-opt", "no-new-privileges",
            ]
            let script = """
                id -u; ulimit -n; hostname; touch /x /v/x 2>/dev/null || echo read-only; touch /t/x && echo writable
                grep -E 'NoNewPrivs|Seccomp:' /proc/self/status
                """
            let result = try docker(["run", "--rm"] + flags + ["busybox", "sh", "-c", script])
            #expect(
                result.lines == ["5", "100", "here", "read-only", "writable", "NoNewPrivs:\t1", "Seccomp:\t2"],
                "\(result)")
            #expect(try docker("run", "--rm", "--init", "busybox", "cat", "/proc/1/comm").trimmed == "docker-init")
            let killed = try docker(
                "run", "--name", "oom", "--memory", "16m", "--memory-swap", "16m", "busybox", "tail", "/dev/zero")
            #expect(killed.status == 137)
            #expect(try docker("inspect", "--format", "{{.State.OOMKilled}}", "oom").trimmed == "true")
            let child = try Child(
                [Programs.docker, "run", "--rm", "-it", "--name", "second", "busybox", "sh"],
                environment: docker.environment,
                wiring: .terminal(rows: 33, columns: 99))
            try child.expect("# ")
            try eventually("the size has arrived") {
                let offset = child.out.count
                try child.send("stty size; echo do''ne\n")
                try child.expect("done", after: offset)
                return child.outText.contains("33 99")
            }
            let exec = try Child(
                [Programs.docker, "exec", "-it", "second", "sh", "-c", "tty; exit 7"], environment: docker.environment,
                wiring: .terminal(rows: 20, columns: 60))
            try exec.expect("/dev/pts/1")
            #expect(try exec.wait().status == 7)
            try child.send("exit 5\n")
            #expect(try child.wait().status == 5)
        }
    }
}
