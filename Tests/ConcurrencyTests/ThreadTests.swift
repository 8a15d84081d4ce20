import Concurrency
import Glibc
import Linux
import Synchronization
import Testing

private struct Failed: Error, Equatable {}

@Suite struct BlockingQueueTests {
    @Test func keepsTheOrderAndEndsWhenItIsClosed() throws {
        let queue = BlockingQueue<Int>()
        let taken = Mutex<[Int]>([])
        let thread = try BlockingThread {
            while let batch = queue.takeAll() { taken.withLock { $0 += batch } }
        }
        for number in 0..<1000 { #expect(queue.push(number)) }
        queue.close()
        thread.join()
        thread.join()
        #expect(taken.withLock { $0 } == Array(0..<1000))
        #expect(!queue.push(1000))
        #expect(queue.takeAll() == nil)
    }

    @Test func whatWasPushedBeforeTheEndIsStillTaken() {
        let queue = BlockingQueue<String>()
        queue.push("a")
        queue.push("b")
        queue.close()
        #expect(queue.takeAll() == ["a", "b"])
        #expect(queue.takeAll() == nil)
    }
}

@Suite struct ConditionLockTests {
    @Test func handsAStateToAndFroBetweenThreads() throws {
        let turn = ConditionLock(0)
        let thread = try BlockingThread {
            for round in 0..<500 { turn.wait(until: { $0 == 2 * round + 1 }) { $0 += 1 } }
        }
        for round in 0..<500 { turn.wait(until: { $0 == 2 * round }) { $0 += 1 } }
        thread.join()
        #expect(turn.change { $0 } == 1000)
    }
}

@Suite struct OnThreadTests {
    @Test func returnsWhatTheWorkReturnsOrThrows() async throws {
        let here = pthread_self()
        #expect(await onThread { pthread_equal(pthread_self(), here) } == 0)
        await #expect(throws: Failed()) { try await onThread { () throws(Failed) in throw Failed() } }
    }
}

/// `PID/task/TID`. Not pthread_self(3): its declaration says that it depends on nothing, and the optimiser asks on the caller's thread.
private func threadNumber() -> String {
    var buffer = [CChar](repeating: 0, count: 64)
    let count = readlink("/proc/thread-self", &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

private actor Worker {
    nonisolated private let executor: any SerialExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private var order: [Int] = []

    init(_ executor: any SerialExecutor) { self.executor = executor }

    func thread() -> String { threadNumber() }

    func add(_ number: Int) -> [Int] {
        order.append(number)
        return order
    }
}

@Suite struct ExecutorTests {
    @Test func aThreadExecutorIsOneThreadThatWasPrepared() async {
        let prepared = Mutex("")
        let worker = Worker(ThreadExecutor { prepared.withLock { $0 = threadNumber() } })
        for _ in 0..<20 {
            let thread = await worker.thread()
            #expect(thread == prepared.withLock { $0 })
        }
    }

    @Test func aThreadEndsWithItsExecutor() async throws {
        let ended = AsyncLatch()
        final class Witness: Sendable {
            let ended: AsyncLatch
            init(_ ended: AsyncLatch) { self.ended = ended }
            deinit { ended.open() }
        }
        do {
            let witness = Witness(ended)
            let worker = Worker(ThreadExecutor { withExtendedLifetime(witness) {} })
            _ = await worker.thread()
        }
        #expect(await ended.wait())
    }

    @Test func aQueueExecutorKeepsTheOrder() async {
        let worker = Worker(QueueExecutor(label: "test"))
        var seen: [Int] = []
        for number in 0..<20 { seen = await worker.add(number) }
        #expect(seen == Array(0..<20))
    }
}
