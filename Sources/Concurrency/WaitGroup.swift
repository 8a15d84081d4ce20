/// Counts what goes on, for whoever must wait until nothing does.
package final class WaitGroup: Sendable {
    private let running = WaiterList(0)

    package init() {}

    /// How many tasks wait.
    package var waitingCount: Int { running.count }

    package func begin() {
        running.change { running, _ in
            running += 1
            return 0
        }
    }

    package func end() {
        running.change { running, waiting in
            running -= 1
            return running == 0 ? waiting : 0
        }
    }

    /// Returns when nothing goes on. False when the task was cancelled before that.
    @discardableResult
    package func wait() async -> Bool { await running.wait { $0 == 0 } }

    /// False when something still goes on after `limit`, or the task was cancelled.
    @discardableResult
    package func wait(atMost limit: Duration) async -> Bool {
        if running.look({ $0 == 0 }) { return true }
        return await Concurrency.wait(atMost: limit) { await self.wait() }
    }
}
