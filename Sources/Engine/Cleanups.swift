internal import Linux
internal import Synchronization

/// The clean-ups behind the ends of containers. They go on after everybody was answered; the daemon does not end before them.
final class Cleanups: Sendable {
    private let running = Mutex(0)

    func begin() { running.withLock { $0 += 1 } }

    func end() { running.withLock { $0 -= 1 } }

    /// Returns when none runs any more, or after `grace`: what is left then is swept by the next daemon.
    func settle(grace: Duration) async {
        let end = monotonicNanoseconds() + grace.nanoseconds
        while running.withLock({ $0 > 0 }), monotonicNanoseconds() < end {
            try? await Task.sleep(for: .milliseconds(1))
        }
    }
}
