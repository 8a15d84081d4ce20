internal import Glibc

/// Bytes on their way from an asynchronous sender to a blocking reader, at most about `capacity` of them.
package final class BytePipe: @unchecked Sendable {
    // Guarded by `mutex`: a condition variable is what lets a plain thread wait for a task.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let capacity: Int
    private var chunks: [[UInt8]] = []
    private var next = 0
    private var offset = 0
    private var waiting = 0
    private var end: End?
    private var isReaderGone = false
    private var sender: CheckedContinuation<Void, Never>?

    private enum End {
        case complete
        case interrupted
    }

    package init(capacity: Int = 1 << 20) {
        self.capacity = capacity
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(arrived, nil)
    }

    deinit {
        pthread_cond_destroy(arrived)
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
        arrived.deallocate()
    }

    /// Hands over a chunk and waits for room. False when nobody reads any more. One sender at a time.
    package func send(_ chunk: [UInt8]) async -> Bool {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isFull = withLock {
                if isReaderGone || chunk.isEmpty { return false }
                chunks.append(chunk)
                waiting += chunk.count
                pthread_cond_signal(arrived)
                if waiting < capacity { return false }
                sender = continuation
                return true
            }
            if !isFull { continuation.resume() }
        }
        return withLock { !isReaderGone }
    }

    /// No more bytes. `complete` is false when the sender failed.
    package func finish(complete: Bool) {
        withLock {
            if end == nil { end = complete ? .complete : .interrupted }
            pthread_cond_signal(arrived)
        }
    }

    /// The reader will not come back; the sender need not wait.
    package func abandon() {
        let sender = withLock {
            isReaderGone = true
            pthread_cond_signal(arrived)
            chunks = []
            waiting = 0
            next = 0
            let sender = self.sender
            self.sender = nil
            return sender
        }
        sender?.resume()
    }

    /// Blocks until there is a chunk; nil at the end.
    func receive() throws(LayerError) -> [UInt8]? {
        pthread_mutex_lock(mutex)
        while next == chunks.count, end == nil, !isReaderGone { pthread_cond_wait(arrived, mutex) }
        guard next < chunks.count else {
            let isComplete = end == .complete
            pthread_mutex_unlock(mutex)
            if isComplete { return nil }
            throw .interrupted
        }
        let chunk = chunks[next]
        chunks[next] = []
        next += 1
        if next == chunks.count {
            chunks.removeAll(keepingCapacity: true)
            next = 0
        }
        waiting -= chunk.count
        var resumed: CheckedContinuation<Void, Never>?
        if waiting < capacity / 2 {
            resumed = sender
            sender = nil
        }
        pthread_mutex_unlock(mutex)
        resumed?.resume()
        return chunk
    }

    private func withLock<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}
