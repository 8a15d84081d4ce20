internal import Concurrency

/// Bounded buffer between an asynchronous writer and a blocking reader; it holds about `capacity` bytes.
package final class BytePipe: Sendable {
    private struct State {
        var chunks: [[UInt8]] = []
        var next = 0
        var waiting = 0
        var end: End?
        var isReaderGone = false
        var sender: CheckedContinuation<Void, Never>?
    }

    private enum End {
        case complete
        case interrupted
    }

    private let state = ConditionLock(State())
    private let capacity: Int

    package init(capacity: Int = 1 << 20) {
        self.capacity = capacity
    }

    /// Appends a chunk and waits while the buffer is full. Returns false when the reader has stopped. Only one writer at a time.
    package func send(_ chunk: [UInt8]) async -> Bool {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isFull = state.change { state in
                if state.isReaderGone || chunk.isEmpty { return false }
                state.chunks.append(chunk)
                state.waiting += chunk.count
                if state.waiting < capacity { return false }
                state.sender = continuation
                return true
            }
            if !isFull { continuation.resume() }
        }
        return state.change { !$0.isReaderGone }
    }

    /// Ends the stream. `complete` is false when the writer failed.
    package func finish(complete: Bool) {
        state.change { state in
            if state.end == nil { state.end = complete ? .complete : .interrupted }
        }
    }

    /// Called by the reader when it stops early; releases a waiting writer.
    package func abandon() {
        let sender = state.change { state in
            defer {
                state = State()
                state.isReaderGone = true
            }
            return state.sender
        }
        sender?.resume()
    }

    /// Blocks until a chunk arrives; nil at the end.
    func receive() throws(LayerError) -> [UInt8]? {
        typealias Received = (chunk: [UInt8]?, isComplete: Bool, sender: CheckedContinuation<Void, Never>?)
        let isReady: (State) -> Bool = { $0.next < $0.chunks.count || $0.end != nil || $0.isReaderGone }
        let received: Received = state.wait(until: isReady) { state in
            guard state.next < state.chunks.count else { return (nil, state.end == .complete, nil) }
            let chunk = state.chunks[state.next]
            state.chunks[state.next] = []
            state.next += 1
            if state.next == state.chunks.count {
                state.chunks.removeAll(keepingCapacity: true)
                state.next = 0
            }
            state.waiting -= chunk.count
            guard state.waiting < capacity / 2 else { return (chunk, false, nil) }
            defer { state.sender = nil }
            return (chunk, false, state.sender)
        }
        received.sender?.resume()
        if received.chunk == nil, !received.isComplete { throw .interrupted }
        return received.chunk
    }
}
