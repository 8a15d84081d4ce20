internal import Glibc
internal import Linux
internal import Synchronization

/// Runs blocking work on a thread of its own, so that no thread of the concurrency runtime waits for a disk.
package func onThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws(LayerError) -> Value
) async throws(LayerError) -> Value {
    let result: Result<Value, LayerError> = await withCheckedContinuation { continuation in
        let work: @Sendable () -> Void = {
            do throws(LayerError) {
                let value = try body()
                continuation.resume(returning: .success(value))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        if let thread = try? startThread(work) {
            pthread_detach(thread)
        } else {
            // No thread to be had: rather slow than not at all.
            work()
        }
    }
    return try result.get()
}

/// A thread for blocking work that whoever started it waits for.
final class JoinedThread: Sendable {
    private let thread: Mutex<pthread_t?>

    init(_ body: @escaping @Sendable () -> Void) throws(LayerError) {
        thread = Mutex(try startThread(body))
    }

    /// Blocks until it has ended; again, it answers at once.
    func join() {
        thread.withLock { thread in
            if let running = thread { pthread_join(running, nil) }
            thread = nil
        }
    }
}

private func startThread(_ body: @escaping @Sendable () -> Void) throws(LayerError) -> pthread_t {
    let argument = Unmanaged.passRetained(Work(body)).toOpaque()
    var thread = pthread_t()
    let failure = pthread_create(
        &thread, nil,
        { argument in
            guard let argument else { return nil }
            Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
            return nil
        }, argument)
    if failure != 0 {
        Unmanaged<Work>.fromOpaque(argument).release()
        throw .system(SystemError("pthread_create", code: failure))
    }
    return thread
}

private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
