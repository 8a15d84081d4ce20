import Foundation
import Glibc
import Testing

extension Integration {
    /// Podman with Gantry's runtime in place of crun (`GANTRY_TEST_RUNTIME=/usr/sbin/runc` shows what it expects of runc).
    @Suite struct RuntimePodmanTests {
        private static let loop =
            "trap 'echo bye; exit 3' TERM; trap 'echo usr1' USR1; echo up; while :; do sleep 0.1; done"

        @Test func aContainersLife() throws {
            let podman = try PodmanOnRuntime()
            let start = ["run", "-d", "--name", "a", "--network", "none", "busybox", "sh", "-c", Self.loop]
            #expect(try podman(start).status == 0)
            try eventually("it runs") { try podman("logs", "a").out == "up\n" }
            let exec = try podman(
                "exec", "-w", "/tmp", "-e", "A=b", "-u", "5:6", "a", "sh", "-c", "id -u; id -g; pwd; echo $A; exit 4")
            #expect(exec.out == "5\n6\n/tmp\nb\n" && exec.status == 4)
            #expect(try podman("exec", "a", "nosuch").status == 127)
            #expect(try podman("exec", "a", "/etc").status == 126)
            #expect(try podman("exec", "-d", "a", "sleep", "77").status == 0)
            #expect(try podman("top", "a", "pid", "comm").out.contains("sleep"))
            let stats = try podman("stats", "--no-stream", "--format", "{{.PIDs}} {{.MemUsage}}", "a")
            #expect(stats.status == 0 && (Int(stats.out.split(separator: " ").first ?? "") ?? 0) >= 2, "\(stats)")
            #expect(try podman("pause", "a").status == 0)
            #expect(try podman("inspect", "--format", "{{.State.Status}}", "a").trimmed == "paused")
            #expect(try podman("unpause", "a").status == 0)
            #expect(try podman("kill", "--signal", "USR1", "a").status == 0)
            try eventually("the signal has arrived") { try podman("logs", "a").out.contains("usr1") }
            #expect(try podman("stop", "a").status == 0)
            #expect(
                try podman("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "a").trimmed == "exited 3")
            #expect(try podman("logs", "a").out.hasSuffix("bye\n"))
            #expect(try podman("start", "a").status == 0)
            #expect(try podman("rm", "--force", "--time", "0", "a").status == 0)
            #expect(try podman("ps", "-aq").out == "")
        }

        @Test func whatAContainerIsGiven() throws {
            let podman = try PodmanOnRuntime()
            #expect(try podman.run([], "sh", "-c", "exit 9").status == 9)
            #expect(try podman.run([], "nosuch").status == 127)
            #expect(try podman.run([], "/etc").status == 126)
            let flags = [
                "--user", "5:6", "--ulimit", "nofile=100:200", "--ulimit", "nproc=300", "--cap-add", "NET_ADMIN",
                "--hostname", "here",
                "--memory", "64m",
                "--pids-limit", "50", "--security-opt", "no-new-privileges", "--shm-size", "2m", "--tmpfs",
                "/t:size=1m",
                "-v", "/usr/share:/v:ro", "--sysctl", "kernel.msgmax=9000", "--read-only",
            ]
            let script = """
                id -u; id -g; ulimit -n; hostname; cat /proc/sys/kernel/msgmax; touch /x /v/x 2>/dev/null || echo read-only
                touch /t/x && echo writable
                cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max
                grep -E 'NoNewPrivs|CapEff|Seccomp:' /proc/self/status; df -k /dev/shm | tail -1 | awk '{print $2}'
                """
            let result = try podman.run(flags, "sh", "-c", script)
            #expect(
                result.lines == [
                    "5", "6", "100", "here", "9000", "read-only", "writable", "50", "CapEff:\t0000000000001000",
                    "NoNewPrivs:\t1", "Seccomp:\t2", "2048",
                ], "\(result)")
            let privileged = try podman.run(
                ["--privileged"], "sh", "-c",
                "mkdir /m; mount -t tmpfs none /m && echo mounted; grep Seccomp: /proc/self/status")
            #expect(privileged.lines == ["mounted", "Seccomp:\t0"], "\(privileged)")
            let shared = try podman.run(
                ["--pid", "host", "--ipc", "host", "--uts", "host"], "sh", "-c", "cat /proc/1/comm; hostname")
            #expect(
                try shared.lines.first == Programs.text("/proc/1/comm").split(separator: "\n").first.map(String.init))
            let mapped = try podman.run(
                ["--uidmap", "0:100000:1000", "--gidmap", "0:100000:1000"], "sh", "-c", "id -u; cat /proc/self/uid_map")
            #expect(mapped.lines.first == "0" && mapped.out.contains("100000       1000"), "\(mapped)")
            #expect(try podman("run", "--rm", "--network", "host", "busybox", "ip", "link").out.contains("lo:"))
        }

        @Test func terminalsAndPods() throws {
            let podman = try PodmanOnRuntime()
            let child = try Child(
                podman.words(["run", "--rm", "-it", "--network", "none", "busybox", "sh"]),
                environment: podman.environment,
                wiring: .terminal(rows: 33, columns: 99))
            try child.expect("# ")
            try child.send("stty size\n")
            try child.expect("33 99")
            try child.resize(rows: 44, columns: 88)
            try eventually("the size has arrived") {
                let offset = child.out.count
                try child.send("stty size; echo do''ne\n")
                try child.expect("done", after: offset)
                return child.outText.contains("44 88")
            }
            try child.send("exit 5\n")
            #expect(try child.wait().status == 5)
            #expect(try podman("run", "-d", "--name", "b", "-it", "--network", "none", "busybox", "sh").status == 0)
            let attached = try Child(
                podman.words(["attach", "b"]), environment: podman.environment, wiring: .terminal(rows: 20, columns: 60)
            )
            try attached.send("\n")
            try attached.expect("# ")
            try attached.send("echo at''tached; exit 6\n")
            try attached.expect("attached")
            _ = try attached.wait()
            try eventually("its code is known") {
                try podman("inspect", "--format", "{{.State.ExitCode}}", "b").trimmed == "6"
            }
            let exec = try podman("run", "-d", "--name", "c", "--network", "none", "busybox", "sleep", "100")
            #expect(exec.status == 0)
            #expect(try podman("exec", "-t", "c", "tty").trimmed == "/dev/pts/0")
            // Without an infra container, whose image would have to come from somewhere.
            #expect(try podman("pod", "create", "--name", "p", "--infra=false").status == 0)
            #expect(
                try podman("run", "-d", "--pod", "p", "--name", "d", "--network", "none", "busybox", "sleep", "100")
                    .status == 0)
            #expect(try podman("pod", "pause", "p").status == 0)
            #expect(try podman("inspect", "--format", "{{.State.Status}}", "d").trimmed == "paused")
            #expect(try podman("pod", "unpause", "p").status == 0)
            #expect(try podman("pod", "rm", "--force", "--time", "0", "p").status == 0)
        }
    }
}
