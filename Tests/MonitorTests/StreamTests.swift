import Glibc
import Monitor
import MonitorProtocol
import Runtime
import Testing

/// What the monitor's streams cost it, and who waits for whom.
@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(3)))
struct StreamTests {
    /// The monitor of a container, as the kernel sees it.
    private struct Watched {
        let pid: Int32

        init(_ sandbox: Sandbox) throws {
            pid = try #require(MonitorState.readState(runDirectory: sandbox.run)?.monitorPid)
        }

        var descriptors: Int {
            guard let directory = opendir("/proc/\(pid)/fd") else { return -1 }
            defer { closedir(directory) }
            var count = 0
            while readdir(directory) != nil { count += 1 }
            return count
        }

        /// KiB.
        func memory(_ sandbox: Sandbox) -> Int {
            let line = sandbox.text("/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix("VmRSS") }
            return line.flatMap { Int($0.filter(\.isNumber)) } ?? -1
        }
    }

    private func exec(_ container: Running, _ id: String, _ script: String) throws -> Stream {
        var spec = ExecSpec()
        spec.args = ["sh", "-c", script]
        spec.env = ["PATH=/bin"]
        let stream = try Stream { try container.link.exec(id: id, spec, stream: $0) }
        stream.limit(seconds: 60)
        return stream
    }

    private func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<1000 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }

    private func end(_ container: Running) throws {
        try container.link.signal(SIGKILL, exec: nil)
        #expect(container.events.exit()?.code == 137)
    }

