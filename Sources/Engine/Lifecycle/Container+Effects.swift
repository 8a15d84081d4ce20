internal import Cgroups
internal import Concurrency
internal import DockerAPI
internal import Linux
internal import Logging
internal import Monitor

/// Carries out what ``ContainerLifecycle`` decides.
extension Container {
    /// Gives an event to the state machine and does what follows. Events that come of it are handled after it, in their order.
    /// A start that is due is left to the caller, who must call ``launch()``, where `launches` is false.
    func apply(_ event: ContainerLifecycle.Event, launches: Bool = true) {
        events.append(event)
        guard !isApplying else { return }
        isApplying = true
        while !events.isEmpty {
            for effect in transition(events.removeFirst()) { perform(effect) }
        }
        isApplying = false
        if launches, isLaunchDue { launchTask = Task { await self.launch() } }
    }

    /// A client's command; false when it was so already.
    @discardableResult
    func request(_ command: ContainerLifecycle.Command) async throws(EngineError) -> Bool {
        nextRequest += 1
        let request = nextRequest
        apply(.command(command, request), launches: false)
        // In the task of the client: a start takes no detour over another one.
        if isLaunchDue { await launch() }
        return try await answer(to: request).get()
    }

    private func answer(to request: ContainerLifecycle.Request) async -> Result<Bool, EngineError> {
        if let answer = answers.removeValue(forKey: request) { return answer }
        return await withCheckedContinuation { requests[request] = $0 }
    }

    private func perform(_ effect: ContainerLifecycle.Effect) {
        switch effect {
        case .launch: isLaunchDue = true
        case .signal(let signal, let request): send(signal, for: request)
        case .freeze(let request): freeze(for: request)
        case .thaw(let request): thaw(for: request)
        case .startTimer(let timer, let milliseconds): start(timer, milliseconds)
        case .cancelTimer(let timer): timers.removeValue(forKey: timer)?.cancel()
        case .save: save()
        case .publish(let notice): publish(notice)
        case .endExecs: for id in execs.keys { execEnded(id, 137) }
        case .resumeWaiters(let code, let error):
            settle(ContainerWaitResponse(StatusCode: Int(code), Error: error.isEmpty ? nil : .init(Message: error)))
        case .resumeRemovalWaiters(let code): settleRemoved(Int(code))
        case .killGroup: Cgroup(cgroupPath, in: environment.hierarchy).kill()
        case .releaseParts: afterwards { await $0.releaseRun() }
        case .forget: environment.index.remove(id: id)
        case .deleteParts: afterwards { $0.delete() }
        case .answer(let request, let answer): self.answer(request, answer)
        case .log(let remark): log(remark)
        }
    }

    private func answer(_ request: ContainerLifecycle.Request, _ answer: ContainerLifecycle.Answer) {
        let result: Result<Bool, EngineError> =
            switch answer {
            case .done: .success(true)
            case .unchanged: .success(false)
            case .refused(let refusal): .failure(error(for: refusal))
            }
        if let continuation = requests.removeValue(forKey: request) {
            continuation.resume(returning: result)
        } else {
            answers[request] = result
        }
    }

    /// Runs after everything that was to be cleaned up before; the next start, and the end of the daemon, wait for it.
    private func afterwards(_ body: @escaping @Sendable (isolated Container) async -> Void) {
        environment.cleanups.begin()
        let earlier = cleanup
        cleanup = Task {
            await earlier?.value
            await body(self)
            environment.cleanups.end()
        }
    }

    private func delete() {
        do {
            try deleteParts()
            apply(.deleted)
        } catch {
            apply(.deletionFailed(reason: "\(error)"))
        }
    }

    private func start(_ timer: ContainerLifecycle.Timer, _ milliseconds: Int64) {
        // A time that no computer lives to see is for ever.
        guard let wait = Clock.wait(seconds: Double(milliseconds) / 1000) else { return }
        timers[timer] = Task {
            do {
                // timer: of the state machine, cancelled by it.
                try await Task.sleep(for: wait)
            } catch {
                return  // cancelled
            }
            self.timers[timer] = nil
            self.apply(.timerFired(timer))
        }
    }

    private func send(_ signal: Int32, for request: ContainerLifecycle.Request?) {
        do {
            guard let link else { throw EngineError.notRunning(id) }
            try link.signal(signal, exec: nil)
            apply(.signalled(signal, request))
        } catch {
            apply(.signalFailed(signal, request, reason: "\(error)"))
        }
    }

    private func freeze(for request: ContainerLifecycle.Request) {
        do {
            try Cgroup(cgroupPath, in: environment.hierarchy).freeze()
            apply(.frozen(request))
        } catch {
            apply(.freezerFailed(request, reason: "\(error)"))
        }
    }

    private func thaw(for request: ContainerLifecycle.Request?) {
        do {
            try Cgroup(cgroupPath, in: environment.hierarchy).thaw()
            if let request { apply(.thawed(request)) }
        } catch {
            if let request {
                apply(.freezerFailed(request, reason: "\(error)"))
            } else {
                environment.log.error("container \(record.shortID): \(error)")
            }
        }
    }

    private func publish(_ notice: ContainerLifecycle.Notice) {
        switch notice {
        case .start: publish("start")
        case .stop: publish("stop")
        case .restart: publish("restart")
        case .pause: publish("pause")
        case .unpause: publish("unpause")
        case .oom: publish("oom")
        case .destroy: publish("destroy")
        case .kill(let signal): publish("kill", ["signal": String(signal)])
        case .die(let code, let seconds):
            publish("die", ["exitCode": String(code), "execDuration": String(seconds)])
            publishNetwork("disconnect")
        }
    }

    private func log(_ remark: ContainerLifecycle.Remark) {
        let log = environment.log
        switch remark {
        case .killedAfterTime:
            log.info("container \(record.shortID) did not end in the time it had to stop; killing it")
        case .signalFailed(let signal, let reason):
            log.warning("container \(record.shortID): signal \(signal) cannot be sent: \(reason)")
        case .restartFailed(let reason): log.error("container \(record.shortID) cannot be restarted: \(reason)")
        case .deletionFailed(let reason): log.error("container \(record.shortID) cannot be deleted: \(reason)")
        }
    }

    /// Docker's words.
    private func error(for refusal: ContainerLifecycle.Refusal) -> EngineError {
        switch refusal {
        case .notRunning: return .notRunning(id)
        case .noProcessToKill:
            return .conflict("cannot kill container: \(record.name): container \(id) is not running")
        case .paused: return .conflict("cannot start a paused container, try unpause instead")
        case .alreadyPaused: return .conflict("container \(id) is already paused")
        case .notPaused: return .conflict("Container \(id) is not paused")
        case .restarting: return .isRestarting(id)
        case .stillAlive("paused"):
            return .conflict(
                "cannot remove container \"\(record.name)\": container is paused and must be unpaused first")
        case .stillAlive(let state):
            return .conflict(
                "cannot remove container \"\(record.name)\": container is \(state): "
                    + "stop the container before removing or force remove")
        case .removalInProgress: return .conflict("removal of container \(id) is already in progress")
        case .markedForRemoval: return .conflict("container is marked for removal and cannot be started")
        case .gone: return .noSuchContainer(id)
        case .startFailed(let code, let message):
            // An error that is no launch failure keeps its kind, which decides about the API's status.
            return lastStartError ?? .launch(exitCode: code, message: message)
        case .failed(let reason): return .internalFailure(reason)
        }
    }
}

extension EngineError {
    static func isRestarting(_ id: String) -> EngineError {
        .conflict("Container \(id) is restarting, wait until the container is running")
    }
}
