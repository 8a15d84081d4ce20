internal import Linux
internal import NIOCore
internal import Synchronization

/// The part of a connection that other tasks may use: its phase, its deadline, and closing it.
final class ConnectionControl: Sendable {
    enum Phase: UInt8, AtomicRepresentable {
        case waiting
        case handling
        case streaming
        case hijacked
        case lingering
    }

    let channel: any Channel
    /// Whether it is a unix socket.
    let isLocal: Bool
    private let phase = Atomic(Phase.waiting)
    /// When the connection is cut, in nanoseconds of the monotonic clock; 0 for never.
    private let deadline = Atomic<Int64>(0)
    /// A request is being received: if the deadline passes, the client gets a 408 response.
    private let owesAnswer = Atomic(false)
    private let closing = Atomic(false)
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(_ channel: any Channel, isLocal: Bool) {
        self.channel = channel
        self.isLocal = isLocal
    }

    var currentPhase: Phase { phase.load(ordering: .relaxed) }

    func enter(_ next: Phase) {
        phase.store(next, ordering: .relaxed)
    }

    /// The next response is the last one.
    var isClosing: Bool { closing.load(ordering: .relaxed) }

    func closeAfterAnswer() {
        closing.store(true, ordering: .relaxed)
    }

    /// The task that serves this connection; cancelled when the client disconnects. Call on the event loop, before the channel
    /// can report a disconnect.
    func attach(_ serving: Task<Void, Never>) {
        task.withLock { $0 = serving }
    }

    /// The client disconnected: cancels the serving task.
    func abandon() {
        task.withLock { $0 }?.cancel()
    }

    /// Closes both directions and cancels the serving task.
    func cut() {
        channel.close(promise: nil)
        abandon()
    }

    /// Cuts the connection unless there is progress within `time`.
    ///
    /// - Parameter forRequest: the client still has to send the rest of a request.
    func wait(_ time: Duration, forRequest: Bool = false) {
        owesAnswer.store(forRequest, ordering: .relaxed)
        deadline.store(monotonicNanoseconds() + time.nanoseconds, ordering: .relaxed)
    }

    /// The deadline has passed: closes the connection, with a 408 response when a request is incomplete and no response was
    /// begun.
    func expire() {
        waitForever()
        guard owesAnswer.load(ordering: .relaxed), currentPhase == .waiting || currentPhase == .handling else {
            return cut()
        }
        let channel = channel
        let text = "the request did not arrive in time\n"
        let answer =
            "HTTP/1.1 \(HTTPStatus.requestTimeout)\r\nContent-Type: text/plain; charset=utf-8\r\n"
            + "Content-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n\(text)"
        // Closing the channel cancels the serving task. It is closed even if the client does not read.
        channel.writeAndFlush(ByteBuffer(string: answer)).whenComplete { _ in channel.close(promise: nil) }
        channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }

    func waitForever() {
        deadline.store(0, ordering: .relaxed)
    }

    func isOverdue(at now: Int64) -> Bool {
        let deadline = deadline.load(ordering: .relaxed)
        return deadline != 0 && now > deadline
    }
}
