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

    /// Reads one chunk of output and gives it to the log and to everybody attached. False when there is no more now.
    func readOutput(_ index: Int, _ buffer: UnsafeMutableRawBufferPointer) -> Bool {
        let source = sources[index]
        // Room in front for the frame's head, so that one send carries both.
        let count = read(source.descriptor, buffer.baseAddress.map { $0 + 8 }, Self.chunk)
        if count > 0 {
            deliver(buffer, count, source.stream)
            return true
        }
        if count < 0 && (errno == EAGAIN || errno == EINTR) { return false }
        closeSource(index)
        return false
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
        for peer in peers where peer.wants(stream) { peer.send(isTerminal ? body : frame) }
        dropDead()
    }

    private func closeSource(_ index: Int) {
        let source = sources.remove(at: index)
        if source.descriptor != input || !isTerminal { close(source.descriptor) }
    }

    /// Everything that can be read now, however slow the clients are.
    func drain(_ buffer: UnsafeMutableRawBufferPointer) {
        var index = 0
        while index < sources.count {
            let before = sources.count
            while index < sources.count, sources.count == before, readOutput(index, buffer) {}
            if sources.count == before { index += 1 }
        }
    }

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

    /// 128 + n for a signal.
    func reap() -> (code: Int32, signal: Int32)? {
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
