import Foundation
import Testing

extension Integration {
    /// A daemon takes over containers whose monitors are of an earlier release.
    @Suite struct MonitorTakeover {
        /// Where the programs of an earlier release are, to do it with them too: `GANTRY_OLD_BINARIES=directory`.
        private static let old = ProcessInfo.processInfo.environment["GANTRY_OLD_BINARIES"]

        /// What ends with the test: the programs between daemon and monitors.
        private final class Translators {
            private var children: [Child] = []

            func add(_ child: Child) { children.append(child) }

            /// The requests that went through, by their numbers in version 0.
            var seen: Set<Int> {
                Set(
                    children.flatMap { child in
                        child.pump(0)
                        return child.outText.split(separator: "\n").compactMap {
                            Int($0.split(separator: " ").first ?? "")
                        }
                    })
            }
        }

        /// Monitors of this release that are spoken to in version 0 only, by a program in between.
        @Test func ofMonitorsThatSpeakVersionZero() throws {
            let translators = Translators()
            let daemon = try Daemon()
            try takeOver(daemon) { id in
                let child = try Child([
                    "python3", Programs.fixtures + "/version_zero_monitor.py", "\(daemon.root)/exec/containers/\(id)",
                ])
                try child.expect("ready")
                translators.add(child)
            }
            // Attach, exec, signals, sizes: none went another way. The handshake was passed over.
            #expect(translators.seen.isSuperset(of: [4, 5, 6, 7]), "\(translators.seen)")
            #expect(translators.seen.contains(0x4d))
        }

        /// The monitors, and the daemon that has started them, of an earlier release's programs.
        @Test(arguments: old.map { [$0] } ?? [])
        func ofAnEarlierRelease(_ binaries: String) throws {
            let daemon = try Daemon(binaries: binaries)
            try takeOver(daemon) { id in
                let state = try Programs.text("\(daemon.root)/exec/containers/\(id)/state")
                let line = state.split(separator: "\n").first { $0.hasPrefix("monitor=") }
                let pid = try #require(line?.dropFirst("monitor=".count))
                let file = ["stat", "-Lc", "%i"]
                #expect(
                    try succeed(file + ["/proc/\(pid)/exe"]) == succeed(file + [binaries + "/gantry-runtime"]),
                    "the monitor is not of \(binaries)")
            }
        }

        /// The same of this release's.
        @Test func ofThisRelease() throws {
            try takeOver(try Daemon()) { _ in }
        }

        /// `between` is called for each container while there is no daemon.
        private func takeOver(_ daemon: Daemon, between: (String) throws -> Void) throws {
            do {
                try checkAll(daemon, between)
            } catch {
                let log = daemon.logTail
                // It may be in the middle of the change.
                try? daemon.stop()
                try? daemon.start()
                try? daemon.finish()
                throw HarnessError("\(error)\ndaemon:\n\(log)")
            }
            try daemon.finish()
        }

        private func checkAll(_ daemon: Daemon, _ between: (String) throws -> Void) throws {
            let client = Client.first
            let script = "echo first; while read line; do echo got $line; done; exit 4"
            let reader = try daemon.ok(client, "run", "-d", "-i", "--name", "reader", "busybox", "sh", "-c", script)
            let sleeper = try daemon.ok(client, "run", "-d", "-t", "--name", "sleeper", "busybox", "sleep", "1000")
            let trap = "trap 'echo ending; exit 7' TERM; echo up; while :; do sleep 0.1; done"
            let trapping = try daemon.ok(
                client, "run", "-d", "--name", "trapping", "--ulimit", "nofile=100:200", "-u", "1000", "busybox", "sh",
                "-c", trap)
            try eventually("the trap is set") { try daemon.run(client, "logs", trapping).out == "up\n" }
            let pid = try daemon.ok(client, "inspect", "-f", "{{.State.Pid}}", reader)
            try daemon.stop()
            for id in [reader, sleeper, trapping] { try between(id) }
            try daemon.start()

            #expect(
                try daemon.ok(client, "ps", "--format", "{{.Names}} {{.State}}").split(separator: "\n").sorted()
                    == ["reader running", "sleeper running", "trapping running"])
            #expect(try daemon.ok(client, "inspect", "-f", "{{.State.Pid}}", reader) == pid)
            #expect(try daemon.run(client, "logs", reader).out == "first\n")
            try checkExec(daemon, client)

            // Both directions of a stream that is attached now.
            let attached = try daemon.start(client, ["attach", reader])
            try attached.send("one\n")
            try attached.expect("got one\n")
            attached.signal(SIGKILL)
            _ = try attached.wait()
            #expect(try daemon.run(client, "logs", reader).out == "first\ngot one\n")

            #expect(try daemon.ok(client, "stop", "-t", "30", trapping) == trapping)
            #expect(try daemon.ok(client, "inspect", "-f", "{{.State.ExitCode}}", trapping) == "7")
            #expect(try daemon.run(client, "logs", trapping).out == "up\nending\n")
            try daemon.ok(client, "kill", sleeper)
            #expect(try daemon.ok(client, "wait", sleeper) == "137")
            #expect(try daemon.ok(client, "rm", "-f", reader) == reader)
            // And what it starts itself is of this release.
            #expect(try daemon.ok(client, "start", trapping) == trapping)
            #expect(try daemon.ok(client, "exec", trapping, "echo", "again") == "again")
        }

        private func checkExec(_ daemon: Daemon, _ client: Client) throws {
            #expect(try daemon.ok(client, "exec", "reader", "cat", "/proc/1/comm") == "sh")
            #expect(try daemon.run(client, ["exec", "-i", "reader", "cat"], input: Array("typed".utf8)).out == "typed")
            let failing = try daemon.run(client, "exec", "reader", "sh", "-c", "echo bad >&2; exit 3")
            #expect(failing.status == 3 && failing.err == "bad\n")
            let missing = try daemon.run(client, "exec", "reader", "/nothere")
            #expect(
                missing.status == 127 && (missing.out + missing.err).contains("no such file or directory"), "\(missing)"
            )
            #expect(
                try daemon.ok(
                    client, "exec", "-u", "1000:7", "-e", "A=b", "-w", "/tmp", "trapping", "sh", "-c",
                    "id -u; id -g; echo $A; pwd; ulimit -n; ulimit -Hn; grep Seccomp: /proc/self/status")
                    == "1000\n7\nb\n/tmp\n100\n200\nSeccomp:\t2")
            let shell = try daemon.start(client, ["exec", "-it", "sleeper", "sh"], terminal: true)
            try shell.expect("# ")
            let before = shell.out.count
            try shell.resize(rows: 41, columns: 133)
            for _ in 0..<500 where !shell.outText.dropFirst(before).contains("41 133") {
                try shell.send("stty size\n")
                shell.pump()
            }
            #expect(shell.outText.contains("41 133"))
            try shell.send("exit 5\n")
            #expect(try shell.wait().status == 5)
        }
    }
}
