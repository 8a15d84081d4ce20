internal import Glibc
internal import Linux
internal import Netlink

/// The one thread an actor runs on, in a network namespace of its choice. A namespace belongs to a thread (setns(2)), so
/// a queue that borrows its threads will not do.
///
/// `@unchecked`: the jobs are only touched under the mutex; the pthread types need a fixed address.
final class NetworkThread: SerialExecutor, @unchecked Sendable {
    /// What the thread shares with its owner; outlives both as long as either is there.
    private final class Queue: @unchecked Sendable {
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        var jobs: [(UnownedJob, UnownedSerialExecutor)] = []
        var isClosed = false
        let namespace: SharedDescriptor?

        init(namespace: SharedDescriptor?) {
            self.namespace = namespace
            pthread_mutex_init(mutex, nil)
            pthread_cond_init(condition, nil)
        }

        deinit {
            pthread_cond_destroy(condition)
            pthread_mutex_destroy(mutex)
            condition.deallocate()
            mutex.deallocate()
        }

        func run() {
            if let namespace {
                do {
                    try NetworkNamespace.join(namespace.raw)
                } catch {
                    // Working in the wrong namespace would change somebody else's network.
                    fatalError("network service: \(error)")
                }
            }
            while true {
                pthread_mutex_lock(mutex)
                while jobs.isEmpty && !isClosed { pthread_cond_wait(condition, mutex) }
                let batch = jobs
                jobs.removeAll(keepingCapacity: true)
                pthread_mutex_unlock(mutex)
                if batch.isEmpty { return }
                for (job, executor) in batch { job.runSynchronously(on: executor) }
            }
        }
    }

    private let queue: Queue

    /// nil: the namespace of the thread that calls.
    init(namespace: SharedDescriptor?) {
        queue = Queue(namespace: namespace)
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(queue).toOpaque()
        let failed = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Queue>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, argument)
        // There is nobody to tell: without it no call of the service would ever return.
        precondition(failed == 0, "no thread for the network service: error \(failed)")
        pthread_detach(thread)
    }

    deinit {
        pthread_mutex_lock(queue.mutex)
        queue.isClosed = true
        pthread_cond_signal(queue.condition)
        pthread_mutex_unlock(queue.mutex)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let entry = (UnownedJob(job), asUnownedSerialExecutor())
        pthread_mutex_lock(queue.mutex)
        queue.jobs.append(entry)
        pthread_cond_signal(queue.condition)
        pthread_mutex_unlock(queue.mutex)
    }
}
