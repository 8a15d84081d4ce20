internal import Layers
internal import OCI
internal import Synchronization

/// Layers on their way. Who wants one that is already coming waits for it instead of fetching it twice.
actor Downloads {
    private struct Flight {
        let task: Task<Result<LayerStore.Unpacked, ImageError>, Never>
        var waiting: Int
    }

    private var flights: [Digest: Flight] = [:]
    private var free = 0
    private var queue: [(id: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
    private var nextTicket: UInt64 = 0
    private var isSized = false

    /// The result of `fetch` for this content; run once for all who ask at the same time, cancelled when all gave up.
    ///
    /// Returns nil if the flight was somebody else's: its pull may be gone, so the caller looks again.
    func layer(
        _ digest: Digest, fetch: @escaping @Sendable () async -> Result<LayerStore.Unpacked, ImageError>
    ) async throws(ImageError) -> LayerStore.Unpacked {
        let task: Task<Result<LayerStore.Unpacked, ImageError>, Never>
        if let flight = flights[digest] {
            flights[digest]?.waiting += 1
            task = flight.task
        } else {
            task = Task { await fetch() }
            flights[digest] = Flight(task: task, waiting: 1)
        }
        let result = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            Task { await self.leave(digest, task) }
        }
        if flights[digest]?.task == task { flights[digest] = nil }
        if Task.isCancelled { throw .cancelled }
        return try result.get()
    }

    /// The last one out turns off the transfer.
    private func leave(_ digest: Digest, _ task: Task<Result<LayerStore.Unpacked, ImageError>, Never>) {
        guard var flight = flights[digest], flight.task == task else { return }
        flight.waiting -= 1
        flights[digest] = flight
        if flight.waiting <= 0 {
            flights[digest] = nil
            task.cancel()
        }
    }

    /// Runs `body` when fewer than `limit` others run.
    func limited<Value: Sendable>(
        to limit: Int, _ body: @Sendable () async -> Value
    ) async -> Value {
        if !isSized {
            free = max(1, limit)
            isSized = true
        }
        if free > 0 {
            free -= 1
        } else {
            let ticket = nextTicket
            nextTicket += 1
            await withCheckedContinuation { queue.append((ticket, $0)) }
        }
        let value = await body()
        if queue.isEmpty {
            free += 1
        } else {
            queue.removeFirst().continuation.resume()
        }
        return value
    }
}
