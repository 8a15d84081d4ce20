internal import Concurrency
internal import Networking
internal import Runtime
internal import Logging
internal import Layers
internal import Cgroups
internal import DockerAPI
internal import Glibc
internal import Images
internal import JSON
internal import Linux
internal import Monitor
internal import MonitorProtocol

extension Container {
    /// What the monitor has to say.
    func handle(_ event: MonitorEvent) async {
        switch event {
        case .started(let pid, _):
            apply(.started(pid: pid, at: Clock.nanoseconds()))
            finishStart(.started)
        case .failed(let failure):
            finishStart(.failed(failure))
        case .exited(let exit):
            update { $0.endpoint = nil }
            apply(.exited(Self.ending(exit)))
            finishStart(.started)
        case .execStarted(let exec, let pid):
            execStarted(exec, pid)
        case .execFailed(let exec, let failure):
            execFailed(exec, failure)
        case .execExited(let exec, let code):
            execEnded(exec, code)
        case .hello, .adopted:
            break
        case .refused(let request, let reason):
            environment.log.warning("container \(record.shortID): its monitor refuses request \(request): \(reason)")
        case .notUnderstood(let reason):
            environment.log.warning("container \(record.shortID): an event of its monitor is passed over: \(reason)")
        case .warning(let text):
            environment.notices.say(text)
        case .closed:
            monitorClosed()
        }
    }

    static func ending(_ exit: MonitorExit) -> ContainerLifecycle.Ending {
        .init(code: exit.code, oomKilled: exit.oomKilled, at: nanoseconds(exit.finishedAt) ?? Clock.nanoseconds())
    }

    /// How a container ended whose monitor is gone: as the monitor wrote down, or by the signal that killed both.
    func endingWithoutMonitor() -> ContainerLifecycle.Ending {
        MonitorExit.readExit(runDirectory: runDirectory).map(Self.ending)
            ?? .init(code: 137, at: Clock.nanoseconds())
    }

    /// Waits until the monitor has let go, then gives everything back.
    func releaseRun() async {
        await environment.networks.detach(containerID: id)
        await closed()
        link = nil
        await releaseParts()
    }

    /// What a run holds beyond its record: address, cgroup, run directory. May be called twice.
    func releaseParts() async {
        await environment.networks.detach(containerID: id)
        let cgroup = Cgroup(cgroupPath, in: environment.hierarchy)
        // In the host's pid namespace the kernel kills nothing when the first process ends: what it has left behind would live on.
        if !record.host.PidMode.isEmpty { cgroup.kill() }
        if !cgroup.remove() {
            environment.log.warning("container \(record.shortID): its cgroup \(cgroupPath) cannot be removed yet")
        }
        environment.removeTree(runDirectory)
    }

    /// Everything on disk, its row first: a daemon that is killed after that removes the files as nobody's, and never finds a row
    /// without its files. May be called twice.
    func deleteParts() throws(EngineError) {
        try environment.store.delete(id)
        do {
            try environment.images.removeSnapshot(id: id)
        } catch {
            environment.log.warning("container \(record.shortID): \(error)")
        }
        environment.removeTree(files.directory)
    }

    private func monitorClosed() {
        linkClosed = true
        // A monitor that ended without a word was killed, and its container with it.
        finishStart(.failed(.init("the container's monitor ended unexpectedly")))
        if record.phase.process != nil {
            update { $0.endpoint = nil }
            apply(.monitorDied(endingWithoutMonitor()))
        }
        for continuation in closing { continuation.resume() }
        closing = []
    }

    /// Returns once the monitor's connection is closed.
    func closed() async {
        if linkClosed || link == nil { return }
        await withCheckedContinuation { closing.append($0) }
    }

    // MARK: Waiting

    /// Registers at once; `resume` gets nil when the wait is over without an exit.
    func addWaiter(_ condition: WaitCondition, _ resume: @escaping @Sendable (ContainerWaitResponse?) -> Void) -> Int? {
        let phase = record.phase
        let code = Int(phase.exit?.code ?? 0)
        if condition == .notRunning && !phase.isRunning || condition == .removed && phase.isForgotten {
            resume(ContainerWaitResponse(StatusCode: code))
            return nil
        }
        nextWaiter += 1
        waiters[nextWaiter] = Waiter(condition: condition, resume: resume)
        return nextWaiter
    }

    /// `resume` is called when there is no process, or none any more.
    func addExitWaiter(_ resume: @escaping @Sendable (ContainerWaitResponse?) -> Void) -> Int? {
        guard record.phase.process != nil else {
            resume(nil)
            return nil
        }
        return addWaiter(.nextExit, resume)
    }

    func removeWaiter(_ number: Int) {
        waiters.removeValue(forKey: number)?.resume(nil)
    }

    func settle(_ response: ContainerWaitResponse) {
        for (number, waiter) in waiters where waiter.condition != .removed || response.Error != nil {
            waiters[number] = nil
            waiter.resume(response)
        }
    }

    func settleRemoved(_ code: Int) {
        let waiting = waiters
        waiters = [:]
        for waiter in waiting.values { waiter.resume(ContainerWaitResponse(StatusCode: code)) }
    }
}
