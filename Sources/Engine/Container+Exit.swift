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
            update { record in
                record.state.Status = "running"
                record.state.Running = true
                record.state.Pid = Int(pid)
                record.state.StartedAt = Clock.text()
                record.state.FinishedAt = ContainerState.never
                record.state.ExitCode = 0
                record.state.Error = ""
                record.state.OOMKilled = false
                record.wasStoppedByHand = false
            }
            publish("start")
            finishStart(.started)
        case .failed(let failure):
            finishStart(.failed(failure))
        case .exited(let exit):
            finishStart(.started)
            ended(code: exit.code, oomKilled: exit.oomKilled, at: exit.finishedAt)
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

    /// The first process is gone. Answers first; the rest is done behind them.
    func ended(code: Int32, oomKilled: Bool, at time: String) {
        guard record.state.Running else { return }
        environment.cleanups.begin()
        let removing = record.host.AutoRemove
        if removing { isRemoved = true }
        update { record in
            record.state.Status = "exited"
            record.state.Running = false
            record.state.Paused = false
            record.state.Pid = 0
            record.state.ExitCode = Int(code)
            record.state.OOMKilled = oomKilled
            record.state.FinishedAt = time
            record.endpoint = nil
        }
        for id in execs.keys { execEnded(id, 137) }
        if removing { environment.index.remove(id: id) }
        settle(ContainerWaitResponse(StatusCode: Int(code)))
        if oomKilled { publish("oom") }
        publish("die", ["exitCode": String(code), "execDuration": String(runSeconds())])
        publishNetwork("disconnect")
        if removing {
            publish("destroy")
            settleRemoved(Int(code))
        }
        cleanup = Task {
            await self.cleanUp(removing: removing)
            environment.cleanups.end()
        }
    }

    private func runSeconds() -> Int64 {
        let state = record.state
        guard let started = nanoseconds(state.StartedAt), let finished = nanoseconds(state.FinishedAt) else { return 0 }
        return max(0, finished.saturatingSubtract(started) / 1_000_000_000)
    }

    /// Waits until the monitor has let go, then gives everything back; deletes the container when it was to be.
    private func cleanUp(removing: Bool) async {
        await environment.networks.detach(containerID: id)
        await closed()
        link = nil
        await releaseParts()
        if removing { deleteParts() }
        if !removing { restartIfAsked() }
    }

    /// What a run holds beyond its record: address, cgroup, run directory. May be called twice.
    func releaseParts() async {
        await environment.networks.detach(containerID: id)
        if !Cgroup(cgroupPath, in: environment.hierarchy).remove() {
            environment.log.warning("container \(record.shortID): its cgroup \(cgroupPath) cannot be removed yet")
        }
        environment.removeTree(runDirectory)
    }

    /// Everything on disk. May be called twice.
    func deleteParts() {
        do {
            try environment.images.removeSnapshot(id: id)
        } catch {
            environment.log.warning("container \(record.shortID): \(error)")
        }
        environment.removeTree(files.directory)
        do {
            try environment.store.delete(id)
        } catch {
            environment.log.error("\(error)")
        }
    }

    private func monitorClosed() {
        linkClosed = true
        // A monitor that ended without a word was killed, and its container with it.
        finishStart(.failed(.init("the container's monitor ended unexpectedly")))
        if record.state.Running {
            Cgroup(cgroupPath, in: environment.hierarchy).kill()
            let exit = MonitorExit.readExit(runDirectory: runDirectory)
            ended(
                code: exit?.code ?? 137, oomKilled: exit?.oomKilled ?? false, at: exit?.finishedAt ?? Clock.text())
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
        let record = record
        if condition == .notRunning, !record.state.Running {
            resume(ContainerWaitResponse(StatusCode: record.state.ExitCode))
            return nil
        }
        if condition == .removed, isRemoved {
            resume(ContainerWaitResponse(StatusCode: record.state.ExitCode))
            return nil
        }
        nextWaiter += 1
        waiters[nextWaiter] = Waiter(condition: condition, resume: resume)
        return nextWaiter
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

    /// Waits for the exit, at most `seconds` (for ever when nil); false when time ran out.
    func waitForExit(seconds: Int?) async -> Bool {
        guard record.state.Running else { return true }
        var number: Int?
        var timer: Task<Void, Never>?
        let response: ContainerWaitResponse? = await withCheckedContinuation { continuation in
            number = addWaiter(.notRunning) { continuation.resume(returning: $0) }
            if let limit = seconds.flatMap({ Clock.wait(seconds: Double($0)) }), let waiting = number {
                timer = Task {
                    // timer: as long as the client would wait.
                    try? await Task.sleep(for: limit)
                    self.removeWaiter(waiting)
                }
            }
        }
        timer?.cancel()
        return response != nil
    }
}
