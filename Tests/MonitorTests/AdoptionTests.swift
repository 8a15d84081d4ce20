import CLinux
import Glibc
import Linux
import Monitor
import MonitorProtocol
import Runtime
import Testing

/// Daemons and monitors of different releases.
@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(2)))
struct AdoptionTests {
    /// A message as a release of a later year would write it.
    private func message(_ number: UInt16, _ fields: [UInt8] = []) -> [UInt8] {
        [Message.mark, 0, UInt8(truncatingIfNeeded: number), UInt8(number >> 8), UInt8(fields.count), 0, 0, 0] + fields
    }

    private let required: [UInt8] = [0xf4, 0x81, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]

    private func isClosed(_ reader: Int32) -> Bool {
        var item = pollfd(fd: reader, events: 0, revents: 0)
        return poll(&item, 1, 10000) == 1 && Int32(item.revents) & POLLHUP != 0
    }

    private func pipeEnds() -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        precondition(linux_pipe(&ends) == 0)
        return (ends[0], ends[1])
    }

    private func event(_ peer: ScriptedPeer) throws -> MonitorEvent { try MonitorEvent(decoding: peer.receive().bytes) }

    // MARK: - A monitor of this release

    @Test func bothSidesSayWhoTheyAre() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sleep", "100"]))
        let pid = try #require(container.events.started())
        #expect(container.events.all.first == .hello(.own))
        let daemon = ScriptedPeer.daemon(of: sandbox.run)
        // Without being asked: who takes over waits for nothing.
        #expect(try event(daemon) == .hello(.own))
        guard case .adopted(let state) = try event(daemon) else {
            Issue.record("no state")
            return
        }
        #expect(state?.pid == pid)
        daemon.send(ControlRequest.signal(SIGKILL, exec: "").encoded())
        guard case .exited(let exit) = try event(daemon) else {
            Issue.record("no exit")
            return
        }
        #expect(exit.code == 137)
    }

    @Test func answersRequestsItDoesNotKnowAndKeepsNothingOfThem() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sleep", "100"]))
        _ = container.events.started()
        let daemon = ScriptedPeer.daemon(of: sandbox.run)
        daemon.send(ControlRequest.hello(Handshake(version: 9, release: "7.8.9")).encoded())
        _ = try event(daemon)
        _ = try event(daemon)
        func expectRefusal(_ bytes: [UInt8], _ number: UInt16, _ words: String) throws {
            let (reader, writer) = pipeEnds()
            daemon.send(bytes, [writer])
            close(writer)
            guard case .refused(let request, let reason) = try event(daemon) else {
                Issue.record("no answer to \(bytes)")
                return
            }
            #expect(request == number)
            #expect(reason.hasPrefix(words) && reason.contains("7.8.9; restart the container"), "\(reason)")
            #expect(isClosed(reader))
            close(reader)
        }
        try expectRefusal(message(77), 77, "message 77 is not known: ")
        try expectRefusal(message(4, required), 4, "field 500 is not known, and cannot be left out: ")
        try expectRefusal(Array(message(4, required).dropLast()), .max, "the message is cut short: ")
        // Of version 0, which it does not speak.
        try expectRefusal([6, 9, 0, 0, 0, 0, 0, 0, 0], .max, "it does not begin as a message does: ")
        try expectRefusal(message(77) + [UInt8](repeating: 0, count: 20000), .max, "the message is longer than 8192")
        // And goes on.
        daemon.send(ControlRequest.signal(SIGKILL, exec: "").encoded())
        guard case .exited = try event(daemon) else {
            Issue.record("no exit")
            return
        }
    }

    @Test func refusesExecsThatAskForWhatItDoesNotKnow() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sleep", "100"]))
        _ = container.events.started()
        let daemon = ScriptedPeer.daemon(of: sandbox.run)
        _ = try event(daemon)
        _ = try event(daemon)
        var spec = ExecSpec()
        spec.args = ["touch", "/tmp/ran"]
        spec.env = ["PATH=/bin"]
        func extended(_ tag: UInt8) -> [UInt8] {
            var bytes = spec.encodedMessage() + [0xf4, tag, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
            let length = UInt32(bytes.count - 8)
            for index in 0..<4 { bytes[4 + index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * index)) }
            return bytes
        }
        func start(_ id: String, _ bytes: [UInt8]) throws {
            let memory = try SealedMemory.make(bytes, name: "test")
            daemon.send(ControlRequest.exec(id: id).encoded(), [memory.raw])
        }
        // A restriction that it does not know.
        try start("a", extended(0x81))
        guard case .execFailed("a", let failure) = try event(daemon) else {
            Issue.record("no answer")
            return
        }
        #expect(failure.exitCode == 125)
        #expect(
            failure.message.hasPrefix("field 500 is not known, and cannot be left out: ")
                && failure.message.hasSuffix("restart the container"), "\(failure.message)")
        // A request whose own fields are not known: whoever started the exec is told.
        daemon.send(message(5, Array(ControlRequest.exec(id: "b").encoded().dropFirst(8)) + required))
        guard case .execFailed("b", _) = try event(daemon) else {
            Issue.record("no answer")
            return
        }
        // What can be passed over is.
        #expect(access(sandbox.root + "/tmp/ran", F_OK) != 0)
        try start("c", extended(0x01))
        guard case .execStarted("c", _) = try event(daemon), case .execExited("c", 0) = try event(daemon) else {
            Issue.record("not started")
            return
        }
        #expect(access(sandbox.root + "/tmp/ran", F_OK) == 0)
        daemon.send(ControlRequest.signal(SIGKILL, exec: "").encoded())
        _ = try event(daemon)
    }

    @Test func aLaunchThatIsNotUnderstoodFails() throws {
        let sandbox = Sandbox()
        let link = try Sandbox.spawner.spawn(runDirectory: sandbox.run)
        let events = Events()
        link.start(on: Sandbox.reactor) { events.put($0) }
        var spec = sandbox.spec(["true"])
        spec.mounts[0].flags = MountFlags(rawValue: 1 << 31)
        try link.launch(spec, rootfs: nil, log: nil)
        let failure = events.failure()
        #expect(failure?.message.hasPrefix("a mount has unknown flags (0x80000000): ") == true, "\(events.all)")
        #expect(events.closed())
    }

    /// A daemon of version 0 gives it the socket where it was then: neither waits for what the other does not understand.
    @Test func endsWhereTheSocketIsThatOfVersionZero() throws {
        let sandbox = Sandbox()
        let pair = try LocalSocketPair(Int32(SOCK_SEQPACKET.rawValue))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, pair.second.raw, 3)
        let words: [UnsafeMutablePointer<CChar>?] = [strdup("gantry-monitor"), strdup(sandbox.run), nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        #expect(posix_spawn(&pid, Sandbox.executable, &actions, nil, words, environ) == 0)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        #expect(status == 64 << 8)
    }

    // MARK: - A monitor of another release

    /// The small files of a run directory, as the release before this protocol wrote them and as a later one may.
    @Test func readsTheRunFilesOfOtherReleases() throws {
        let sandbox = Sandbox()
        func write(_ name: String, _ text: String) {
            let file = open(sandbox.run + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            _ = Glibc.write(file, text, text.utf8.count)
            close(file)
        }
        let state = MonitorState(pid: 41, startTime: 165588, monitorPid: 39)
        let exit = MonitorExit(
            code: 137, signal: 9, oomKilled: true, finishedAt: "2026-11-30T16:02:19.737610131Z")
        for more in ["", "later=a=b\nnonsense\n\n"] {
            write("state", "pid=41\nstartTime=165588\nmonitor=39\n" + more)
            #expect(MonitorState.readState(runDirectory: sandbox.run) == state)
            write("exit", "code=137\nsignal=9\noomKilled=true\nfinishedAt=2026-11-30T16:02:19.737610131Z\n" + more)
            #expect(MonitorExit.readExit(runDirectory: sandbox.run) == exit)
        }
    }

    /// Adopts a scripted monitor, after `before` was asked of it.
    private func adopt(
        _ sandbox: Sandbox, before: (MonitorLink) throws -> Void = { _ in }
    ) throws -> (link: MonitorLink, monitor: ScriptedPeer, events: Events) {
        let listener = ScriptedPeer.listening(in: sandbox.run)
        let link = try #require(try MonitorLink.adopt(runDirectory: sandbox.run))
        let events = Events()
        link.start(on: Sandbox.reactor) { events.put($0) }
        let monitor = listener.accept()
        let hello = monitor.receive().bytes
        #expect(hello == ControlRequest.hello(.own).encoded())
        try before(link)
        return (link, monitor, events)
    }

    private let adoptedZero: [UInt8] = [7, 41, 0, 0, 0, 0xd4, 0x86, 2, 0, 0, 0, 0, 0, 39, 0, 0, 0]

    @Test func speaksVersionZeroWithMonitorsThatDo() throws {
        let sandbox = Sandbox()
        let (link, monitor, events) = try adopt(sandbox)
        monitor.send(adoptedZero)
        let state = events.wait { if case .adopted(let state) = $0 { state } else { nil } }
        #expect(state == MonitorState(pid: 41, startTime: 165588, monitorPid: 39))

        var spec = ExecSpec()
        spec.args = ["true"]
        let stream = try Stream { try link.exec(id: "x", spec, stream: $0) }
        let (request, descriptors) = monitor.receive()
        #expect(request == [5, 1, 0, 0, 0, 0x78])
        try #require(descriptors.count == 2)
        let memory = try SealedMemory.read(Descriptor(owning: descriptors[0]))
        #expect(try memory == Dialect.versionZero.encoded(.process(spec)))
        _ = Glibc.send(descriptors[1], "out", 3, 0)
        close(descriptors[1])
        monitor.send([4, 1, 0, 0, 0, 0x78, 44, 0, 0, 0])
        monitor.send([6, 1, 0, 0, 0, 0x78, 3, 0, 0, 0])
        #expect(String(decoding: stream.readAll(), as: UTF8.self) == "out")
        #expect(events.execExit("x") == 3)

        try link.signal(15, exec: nil)
        #expect(monitor.receive().bytes == [6, 15, 0, 0, 0, 0, 0, 0, 0])
        try link.resize(columns: 90, rows: 30, exec: nil)
        #expect(monitor.receive().bytes == [7, 90, 0, 30, 0, 0, 0, 0, 0])
        try link.closeStdin(exec: "x")
        #expect(monitor.receive().bytes == [8, 1, 0, 0, 0, 0x78])
        let (reader, writer) = pipeEnds()
        try link.attach(stream: Descriptor(owning: writer), stdin: false, stdout: true, stderr: true)
        let attached = monitor.receive()
        #expect(attached.bytes == [4, 0, 1, 1] && attached.descriptors.count == 1)
        for descriptor in attached.descriptors { close(descriptor) }
        try link.replaceLog(Descriptor(owning: reader))
        #expect(monitor.receive().bytes == [9])
        #expect(throws: MonitorError.self) { try link.launch(sandbox.spec(["true"]), rootfs: nil, log: nil) }
        monitor.send([3, 137, 0, 0, 0, 9, 0, 0, 0, 0, 1, 0, 0, 0, 0x7a])
        #expect(events.exit() == MonitorExit(code: 137, signal: 9, oomKilled: false, finishedAt: "z"))
    }

    /// A daemon that takes over asks before it knows whom: nothing is lost, and nothing is sent that is not understood.
    @Test(arguments: [true, false]) func requestsWaitUntilItIsKnownHowToAsk(isVersionZero: Bool) throws {
        let sandbox = Sandbox()
        var spec = ExecSpec()
        spec.args = ["true"]
        var stream: Stream?
        let (link, monitor, events) = try adopt(sandbox) { link in
            stream = try Stream { try link.exec(id: "x", spec, stream: $0) }
            try link.signal(15, exec: "x")
        }
        let dialect: Dialect = isVersionZero ? .versionZero : .tagged
        if isVersionZero {
            monitor.send(adoptedZero)
        } else {
            monitor.send(MonitorEvent.hello(Handshake(version: 12, release: "9.0.0")).encoded())
            monitor.send(MonitorEvent.adopted(nil).encoded())
        }
        try link.signal(9, exec: "x")
        let (request, descriptors) = monitor.receive()
        #expect(try request == dialect.encoded(.exec(id: "x")))
        try #require(descriptors.count == 2)
        let memory = try SealedMemory.read(Descriptor(owning: descriptors[0]))
        #expect(try memory == dialect.encoded(.process(spec)))
        close(descriptors[1])
        #expect(stream?.readAll() == [])
        #expect(try monitor.receive().bytes == dialect.encoded(.signal(15, exec: "x")))
        #expect(try monitor.receive().bytes == dialect.encoded(.signal(9, exec: "x")))
        _ = events
    }

    @Test func passesOverEventsItDoesNotKnow() throws {
        let sandbox = Sandbox()
        let (link, monitor, events) = try adopt(sandbox)
        monitor.send(MonitorEvent.hello(Handshake(version: 12, release: "9.0.0")).encoded())
        monitor.send(message(77))
        monitor.send(message(1, required))
        monitor.send(message(1) + [UInt8](repeating: 0, count: 20000))
        monitor.send(MonitorEvent.exited(MonitorExit(code: 4, signal: 0, oomKilled: false, finishedAt: "")).encoded())
        #expect(events.exit()?.code == 4)
        #expect(
            events.all == [
                .hello(Handshake(version: 12, release: "9.0.0")), .notUnderstood("message 77 is not known"),
                .notUnderstood("field 500 is not known, and cannot be left out"),
                .notUnderstood("the message is longer than 8192 bytes"),
                .exited(MonitorExit(code: 4, signal: 0, oomKilled: false, finishedAt: "")),
            ])
        link.close()
    }
}
