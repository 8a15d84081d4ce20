/// Work that many ask for and that is done once for all who asked meanwhile, one run at a time.
package final class CoalescingWorker: Sendable {
    private enum State {
        case idle
        case running(again: Bool)
    }

    private let state = WaiterList(State.idle)
    private let work: @Sendable () async -> Void

    package init(_ work: @escaping @Sendable () async -> Void) {
        self.work = work
    }

    /// How many tasks wait for it to be idle.
    package var waitingCount: Int { state.count }

    /// A run that begins after this call will happen.
    package func request() {
        var mustStart = false
        state.change { state, _ in
            if case .idle = state {
                mustStart = true
                state = .running(again: false)
            } else {
                state = .running(again: true)
            }
            return 0
        }
        if !mustStart { return }
        // Ends by itself when nobody asks any more; whoever owns the worker waits for that with settle().
        Task { repeat { await work() } while isWantedAgain() }
    }

    private func isWantedAgain() -> Bool {
        var again = false
        state.change { state, waiting in
            if case .running(again: true) = state {
                again = true
                state = .running(again: false)
                return 0
            }
            state = .idle
            return waiting
        }
        return again
    }

    /// Returns when nothing is left to do. False when the task was cancelled before that.
    @discardableResult
    package func settle() async -> Bool {
        await state.wait { state in
            if case .idle = state { true } else { false }
        }
    }
}
