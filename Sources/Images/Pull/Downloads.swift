internal import Layers
internal import OCI
internal import Synchronization

/// Layers on their way. Who wants one that is already coming waits for it instead of fetching it twice.
actor Downloads {
    private struct Flight {
        let task: Task<Result<Void, ImageError>, Never>
        var waiting: Int
    }

    private var flights: [Digest: Flight] = [:]

    /// Does `fetch` for this content: once for all who ask at the same time, cancelled when all gave up.
    func layer(
        _ digest: Digest, fetch: @escaping @Sendable () async -> Result<Void, ImageError>
    ) async throws(ImageError) {
        let task: Task<Result<Void, ImageError>, Never>
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
    private func leave(_ digest: Digest, _ task: Task<Result<Void, ImageError>, Never>) {
        guard var flight = flights[digest], flight.task == task else { return }
        flight.waiting -= 1
        flights[digest] = flight
        if flight.waiting <= 0 {
            flights[digest] = nil
            task.cancel()
        }
    }
}
