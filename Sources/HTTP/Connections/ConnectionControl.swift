internal import Linux
internal import NIOCore
internal import Synchronization

/// What others may do to a connection while its task serves it: look at its phase, and end it.
final class ConnectionControl: Sendable {
    enum Phase: UInt8, AtomicRepresentable {
        case waiting
        case handling
        case streaming
        case hijacked
        case lingering
    }

    let channel: any Channel
    /// A unix socket.
    let isLocal: Bool
    private let phase = Atomic(Phase.waiting)
    /// Nanoseconds of the monotonic clock after which the connection is cut; 0 for never.
    private let deadline = Atomic<Int64>(0)
    /// A request has begun: who lets the deadline pass is told so.
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

    /// The next answer is the last one.
    var isClosing: Bool { closing.load(ordering: .relaxed) }

    func closeAfterAnswer() {
        closing.store(true, ordering: .relaxed)
    }

    /// The task that serves this connection, to be cancelled when the client is gone. Called on the event loop, before
    /// the channel can tell that it is.
    func attach(_ serving: Task<Void, Never>) {
        task.withLock { $0 = serving }
    }

    /// The client is gone: whatever works for it may stop.
    func abandon() {
        task.withLock { $0 }?.cancel()
    }

    /// Closes both directions and stops the work.
    func cut() {
        channel.close(promise: nil)
        abandon()
    }

    /// The connection is cut unless something else happens within `time`.
    ///
    /// - Parameter forRequest: what is waited for is the rest of a request.
    func wait(_ time: Duration, forRequest: Bool = false) {
        owesAnswer.store(forRequest, ordering: .relaxed)
        deadline.store(monotonicNanoseconds() + time.nanoseconds, ordering: .relaxed)
    }

    /// The deadline has passed: ends the connection, after 408 when a request is half here and nothing was answered.
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
        // The end of the channel cancels the task that serves it. One whose client reads nothing is closed all the same.
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
