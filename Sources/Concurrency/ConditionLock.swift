internal import Glibc

/// State that plain threads wait for (pthread_cond_wait(3)). Tasks may change it; they do not wait here, for that would block a
/// thread of the cooperative pool.
///
/// `@unchecked`: the state is only touched under the mutex; the pthread types need a fixed address.
package final class ConditionLock<State>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    package init(_ state: sending State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Changes the state; threads that wait look at it again.
    package func change<Value>(_ change: (inout State) -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return change(&state)
    }

    /// Blocks the thread until `isReady`, then changes the state as ``change(_:)`` does.
    package func wait<Value>(until isReady: (State) -> Bool, then change: (inout State) -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        while !isReady(state) { pthread_cond_wait(changed, mutex) }
        return change(&state)
    }
}
