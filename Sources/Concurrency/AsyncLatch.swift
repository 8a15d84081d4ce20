/// Something that happens once, and the tasks that wait for it.
package final class AsyncLatch: Sendable {
    private let isOpen = WaiterList(false)

    package init() {}

    /// How many tasks wait.
    package var waitingCount: Int { isOpen.count }

    /// Lets everybody through, now and later.
    package func open() {
        isOpen.change { isOpen, waiting in
            isOpen = true
            return waiting
        }
    }

    /// False when the task was cancelled before it was opened.
    @discardableResult
    package func wait() async -> Bool { await isOpen.wait { $0 } }

    /// False when it was not opened within `limit`, or the task was cancelled.
    @discardableResult
    package func wait(atMost limit: Duration) async -> Bool {
        if isOpen.look({ $0 }) { return true }
        return await Concurrency.wait(atMost: limit) { await self.wait() }
    }
}
