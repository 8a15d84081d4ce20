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
    func wait(_ time: Duration) {
        deadline.store(monotonicNanoseconds() + time.nanoseconds, ordering: .relaxed)
    }

    func waitForever() {
        deadline.store(0, ordering: .relaxed)
    }

    func isOverdue(at now: Int64) -> Bool {
        let deadline = deadline.load(ordering: .relaxed)
        return deadline != 0 && now > deadline
    }
}
