internal import Glibc
package import Linux
internal import Synchronization

/// A thread for blocking work that whoever started it waits for.
package final class BlockingThread: Sendable {
    private let thread: Mutex<pthread_t?>

    package init(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        thread = Mutex(try Self.start(body))
    }

    /// Blocks until it has ended; again, it answers at once.
    package func join() {
        thread.withLock { thread in
            if let running = thread { pthread_join(running, nil) }
            thread = nil
        }
    }

    /// Starts a thread that nobody waits for.
    package static func detached(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        pthread_detach(try start(body))
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private static func start(_ body: @escaping @Sendable () -> Void) throws(SystemError) -> pthread_t {
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
            throw SystemError("pthread_create", code: failure)
        }
        return thread
    }
}

/// Runs blocking work on a thread of its own, so that no thread of the cooperative pool waits for a disk.
package func onThread<Value: Sendable, Failure: Error>(
    _ body: @escaping @Sendable () throws(Failure) -> Value
) async throws(Failure) -> Value {
    let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
        let work: @Sendable () -> Void = {
            do throws(Failure) {
                let value = try body()
                continuation.resume(returning: .success(value))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        do {
            try BlockingThread.detached(work)
        } catch {
            // Falls back to the calling thread when no thread can be created.
            work()
        }
    }
    return try result.get()
}
