internal import CLinux
internal import Glibc
internal import Linux
internal import Runtime

/// A process the monitor started, with its streams: the container's first process, or an exec.
final class Session {
    /// One end of the process's output that is read here.
    struct Source {
        var descriptor: Int32
        /// 1 or 2.
        var stream: Int
    }

    static let chunk = 32768

    /// Empty for the first process.
    let id: String
    var pid: Int32 = 0
    var startTime: UInt64 = 0
    var pidfd: Int32 = -1
    /// As long as `pid` is a process that only sets up the one that executes the program.
    var setup: ClonedProcess?
    /// Open until the program is executed.
    var status: Int32 = -1
    var failure: LaunchFailure?
    /// Everything was set up: the end of the status socket means that the program runs.
    var isReady = false
    var isTerminal = false
    var inputOnce = false
    /// Writes the process's input; the terminal's controlling side counts too.
    var input: Int32 = -1
    var sources: [Source] = []
    var peers: [Peer] = []
    var log: LogWriter?
    /// Set when the process has ended.
    var isFinished = false
    private var waitingInput: [UInt8] = []
    private var inputOffset = 0
    private var closesInput = false

    init(id: String) { self.id = id }

    var hasWaitingInput: Bool { inputOffset < waitingInput.count }

    /// Some client is slow: the process waits for it, as with a pipe.
    var isHeldBack: Bool { peers.contains { $0.hasWaiting } }

    /// Reads one chunk of output and gives it to the log and to everybody attached. 0 when there is no more now.
    func readOutput(_ index: Int, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        let source = sources[index]
        // Room in front for the frame's head, so that one send carries both.
        let count = read(source.descriptor, buffer.baseAddress.map { $0 + 8 }, Self.chunk)
        if count > 0 {
            deliver(buffer, count, source.stream)
            return count
        }
        if count < 0 && (errno == EAGAIN || errno == EINTR) { return 0 }
        closeSource(index)
        return 0
    }

    private func deliver(_ buffer: UnsafeMutableRawBufferPointer, _ count: Int, _ stream: Int) {
        let body = UnsafeRawBufferPointer(rebasing: buffer[8..<8 + count])
        log?.write(body, stream: stream)
        guard !peers.isEmpty else { return }
        // Docker's frame: stream, three zero bytes, length in network order.
        buffer[0] = UInt8(stream)
        for position in 1...3 { buffer[position] = 0 }
        for position in 0..<4 { buffer[4 + position] = UInt8(truncatingIfNeeded: count >> (8 * (3 - position))) }
        let frame = UnsafeRawBufferPointer(rebasing: buffer[..<(8 + count)])
        let bytes = isTerminal ? body : frame
        // One copy for all who cannot take it now.
        var copy: [UInt8] = []
        for peer in peers where peer.wants(stream) {
            let sent = peer.send(bytes)
            guard sent < bytes.count, !peer.isDead else { continue }
            if copy.isEmpty { copy = Array(bytes) }
            peer.keep(copy[sent...])
        }
        dropDead()
    }

    /// How long a client may take nothing, in milliseconds, where others wait for it.
    private static let patience = 10_000

    /// Clients that may not hold the process back without end: who came later, and everybody as soon as there are several. The
    /// client that has started the process may, as the other end of a pipe may.
    private var impatient: [Peer] { isFinished ? [] : peers.filter { $0.hasWaiting && ($0.isLate || peers.count > 1) } }

    /// Milliseconds until the next of them is stuck, for poll(2): -1 for none.
    func timeLeft() -> Int32 {
        guard let first = impatient.map(\.lastTaken).min() else { return -1 }
        return Int32(clamping: max(0, first + Self.patience - Peer.now()) + 1)
    }

    /// Drops the clients that have taken nothing for too long: the process goes on.
    func dropStuck() {
        let now = Peer.now()
        for peer in impatient where now - peer.lastTaken >= Self.patience { peer.drop() }
        dropDead()
    }

