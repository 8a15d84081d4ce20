internal import CLinux
internal import Glibc
internal import Linux
internal import MonitorProtocol
internal import OCI
internal import Runtime

/// What stands beside one container: a single thread around poll(2).
///
/// It outlives the daemon. It reports the exit first, and only then lets go of the root mount, whose unmounting may
/// have to write a lot to disk.
package final class MonitorLoop {
    private let runDirectory: String
    private var daemon: DaemonConnection
    private var listener: Int32 = -1
    private let first = Session(id: "")
    private var execs: [Session] = []
    private var spec: LaunchSpec?
    private var root: Int32 = -1
    private var network: Int32 = -1
    private var held: [Int32] = []
    private var log: Int32 = -1
    private var isReported = false
    private var hasStarted = false
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Session.chunk + 8, alignment: 16)

    /// `control` is the daemon's socket; `runDirectory` takes the small files.
    package init(control: Int32, runDirectory: String) {
        daemon = DaemonConnection(control)
        self.runDirectory = runDirectory
    }

    deinit { buffer.deallocate() }

    /// Runs until the container has ended and everything it wrote is delivered.
    package func run() {
        _ = linux_set_dumpable(0)
        signal(SIGPIPE, SIG_IGN)
        listen()
        while step() {}
        if listener >= 0 {
            close(listener)
            RunFiles.remove(RunFiles.socket, in: runDirectory)
        }
    }

    // MARK: - Waiting

    private enum Token {
        case control, listener, status(Session), process(Session), source(Session, Int32), input(Session)
        case peer(Session, Peer)
    }

    private var sessions: [Session] { [first] + execs }

    /// One round; false when there is nothing left to do.
    private func step() -> Bool {
        if isReported && execs.isEmpty && first.peers.isEmpty && !daemon.hasWaiting { return false }
        // Nothing was launched and nobody is left who could do it.
        if !daemon.isOpen && spec == nil && !isReported { return false }
        var polls: [pollfd] = []
        var tokens: [Token] = []
        func watch(_ descriptor: Int32, _ events: Int32, _ token: Token) {
            polls.append(pollfd(fd: descriptor, events: Int16(events), revents: 0))
            tokens.append(token)
        }
        if daemon.isOpen { watch(daemon.descriptor, daemon.pollEvents, .control) }
        if listener >= 0 { watch(listener, POLLIN, .listener) }
        for session in sessions {
            if session.status >= 0 { watch(session.status, POLLIN, .status(session)) }
            if session.pidfd >= 0 && !session.isFinished { watch(session.pidfd, POLLIN, .process(session)) }
            if !session.isHeldBack {
                for source in session.sources { watch(source.descriptor, POLLIN, .source(session, source.descriptor)) }
            }
            if session.hasWaitingInput && session.input >= 0 { watch(session.input, POLLOUT, .input(session)) }
            for peer in session.peers {
                var events: Int32 = peer.hasWaiting ? POLLOUT : 0
                let takesInput = peer.wantsInput && !peer.inputEnded && !session.hasWaitingInput
                if takesInput && session.pidfd >= 0 { events |= POLLIN }
                // A client that is only being held back would make poll return at once when it hangs up.
                if events != 0 || session.pidfd >= 0 { watch(peer.descriptor, events, .peer(session, peer)) }
            }
        }
        let count = poll(&polls, nfds_t(polls.count), first.timeLeft())
        if count < 0 { return errno == EINTR }
        first.dropStuck()
        for (index, item) in polls.enumerated() where item.revents != 0 { handle(tokens[index], Int32(item.revents)) }
        return true
    }

    private func handle(_ token: Token, _ events: Int32) {
        switch token {
        case .control:
            if events & POLLOUT != 0 { flushOutbox() }
            if events & ~POLLOUT != 0, daemon.isOpen { readRequest() }
        case .listener: acceptDaemon()
        case .status(let session): _ = readStatus(session)
        case .process(let session): endSession(session)
        case .source(let session, let descriptor):
            if let index = session.sources.firstIndex(where: { $0.descriptor == descriptor }) {
                _ = session.readOutput(index, buffer)
            }
        case .input(let session): session.flushInput()
        case .peer(let session, let peer): servePeer(session, peer, events)
        }
    }

    private func servePeer(_ session: Session, _ peer: Peer, _ events: Int32) {
        if events & POLLOUT != 0 { peer.flush() }
        if events & POLLIN != 0 && peer.wantsInput && !peer.inputEnded {
            session.readInput(peer, buffer)
        } else if events & (POLLHUP | POLLERR) != 0 {
            peer.drop()
        }
        session.dropDead()
        session.closeFinishedPeers()
        if session.isFinished && session.peers.isEmpty && session !== first { execs.removeAll { $0 === session } }
    }

    // MARK: - The daemon

    private func listen() {
        let handle = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard handle >= 0 else { return }
        RunFiles.remove(RunFiles.socket, in: runDirectory)
        guard MonitorSocket.withAddress(in: runDirectory, { bind(handle, $0, $1) }) == 0,
            Glibc.listen(handle, 4) == 0
        else {
            close(handle)
            return
        }
        listener = handle
    }

    private func acceptDaemon() {
        var length: socklen_t = 0
        let handle = accept(listener, nil, &length)
        guard handle >= 0 else { return }
        _ = fcntl(handle, F_SETFD, FD_CLOEXEC)
        daemon.close()
        daemon = DaemonConnection(handle)
        send(
            .adopted(
                first.pid > 0
                    ? MonitorState(pid: first.pid, startTime: first.startTime, monitorPid: getpid()) : nil))
    }

    private func loseDaemon() {
        daemon.close()
        // A child that still waits for its network will never get it.
        if let spec, spec.takesNetworkFromDaemon, network < 0, first.status >= 0 {
            _ = linux_pidfd_send_signal(first.pidfd, SIGKILL)
        }
    }

    private func send(_ event: MonitorEvent) {
        daemon.add(event)
        flushOutbox()
    }

    private func flushOutbox() {
        if daemon.isOpen, !daemon.flush() { loseDaemon() }
    }

    private func readRequest() {
        switch daemon.receive() {
        case .nothing: break
        case .end: loseDaemon()
        case .tooLong: send(.refused(request: .max, reason: explanation(.tooLong)))
        case .message(let bytes, var given):
            serve(bytes, &given)
            for descriptor in given { close(descriptor) }
        }
    }

    private func serve(_ bytes: [UInt8], _ given: inout [Int32]) {
        do throws(MessageError) {
            let message = try Message(bytes)
            do throws(MessageError) {
                handle(try ControlRequest(message), &given)
            } catch {
                refuse(message, explanation(error))
            }
        } catch {
            send(.refused(request: .max, reason: explanation(error)))
        }
    }

    /// Answers what was not understood; whoever waits for the request's result gets that.
    private func refuse(_ message: Message, _ reason: String) {
        if message.number == ControlRequest.Number.launch.rawValue, spec == nil {
            fail(LaunchFailure(reason))
        } else if let exec = ControlRequest.exec(in: message) {
            send(.execFailed(id: exec, LaunchFailure(reason)))
        } else {
            send(.refused(request: message.number, reason: reason))
        }
    }

    private func explanation(_ error: MessageError) -> String {
        let release = daemon.daemon?.release ?? "an unknown release"
        return
            "\(error): the container's monitor is of Gantry \(Handshake.release), the daemon of \(release); restart the container"
    }

    /// Descriptors that are kept are taken out of `given`.
    private func handle(_ request: ControlRequest, _ given: inout [Int32]) {
        func take() -> Int32 { given.isEmpty ? -1 : given.removeFirst() }
        switch request {
        case .hello(let handshake): daemon.daemon = handshake
        case .launch(let hasRoot, let hasLog):
            let memory = Descriptor(owning: take())
            let mount = hasRoot ? take() : -1
            // A second launch is passed over, and its descriptors are closed.
            if hasLog, spec == nil { log = take() }
            launch(memory, mount)
        case .network:
            if network >= 0 { close(network) }
            network = take()
            held += given
            given = []
            forwardNetwork()
        case .hold:
            held += given
            given = []
        case .attach(let input, let output, let error):
            let stream = take()
            guard stream >= 0 else { return }
            if first.isFinished {
                close(stream)
            } else {
                let peer = Peer(descriptor: stream, input: input, output: output, error: error)
                peer.isLate = hasStarted
                first.peers.append(peer)
            }
        case .exec(let id):
            let memory = Descriptor(owning: take())
            exec(id, memory, stream: take())
        case .signal(let number, let exec):
            guard let session = session(exec), session.pidfd >= 0, !session.isFinished else { return }
            _ = linux_pidfd_send_signal(session.pidfd, number)
        case .resize(let columns, let rows, let exec):
            guard let session = session(exec), session.isTerminal, session.input >= 0 else { return }
            _ = linux_terminal_resize(session.input, columns, rows)
        case .closeInput(let exec): session(exec)?.endInput()
        case .log:
            let file = take()
            guard file >= 0 else { return }
            if log >= 0 { close(log) }
            log = file
            first.log?.descriptor = file
        }
    }

    private func session(_ id: String) -> Session? { id.isEmpty ? first : execs.first { $0.id == id } }

    // MARK: - Starting

    private func launch(_ memory: borrowing Descriptor, _ mount: Int32) {
        guard spec == nil else {
            if mount >= 0 { close(mount) }
            return
        }
        root = mount
        do throws(LaunchFailure) {
            var wanted = try read(memory) { bytes throws(MessageError) in try LaunchSpec(decodingMessage: bytes) }
            spec = wanted
            if root < 0 { root = try RootMount.open(wanted.rootfsPath) }
            if log >= 0 { first.log = LogWriter(descriptor: log) }
            let mount = root
            try start(first, wanted.process) { streams, status throws(LaunchFailure) in
                try ContainerStart.clone(&wanted, root: mount, streams: streams, status: status)
            }
            first.startTime = RunFiles.startTime(of: first.pid)
            forwardNetwork()
            MonitorState(pid: first.pid, startTime: first.startTime, monitorPid: getpid())
                .write(runDirectory: runDirectory)
        } catch {
            fail(error)
        }
    }

    private func read<Spec>(
        _ memory: borrowing Descriptor, _ decode: ([UInt8]) throws(MessageError) -> Spec
    ) throws(LaunchFailure) -> Spec {
        let bytes: [UInt8]
        do {
            bytes = try SealedMemory.read(memory)
        } catch {
            throw LaunchFailure("read the specification: \(error.reason)")
        }
        do {
            return try decode(bytes)
        } catch {
            throw LaunchFailure(explanation(error))
        }
    }

    private func forwardNetwork() {
        guard network >= 0, first.status >= 0 else { return }
        var byte: UInt8 = 1
        var descriptor = network
        _ = linux_send_message(first.status, &byte, 1, &descriptor, 1, 0)
        // The processes in it keep the namespace; the daemon holds it while the container is being started.
        close(network)
        network = -1
        spec?.takesNetworkFromDaemon = false
    }

    /// Makes the streams and the status socket, clones, and keeps this side's ends.
    private func start(
        _ session: Session, _ process: ProcessSpec,
        _ clone: (ChildStreams, Int32) throws(LaunchFailure) -> ClonedProcess
    ) throws(LaunchFailure) {
        session.isTerminal = process.tty
        session.inputOnce = process.stdinOnce
        var streams = ChildStreams()
        var theirs: [Int32] = []
        defer { for handle in theirs { close(handle) } }
        if !process.tty {
            let takesOutput = session === first || !session.peers.isEmpty
            if process.openStdin {
                let ends = try pipeEnds()
                (streams.input, session.input) = (ends.0, ends.1)
                theirs.append(ends.0)
                unblock(ends.1)
            }
            if takesOutput {
                for stream in 1...2 {
                    let ends = try pipeEnds()
                    unblock(ends.0)
                    session.sources.append(Session.Source(descriptor: ends.0, stream: stream))
                    theirs.append(ends.1)
                    if stream == 1 { streams.output = ends.1 } else { streams.error = ends.1 }
                }
            }
        }
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            throw LaunchFailure("make the status socket: \(SystemError("", code: errno).reason)")
        }
        session.status = pair[0]
        theirs.append(pair[1])
        let child = try clone(streams, pair[1])
        session.pid = child.pid
        session.pidfd = child.pidfd
        if child.clonesAnother { session.setup = child }
    }

    private func pipeEnds() throws(LaunchFailure) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        guard linux_pipe(&ends) == 0 else {
            throw LaunchFailure("make a pipe: \(SystemError("", code: errno).reason)")
        }
        return (ends[0], ends[1])
    }

    private func unblock(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    private func exec(_ id: String, _ memory: borrowing Descriptor, stream: Int32) {
        let session = Session(id: id)
        if stream >= 0 {
            session.peers.append(Peer(descriptor: stream, input: true, output: true, error: true))
        }
        do throws(LaunchFailure) {
            let wanted = try read(memory) { bytes throws(MessageError) in try ProcessSpec(decodingMessage: bytes) }
            guard hasStarted, !first.isFinished, let spec else {
                throw LaunchFailure("the container is not running")
            }
            var kinds = ContainerJoin.defaultKinds
            if spec.namespaces.time != .host { kinds |= ContainerJoin.timeKind }
            if spec.namespaces.user != .host { kinds = ContainerJoin.kinds(of: first.pid) }
            let target = first.pidfd
            let cgroups = spec.cgroups
            try start(session, wanted) { streams, status throws(LaunchFailure) in
                try ContainerJoin.clone(
                    wanted, target: target, kinds: kinds, cgroups: cgroups, streams: streams, status: status)
            }
            execs.append(session)
        } catch {
            session.isFinished = true
            session.closeFinishedPeers()
            send(.execFailed(id: id, error))
        }
    }

    /// A failure, the terminal, or the end of file that says the program was executed. False when there is no more now.
    private func readStatus(_ session: Session) -> Bool {
        guard session.status >= 0 else { return false }
        var bytes = [UInt8](repeating: 0, count: 8192)
        var descriptors: [Int32] = [-1]
        var count = 1
        let received = linux_receive_message(
            session.status, &bytes, bytes.count, &descriptors, &count, Int32(MSG_DONTWAIT))
        if received == -Int(EINTR) { return true }
        if received == -Int(EAGAIN) { return false }
        guard received > 0 else {
            endStatus(session)
            return false
        }
        var given = descriptors.prefix(count)
        // What cannot be decoded says nothing.
        if let message = try? StatusMessage(decoding: Array(bytes[..<received])) { handle(message, &given, session) }
        for descriptor in given { close(descriptor) }
        return true
    }

    /// Descriptors that are kept are taken out of `given`.
    private func handle(_ message: StatusMessage, _ given: inout ArraySlice<Int32>, _ session: Session) {
        switch message {
        case .failure(let failure): session.failure = failure
        // From here on the other end is a process that the container sees, and may have taken over.
        case _ where session.isReady: break
        case .ready: session.isReady = true
        case .hooks, .listener: break
        case .warning(let text): send(.warning(text))
        case .terminal:
            guard let terminal = given.popFirst() else { return }
            unblock(terminal)
            session.input = terminal
            session.sources = [Session.Source(descriptor: terminal, stream: 1)]
        }
    }

    private func endStatus(_ session: Session) {
        close(session.status)
        session.status = -1
        // Before the process is there that was set up, its end says more.
        if session.setup == nil { announce(session) }
    }

    /// The program was executed, unless something was said to the contrary.
    private func announce(_ session: Session) {
        guard session.isReady else {
            session.failure =
                session.failure ?? LaunchFailure("the container's process was killed while it was being set up")
            return
        }
        if session.failure != nil { return }
        if session === first {
            hasStarted = true
            send(.started(pid: session.pid, startTime: session.startTime))
        } else {
            send(.execStarted(id: session.id, pid: session.pid))
        }
    }

    // MARK: - Ending

    private func endSession(_ session: Session) {
        // The process that set everything up has ended; the one that it cloned goes on.
        let wasSetUp = session.setup == nil
        if !wasSetUp, session.settle() {
            if session.status < 0 { announce(session) }
            return
        }
        // What the child said before it ended comes first. Others in the container may have taken the socket from it.
        while readStatus(session) {}
        if !wasSetUp {
            session.isReady = false
            if session.status < 0 { announce(session) }
        }
        if session.status >= 0 { endStatus(session) }
        guard let result = session.reap() else { return }
        session.finish(buffer)
        if session === first {
            endContainer(result)
        } else {
            if let failure = session.failure {
                send(.execFailed(id: session.id, failure))
            } else {
                send(.execExited(id: session.id, code: result.code))
            }
            session.closeFinishedPeers()
            if session.peers.isEmpty { execs.removeAll { $0 === session } }
        }
        dropOldest()
    }

    /// What clients of processes that have ended did not take yet, in bytes, is kept up to here; then the oldest is dropped.
    private static let keptLimit = 4 << 20

    private func dropOldest() {
        var kept = 0
        for session in ([first] + execs.reversed()) where session.isFinished {
            for peer in session.peers {
                // A descriptor costs something too.
                kept += max(peer.waitingCount, 65536)
                if kept > Self.keptLimit { peer.drop() }
            }
            session.dropDead()
        }
        execs.removeAll { $0.isFinished && $0.peers.isEmpty }
    }

    private func endContainer(_ result: (code: Int32, signal: Int32)) {
        isReported = true
        if let failure = first.failure {
            RunFiles.remove(RunFiles.state, in: runDirectory)
            send(.failed(failure))
        } else {
            let exit = MonitorExit(
                code: result.code, signal: result.signal, oomKilled: MemoryEvents.wasKilled(spec?.cgroups ?? []),
                finishedAt: Timestamp.now().description)
            send(.exited(exit))
            first.closeFinishedPeers()
            exit.write(runDirectory: runDirectory)
        }
        first.closeFinishedPeers()
        // Execs in a shared process namespace outlive the first process; they are the container's all the same.
        for session in execs where !session.isFinished { _ = linux_pidfd_send_signal(session.pidfd, SIGKILL) }
        for descriptor in held { close(descriptor) }
        held = []
        if log >= 0 { close(log) }
        log = -1
        first.log = nil
        if root >= 0 { close(root) }
        root = -1
    }

    private func fail(_ failure: LaunchFailure) {
        isReported = true
        first.isFinished = true
        send(.failed(failure))
        first.closeFinishedPeers()
        if root >= 0 { close(root) }
        root = -1
    }
}
