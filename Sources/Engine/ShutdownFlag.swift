internal import Synchronization

/// Raised once, when the daemon begins to stop.
final class ShutdownFlag: Sendable {
    private let raised = Atomic(false)

    var isRaised: Bool { raised.load(ordering: .acquiring) }

    func raise() { raised.store(true, ordering: .releasing) }
}
