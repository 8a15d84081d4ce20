internal import Glibc

/// Runs blocking work on a thread of its own, so that no thread of the concurrency runtime waits for a disk.
package func onThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws(LayerError) -> Value
) async throws(LayerError) -> Value {
    let result: Result<Value, LayerError> = await withCheckedContinuation { continuation in
        let work = Work {
            do throws(LayerError) {
                let value = try body()
                continuation.resume(returning: .success(value))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        let argument = Unmanaged.passRetained(work).toOpaque()
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, argument)
        if failure == 0 {
            pthread_detach(thread)
        } else {
            // No thread to be had: rather slow than not at all.
            Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
        }
    }
    return try result.get()
}

private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
