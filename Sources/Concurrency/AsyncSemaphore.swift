/// A number of permits; tasks that find none left wait in line, and whoever came first gets the next one.
package final class AsyncSemaphore: Sendable {
    private let permits: WaiterList<Int>

    package init(_ count: Int) {
        permits = WaiterList(max(1, count))
    }

    /// How many tasks wait for a permit.
    package var waitingCount: Int { permits.count }

    /// False when the task was cancelled while it waited: it has no permit then.
    package func acquire() async -> Bool {
        await permits.wait { free in
            defer { if free > 0 { free -= 1 } }
            return free > 0
        }
    }

    package func release() {
        permits.change { free, waiting in
            if waiting == 0 { free += 1 }
            return 1
        }
    }

    /// Runs `body` with a permit; nil when the task was cancelled while it waited for one.
    package func run<Value: Sendable>(_ body: @Sendable () async -> Value) async -> Value? {
        guard await acquire() else { return nil }
        defer { release() }
        return await body()
    }
}
