internal import Synchronization

/// State, and the tasks that wait for it to change, in the order in which they came. The other primitives are made of it.
final class WaiterList<State: Sendable>: Sendable {
    private struct Guarded {
        var state: State
        var waiting: [(number: UInt64, task: CheckedContinuation<Bool, Never>)] = []
        var next: UInt64 = 0
    }

    private let guarded: Mutex<Guarded>

    init(_ state: State) {
        guarded = Mutex(Guarded(state: state))
    }

    /// How many wait.
    var count: Int { guarded.withLock { $0.waiting.count } }

    /// Returns true at once when `isReady`, else when the task is let through by ``change(_:)``. False when the task is cancelled
    /// before that: it has then got nothing.
    func wait(unless isReady: @Sendable (inout State) -> Bool) async -> Bool {
        let number = guarded.withLock { guarded in
            guarded.next += 1
            return guarded.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = guarded.withLock { guarded in
                    // Cancelled before it stood in line: the handler has run and found nobody.
                    if Task.isCancelled { return false }
                    if isReady(&guarded.state) { return true }
                    guarded.waiting.append((number, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let cancelled = guarded.withLock { guarded in
                guarded.waiting.firstIndex { $0.number == number }.map { guarded.waiting.remove(at: $0) }
            }
            cancelled?.task.resume(returning: false)
        }
    }

    /// Changes the state. `change` is told how many wait and returns how many of them are let through, the first first.
    func change(_ change: (inout State, _ waiting: Int) -> Int) {
        let released = guarded.withLock { guarded in
            let count = min(change(&guarded.state, guarded.waiting.count), guarded.waiting.count)
            defer { guarded.waiting.removeFirst(count) }
            return guarded.waiting.prefix(count)
        }
        for waiter in released { waiter.task.resume(returning: true) }
    }

    func look<Value>(_ look: (State) -> Value) -> Value { guarded.withLock { look($0.state) } }
}

/// False when `limit` was over before `wait` returned true.
func wait(atMost limit: Duration, _ wait: @escaping @Sendable () async -> Bool) async -> Bool {
    await withTaskGroup(of: Bool.self) { group in
        group.addTask { await wait() }
        group.addTask {
            // timer: its end is the event.
            try? await Task.sleep(for: limit)
            return false
        }
        defer { group.cancelAll() }
        return await group.next() ?? false
    }
}