    private func closeSource(_ index: Int) {
        let source = sources.remove(at: index)
        if source.descriptor != input || !isTerminal { close(source.descriptor) }
    }

    /// What the process had written when it ended, however slow the clients are: others may still write, and without end
    /// (CVE-2026-53495). A terminal does not say how much that is, but holds little.
    func drain(_ buffer: UnsafeMutableRawBufferPointer) {
        var index = 0
        while index < sources.count {
            let before = sources.count
            var left = isTerminal ? Self.terminalLimit : Int(linux_readable_bytes(sources[index].descriptor))
            while left > 0, index < sources.count, sources.count == before {
                let count = readOutput(index, buffer)
                if count == 0 { break }
                left -= count
            }
            if sources.count == before { index += 1 }
        }
    }

    private static let terminalLimit = 128 << 10

    /// Reads what a client types. Returns false when its side has ended.
    func readInput(_ peer: Peer, _ buffer: UnsafeMutableRawBufferPointer) {
        let count = recv(peer.descriptor, buffer.baseAddress, Self.chunk, Int32(MSG_DONTWAIT))
        if count > 0 {
            guard input >= 0, !closesInput else { return }
            waitingInput.append(contentsOf: buffer[..<count])
            flushInput()
        } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
            peer.inputEnded = true
            if count < 0 { peer.drop() }
            if inputOnce && !isTerminal { endInput() }
        }
    }

    func flushInput() {
        while hasWaitingInput, input >= 0 {
            let count = waitingInput.withUnsafeBytes {
                write(input, $0.baseAddress.map { $0 + inputOffset }, $0.count - inputOffset)
            }
            if count > 0 {
                inputOffset += count
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                closeInput()
            }
        }
        waitingInput = []
        inputOffset = 0
        if closesInput { closeInput() }
    }

    /// Ends the process's input when everything before has been written.
    func endInput() {
        guard !isTerminal else { return }
        closesInput = true
        if !hasWaitingInput { closeInput() }
    }

    private func closeInput() {
        if input >= 0 && !isTerminal { close(input) }
        input = -1
        waitingInput = []
        inputOffset = 0
    }

    func dropDead() {
        let before = peers.count
        let losesInput = inputOnce && peers.contains { $0.isDead && $0.wantsInput && !$0.inputEnded }
        peers.removeAll { $0.isDead }
        if losesInput && before != peers.count { endInput() }
    }

    /// The process is gone: writes the rest of the log and lets its streams go; clients still get what waits for them.
    func finish(_ buffer: UnsafeMutableRawBufferPointer) {
        drain(buffer)
        log?.finish()
        isFinished = true
        for source in sources where source.descriptor != input || !isTerminal { close(source.descriptor) }
        sources = []
        if input >= 0 { close(input) }
        input = -1
    }

    /// After the end: clients that got everything are let go.
    func closeFinishedPeers() {
        guard isFinished else { return }
        for peer in peers {
            peer.flush()
            if !peer.hasWaiting && !peer.isDead {
                peer.endOutput()
                peer.drop()
            }
        }
        peers.removeAll { $0.isDead }
    }

    /// Goes over from the process that sets everything up to the one that it has cloned; false when it failed before.
    func settle() -> Bool {
        let process = setup?.executingProcess()
        setup = nil
        (pid, pidfd) = (process?.pid ?? pid, process?.pidfd ?? -1)
        return process != nil
    }

    /// 128 + n for a signal.
    func reap() -> (code: Int32, signal: Int32)? {
        guard pidfd >= 0 else { return (255, 0) }
        var value: Int32 = 0
        switch linux_wait(pidfd, &value) {
        case 1: return (value, 0)
        case 2: return (128 + value, value)
        case 0: return nil
        default: return (255, 0)
        }
    }

    deinit {
        for handle in [pidfd, status] where handle >= 0 { close(handle) }
    }
}
