internal import Dispatch
internal import Glibc

/// What an actor runs on that makes blocking system calls: they never hold up the cooperative pool. Its threads are Dispatch's.
package final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    package init(label: String) {
        queue = DispatchQueue(label: label)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        queue.async { job.runSynchronously(on: executor) }
    }
}

/// The one thread an actor runs on, where it matters which thread that is: a network namespace belongs to a thread (setns(2)).
package final class ThreadExecutor: SerialExecutor {
    private let jobs = BlockingQueue<(job: UnownedJob, executor: UnownedSerialExecutor)>()

    /// - Parameter prepare: what the thread does first.
    package init(_ prepare: @escaping @Sendable () -> Void) {
        do {
            try BlockingThread.detached { [jobs] in
                prepare()
                while let batch = jobs.takeAll() {
                    for entry in batch { entry.job.runSynchronously(on: entry.executor) }
                }
            }
        } catch {
            // There is nobody to tell: without the thread no call of the actor would ever return.
            fatalError("\(error)")
        }
    }

    deinit {
        jobs.close()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        jobs.push((UnownedJob(job), asUnownedSerialExecutor()))
    }
}