    /// CVE-2026-53495: what an exec leaves behind writes without end.
    @Test func execsThatLeaveWritersBehindLeaveNothing() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sh", "-c", "while true; do sleep 1; done"]))
        _ = container.events.started()
        let monitor = try Watched(sandbox)
        func leave(_ id: String) throws {
            // Faster than the monitor: it would never find their pipe empty.
            let stream = try exec(container, id, "cat /dev/zero & cat /dev/zero & cat /dev/zero & echo started")
            var count = 0
            while count < 256 << 20 {
                let part = stream.readSome()
                if part.isEmpty { break }
                count += part.count
            }
            try #require(count < 256 << 20, "the writer was followed")
            try #require(container.events.execExit(id) == 0)
        }
        for number in 0..<20 { try leave("warm\(number)") }
        let (memory, descriptors) = (monitor.memory(sandbox), monitor.descriptors)
        for number in 0..<200 { try leave("w\(number)") }
        #expect(eventually { monitor.descriptors <= descriptors }, "\(monitor.descriptors), before \(descriptors)")
        #expect(monitor.memory(sandbox) < memory + 1024, "before \(memory)")
        // A writer ends when it writes next: soon.
        let isOver = eventually {
            (try? container.exec("ps", ["sh", "-c", "ps | grep -c '[c]at'; true"]).output) == "0\n"
        }
        #expect(isOver)
        try end(container)
    }

    /// CVE-2022-31030, CVE-2025-64329: clients that never read, of processes that end and leave writers behind.
    @Test func clientsThatNeverReadCostLittle() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sh", "-c", "while true; do sleep 1; done"]))
        _ = container.events.started()
        let monitor = try Watched(sandbox)
        let (memory, descriptors) = (monitor.memory(sandbox), monitor.descriptors)
        var slow: [Stream] = []
        for number in 0..<150 {
            slow.append(try exec(container, "s\(number)", "yes & yes >&2 & sleep 0.2"))
            if number % 10 == 0 {
                // Somebody who reads does not wait for them.
                #expect(try container.exec("fast\(number)", ["echo", "quick"]).output == "quick\n")
            }
        }
        slow.append(try exec(container, "endless", "exec cat /dev/zero"))
        for number in 0..<150 { #expect(container.events.execExit("s\(number)") == 0) }
        #expect(try container.exec("last", ["echo", "quick"]).output == "quick\n")
        // 4 MiB of output, and the sessions themselves.
        #expect(monitor.memory(sandbox) < memory + (10 << 10), "before \(memory)")
        #expect(monitor.descriptors < descriptors + 80, "\(monitor.descriptors), before \(descriptors)")
        // Whoever was dropped sees the end, and whoever was kept has everything that it was owed.
        var sizes: [Int] = []
        for stream in slow.dropLast() { sizes.append(stream.readAll().count) }
        #expect(sizes.allSatisfy { $0 > 100_000 && $0 < 2 << 20 }, "\(sizes.min() ?? 0) to \(sizes.max() ?? 0)")
        try end(container)
    }

    /// A thousand clients of one container that never read.
    @Test func manyClientsShareWhatTheyWaitFor() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sh", "-c", "read line; exec yes"]))
        _ = container.events.started()
        let monitor = try Watched(sandbox)
        let (memory, descriptors) = (monitor.memory(sandbox), monitor.descriptors)
        var clients: [Stream] = []
        for _ in 0..<400 {
            clients.append(
                try Stream {
                    try container.link.attach(stream: $0, stdin: false, stdout: true, stderr: true)
                })
        }
        #expect(eventually { monitor.descriptors >= descriptors + 400 })
        container.stream.send("go\n")
        #expect(!container.stream.readSome().isEmpty)
        #expect(!clients[399].readSome().isEmpty)
        #expect(monitor.memory(sandbox) < memory + 4096, "before \(memory)")
        try end(container)
    }

    /// A client that came later and takes nothing is dropped after ten seconds: others and the log go on. One that has started
    /// the container is waited for, as the other end of a pipe is.
    @Test func whoIsStuckIsDropped() throws {
        let patient = Sandbox()
        let own = try patient.start(patient.spec(["sh", "-c", "head -c 3000000 /dev/zero; exit 3"]))
        _ = own.events.started()
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sh", "-c", "read line; exec yes"]))
        container.stream.limit(seconds: 60)
        _ = container.events.started()
        let stuck = try Stream {
            try container.link.attach(stream: $0, stdin: false, stdout: true, stderr: true)
        }
        stuck.limit(seconds: 60)
        container.stream.send("go\n")
        var count = 0
        while count < 8 << 20 {
            let part = container.stream.readSome()
            if part.isEmpty { break }
            count += part.count
        }
        #expect(count >= 8 << 20, "the other client waits after \(count) bytes")
        #expect(stuck.readAll().count < 1 << 20)
        var log = stat()
        #expect(stat(sandbox.logPath, &log) == 0 && log.st_size > 1 << 20)
        try end(container)
        let outcome = own.outcome(own.stream.readAll())
        #expect(outcome.output.utf8.count == 3_000_000 && outcome.exit?.code == 3)
    }

    /// CVE-2020-15257: what the monitor listens on has a path, which no container reaches.
    @Test func listensOnNoAbstractSocket() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["sleep", "100"])
        spec.namespaces.network = .host
        let container = try sandbox.start(spec)
        _ = container.events.started()
        let pid = try Watched(sandbox).pid
        var own: Set<String> = []
        let directory = try #require(opendir("/proc/\(pid)/fd"))
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            var target = [CChar](repeating: 0, count: 128)
            let count = readlink("/proc/\(pid)/fd/\(name)", &target, 127)
            let text = String(decoding: target.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if text.hasPrefix("socket:[") { own.insert(String(text.dropFirst(8).dropLast())) }
        }
        closedir(directory)
        // Num RefCount Protocol Flags Type St Inode Path
        let seen = try container.exec("u", ["cat", "/proc/net/unix"]).output.split(separator: "\n")
        let rows = seen.map { $0.split(separator: " ") }.filter { $0.count > 6 && own.contains(String($0[6])) }
        #expect(rows.contains { $0[3] == "00010000" }, "the socket that it listens on is not among them")
        #expect(!rows.contains { $0.count > 7 && $0[7].hasPrefix("@") }, "\(rows)")
        try end(container)
    }
}
