import Foundation
import Testing

extension Integration {
    /// Issue heading 7: `kill -9` on the daemon costs nothing.
    @Suite struct DaemonDeath {
        private func withDaemon(_ body: (Daemon) throws -> Void) throws {
            let daemon = try Daemon(settings: Programs.isGantry ? [:] : ["live-restore": "true"])
            do {
                try body(daemon)
            } catch {
                let log = daemon.logTail
                try? daemon.finish()
                throw HarnessError("\(error)\ndaemon:\n\(log)")
            }
            try daemon.finish()
        }

        @Test func noLogLineIsLost() throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            var random = SplitMix(state: seed)
            try withDaemon { daemon in
                let client = Client.first
                let count = 3000
                let ids = try (0..<4).map { number in
                    let pause = number == 0 ? "" : "[ $((i % 50)) = 0 ] && sleep 0.05;"
                    let script =
                        "i=0; while [ $i -lt \(count) ]; do echo line $i; \(pause) i=$((i+1)); done; exit \(40 + number)"
                    return try daemon.ok(client, "run", "-d", "busybox", "sh", "-c", script)
                }
                for _ in 0..<5 {
                    usleep(UInt32.random(in: 0..<400_000, using: &random))
                    try daemon.kill9()
                    usleep(UInt32.random(in: 0..<300_000, using: &random))
                    try daemon.start()
                }
                let expected = (0..<count).map { "line \($0)\n" }.joined()
                for (number, id) in ids.enumerated() {
                    #expect(try daemon.ok(client, "wait", id) == "\(40 + number)", "seed \(seed)")
                    let log = try daemon.run(client, "logs", id).out
                    #expect(
                        log == expected, "seed \(seed), container \(number): \(log.count) of \(expected.count) bytes")
                    #expect(
                        try daemon.ok(client, "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", id)
                            == "exited \(40 + number)")
                }
            }
        }

        @Test func knowsWhatEndedWhileItWasDead() throws {
            try withDaemon { daemon in
                let client = Client.first
                let quiet = try daemon.ok(
                    client, "run", "-d", "-i", "busybox", "sh", "-c", "sleep 1; echo last words; exit 7")
                let killed = try daemon.ok(client, "run", "-d", "busybox", "sleep", "1000")
                let removed = try daemon.ok(client, "run", "-d", "--rm", "--name", "fleeting", "busybox", "sleep", "1")
                let pids = try [quiet, killed, removed].map {
                    try daemon.ok(client, "inspect", "-f", "{{.State.Pid}}", $0)
                }
                try daemon.kill9()
                kill(pid_t(pids[1]) ?? 0, SIGKILL)
                try eventually("all ended") { !pids.contains { isAlive($0) } }
                try daemon.start()
                let format = "{{.State.Status}} {{.State.ExitCode}} {{.State.Running}} {{.State.Pid}}"
                #expect(try daemon.ok(client, "inspect", "-f", format, quiet) == "exited 7 false 0")
                #expect(try daemon.ok(client, "inspect", "-f", format, killed) == "exited 137 false 0")
                #expect(try daemon.run(client, "logs", quiet).out == "last words\n")
                #expect(try daemon.ok(client, "wait", quiet, killed) == "7\n137")
                try eventually("--rm is kept") { try daemon.run(client, "inspect", removed).status == 1 }
                #expect(try daemon.run(client, "run", "--rm", "--name", "fleeting", "busybox", "true").status == 0)
                let finished = try daemon.ok(client, "inspect", "-f", "{{.State.FinishedAt}}", quiet)
                #expect(!finished.hasPrefix("0001"))
            }
        }

        @Test func goesOnWithWhatStillRuns() throws {
            try withDaemon { daemon in
                let client = Client.first
                let port = try freePort()
                let script =
                    "mkdir /w; echo served >/w/index.html; httpd -p 80 -h /w; while read l; do echo got $l; done; exit 4"
                let id = try daemon.ok(
                    client, "run", "-d", "-i", "--name", "survivor", "-p", "\(port):80", "-m", "64m", "busybox", "sh",
                    "-c", script)
                let url = "http://127.0.0.1:\(port)/"
                try eventually("served") { try command(["curl", "-s", url]).out == "served\n" }
                let pid = try daemon.ok(client, "inspect", "-f", "{{.State.Pid}}", id)
                try daemon.kill9()
                #expect(isAlive(pid))
                if Programs.isGantry {
                    #expect(
                        try succeed(["curl", "-s", "-m", "5", url]) == "served", "a published port needs no daemon")
                }
                try daemon.start()
                #expect(
                    try daemon.ok(client, "inspect", "-f", "{{.State.Status}} {{.State.Pid}}", id) == "running \(pid)")
                #expect(try daemon.ok(client, "ps", "--format", "{{.Names}} {{.State}}") == "survivor running")
                #expect(try daemon.ok(client, "exec", id, "cat", "/w/index.html") == "served")
                #expect(try daemon.run(client, "exec", id, "sh", "-c", "exit 3").status == 3)
                #expect(try daemon.ok(client, "port", id).contains(":\(port)"))
                #expect(try succeed(["curl", "-s", "-m", "5", url]) == "served")
                let taken = try daemon.run(client, "run", "--rm", "-p", "\(port):80", "busybox", "true")
                #expect(taken.status == 125, "\(taken)")
                let address = try daemon.ok(client, "inspect", "-f", "{{.NetworkSettings.IPAddress}}", id)
                let other = try daemon.ok(client, "run", "--rm", "busybox", "hostname", "-i")
                #expect(other != address, "an address in use is not given out again")
                let attached = try daemon.start(client, ["attach", id])
                usleep(300_000)
                try attached.send("after\n")
                try attached.expect("got after\n")
                #expect(try daemon.run(client, "logs", id).out == "got after\n")
                let waiting = try daemon.start(client, ["wait", id])
                usleep(100_000)
                try daemon.ok(client, "kill", id)
                #expect(try waiting.wait().out == "137\n")
                #expect(try attached.wait().status == 137)
                try daemon.ok(client, "rm", id)
            }
        }

        @Test func aTerminalIsThereAgain() throws {
            try withDaemon { daemon in
                let client = Client.first
                let id = try daemon.ok(client, "run", "-dit", "busybox", "sh")
                try daemon.kill9()
                try daemon.start()
                let shell = try daemon.start(client, ["attach", id], terminal: true)
                usleep(300_000)
                try shell.send("echo $((40 + 2)); exit 9\n")
                try shell.expect("42\r\n")
                #expect(try shell.wait().status == 9)
            }
        }

        /// Death in the middle of starts, stops and removals: the next daemon can list, start and remove all it finds.
        @Test func nothingHalfMadeStays() throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            var random = SplitMix(state: seed)
            try withDaemon { daemon in
                let client = Client.first
                for _ in 0..<5 {
                    var children: [Child] = []
                    for number in 0..<6 {
                        let words = number % 2 == 0 ? ["run", "--rm"] : ["run", "-d"]
                        children.append(try daemon.start(client, words + ["-p", "80", "busybox", "sleep", "0.2"]))
                    }
                    usleep(UInt32.random(in: 0..<250_000, using: &random))
                    try daemon.kill9()
                    for child in children { child.signal(SIGKILL) }
                    for child in children { _ = try child.wait() }
                    try daemon.start()
                }
                for id in try daemon.run(client, "ps", "-aq").lines {
                    let removed = try daemon.run(client, "rm", "-f", id)
                    #expect(
                        removed.status == 0 || removed.err.contains("No such container"), "seed \(seed): \(removed)")
                }
                try eventually("no container is left") { try daemon.run(client, "ps", "-aq").lines.isEmpty }
                #expect(try daemon.ok(client, "run", "--rm", "busybox", "echo", "fine") == "fine", "seed \(seed)")
            }
        }

        private func isAlive(_ pid: String) -> Bool {
            guard let stat = try? Programs.text("/proc/\(pid)/stat") else { return false }
            return !(stat.split(separator: ")").last ?? "").hasPrefix(" Z")
        }
    }
}

/// A generator that a printed seed repeats.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
