internal import ByteText
internal import DockerAPI
internal import JSON
internal import Synchronization

/// What happened lately, and who wants to hear what happens next (`GET /events`).
final class Journal: Sendable {
    private struct State {
        var past: [EventMessage] = []
        var listeners: [Int: Listener] = [:]
        var nextListener = 0
    }

    private struct Listener {
        let continuation: AsyncStream<EventMessage>.Continuation
        let filter: EventFilter
    }

    /// As many as Docker keeps.
    private static let memory = 256
    /// A listener that falls further behind than this loses the oldest events.
    private static let backlog = 1024

    private let state = Mutex(State())

    var listenerCount: Int { state.withLock { $0.listeners.count } }

    func publish(_ event: EventMessage) {
        let listeners = state.withLock { state in
            state.past.append(event)
            if state.past.count > Self.memory { state.past.removeFirst(state.past.count - Self.memory) }
            return Array(state.listeners.values)
        }
        for listener in listeners where listener.filter.admits(event) { listener.continuation.yield(event) }
    }

    /// Past events from `since` on when given, then new ones until `until`; both are nanoseconds since 1970.
    func events(since: Int64?, until: Int64?, filters: [String: [String]]) -> AsyncStream<EventMessage> {
        let filter = EventFilter(filters)
        let (stream, continuation) = AsyncStream.makeStream(
            of: EventMessage.self, bufferingPolicy: .bufferingNewest(Self.backlog))
        let number = state.withLock { state in
            if let since {
                for event in state.past
                where event.timeNano >= since && event.timeNano <= until ?? .max && filter.admits(event) {
                    continuation.yield(event)
                }
            }
            state.nextListener += 1
            state.listeners[state.nextListener] = Listener(continuation: continuation, filter: filter)
            return state.nextListener
        }
        var timer: Task<Void, Never>?
        if let until {
            let wait = until.saturatingSubtract(Clock.nanoseconds())
            if wait <= 0 {
                continuation.finish()
            } else if let wait = Clock.wait(seconds: Double(wait) / 1e9) {
                timer = Task {
                    // timer: until the end the client asked for.
                    try? await Task.sleep(for: wait)
                    continuation.finish()
                }
            }
        }
        let deadline = timer
        continuation.onTermination = { [weak self] _ in
            deadline?.cancel()
            _ = self?.state.withLock { $0.listeners.removeValue(forKey: number) }
        }
        if until.map({ $0 <= Clock.nanoseconds() }) == true {
            _ = state.withLock { $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }
}
