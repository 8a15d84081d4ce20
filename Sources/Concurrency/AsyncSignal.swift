/// Wakes one task for any number of signals that came since it last woke.
package final class AsyncSignal: Sendable {
    private let isSet = WaiterList(false)

    package init() {}

    /// How many tasks wait.
    package var waitingCount: Int { isSet.count }

    package func signal() {
        isSet.change { isSet, waiting in
            if waiting == 0 { isSet = true }
            return 1
        }
    }

    /// Returns at once when there was a signal since the last call. False when the task was cancelled.
    @discardableResult
    package func wait() async -> Bool {
        await isSet.wait { isSet in
            defer { isSet = false }
            return isSet
        }
    }
}
