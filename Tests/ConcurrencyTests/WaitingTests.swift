import Concurrency
import Synchronization
import Testing

/// What happened, in its order.
private final class Record: Sendable {
    private let entries = Mutex<[String]>([])
    func add(_ entry: String) { entries.withLock { $0.append(entry) } }
    var all: [String] { entries.withLock { $0 } }
}

private final class Gauge: Sendable {
    private let values = Mutex((now: 0, most: 0))
    var now: Int { values.withLock { $0.now } }
    var most: Int { values.withLock { $0.most } }

    func change(by step: Int) {
        values.withLock { values in
            values.now += step
            values.most = max(values.most, values.now)
        }
    }
}

/// Lets other tasks run until `isSo`.
private func until(_ isSo: () -> Bool) async { while !isSo() { await Task.yield() } }

@Suite struct AsyncSemaphoreTests {
    @Test func letsTasksThroughInTheirOrder() async {
        let semaphore = AsyncSemaphore(1)
        let record = Record()
        #expect(await semaphore.acquire())
        var tasks: [Task<Void, Never>] = []
        for number in 0..<5 {
            tasks.append(
                Task {
                    await semaphore.run { record.add("\(number)") }
                })
            await until { semaphore.waitingCount == number + 1 }
        }
        #expect(record.all == [])
        semaphore.release()
        for task in tasks { await task.value }
        #expect(record.all == ["0", "1", "2", "3", "4"])
    }

    @Test func neverRunsMoreThanItHasPermits() async {
        let semaphore = AsyncSemaphore(3)
        let running = Gauge()
        await withTaskGroup { group in
            for _ in 0..<100 {
                group.addTask {
                    await semaphore.run {
                        running.change(by: 1)
                        await Task.yield()
                        running.change(by: -1)
                    }
                }
            }
        }
        #expect((1...3).contains(running.most) && running.now == 0)
    }

    @Test func aCancelledTaskLeavesTheLineWithoutAPermit() async {
        let semaphore = AsyncSemaphore(1)
        #expect(await semaphore.acquire())
        let first = Task { await semaphore.run { true } }
        await until { semaphore.waitingCount == 1 }
        let second = Task { await semaphore.run { true } }
        await until { semaphore.waitingCount == 2 }
        first.cancel()
        #expect(await first.value == nil)
        semaphore.release()
        #expect(await second.value == true)
        // The one permit is free again, and only one is.
        #expect(await semaphore.acquire())
        let third = Task { await semaphore.acquire() }
        await until { semaphore.waitingCount == 1 }
        third.cancel()
        #expect(await !third.value)
    }

    @Test func aTaskThatWasCancelledBeforeGetsNothing() async {
        let semaphore = AsyncSemaphore(1)
        let task = Task {
            await until { Task.isCancelled }
            return await semaphore.acquire()
        }
        task.cancel()
        #expect(await !task.value)
        #expect(await semaphore.acquire())
    }
}

@Suite struct AsyncLatchTests {
    @Test func letsEverybodyThroughOnceItIsOpen() async {
        let latch = AsyncLatch()
        let tasks = (0..<3).map { _ in Task { await latch.wait() } }
        await until { latch.waitingCount == 3 }
        latch.open()
        latch.open()
        for task in tasks { #expect(await task.value) }
        #expect(await latch.wait())
        #expect(await latch.wait(atMost: .zero))
    }

    @Test func givesUpAfterItsTimeAndWhenCancelled() async {
        let latch = AsyncLatch()
        #expect(await !latch.wait(atMost: .milliseconds(1)))
        #expect(latch.waitingCount == 0)
        let task = Task { await latch.wait(atMost: .seconds(3600)) }
        await until { latch.waitingCount == 1 }
        task.cancel()
        #expect(await !task.value)
        let opened = Task { await latch.wait(atMost: .seconds(3600)) }
        await until { latch.waitingCount == 1 }
        latch.open()
        #expect(await opened.value)
    }
}

@Suite struct AsyncSignalTests {
    @Test func remembersOneSignal() async {
        let signal = AsyncSignal()
        signal.signal()
        signal.signal()
        #expect(await signal.wait())
        let task = Task { await signal.wait() }
        await until { signal.waitingCount == 1 }
        signal.signal()
        #expect(await task.value)
        // It went to the task that waited, and to nobody after it.
        let next = Task { await signal.wait() }
        await until { signal.waitingCount == 1 }
        next.cancel()
        #expect(await !next.value)
    }
}

@Suite struct WaitGroupTests {
    @Test func waitsForTheLastOne() async {
        let group = WaitGroup()
        #expect(await group.wait())
        group.begin()
        group.begin()
        let task = Task { await group.wait() }
        await until { group.waitingCount == 1 }
        group.end()
        #expect(group.waitingCount == 1)
        #expect(await !group.wait(atMost: .milliseconds(1)))
        group.end()
        #expect(await task.value)
        #expect(await group.wait(atMost: .zero))
    }

    @Test func aCancelledWaitTakesNothing() async {
        let group = WaitGroup()
        group.begin()
        let task = Task { await group.wait() }
        await until { group.waitingCount == 1 }
        task.cancel()
        #expect(await !task.value)
        group.end()
        #expect(await group.wait())
    }
}

@Suite struct CoalescingWorkerTests {
    @Test func runsOnceMoreForAllWhoAskedMeanwhile() async {
        let record = Record()
        let (started, goOn) = (AsyncSignal(), AsyncSignal())
        let worker = CoalescingWorker {
            record.add("run")
            started.signal()
            await goOn.wait()
        }
        #expect(await worker.settle())
        worker.request()
        await started.wait()
        for _ in 0..<10 { worker.request() }
        #expect(record.all == ["run"])
        goOn.signal()
        await started.wait()
        let settled = Task { await worker.settle() }
        await until { worker.waitingCount == 1 }
        goOn.signal()
        #expect(await settled.value)
        #expect(record.all == ["run", "run"])
        // Idle again: the next request starts it anew.
        worker.request()
        await started.wait()
        let cancelled = Task { await worker.settle() }
        await until { worker.waitingCount == 1 }
        cancelled.cancel()
        #expect(await !cancelled.value)
        goOn.signal()
        #expect(await worker.settle())
        #expect(record.all == ["run", "run", "run"])
    }
}
