internal import Glibc
internal import JSON

extension ContainerLifecycle {
    mutating func handle(_ command: Command, _ request: Request) -> [Effect] {
        switch phase {
        case .created: return handleIdle(command, request, nil)
        case .exited(let exit): return handleIdle(command, request, exit)
        case .starting(var start):
            // Nothing can be decided before it is known whether it runs.
            start.deferred.append(.init(command: command, request: request))
            phase = .starting(start)
            return []
        case .running(let process): return handleLive(command, request, process, .init())
        case .paused(let process): return handleLive(command, request, process, .init(isPaused: true))
        case .stopping(let process, let stop): return handleLive(command, request, process, stop)
        case .restarting(let backoff): return handleBetweenRuns(command, request, backoff.exit)
        case .dead(_, let exit):
            if case .remove = command { return remove(request, exit) }
            return [.answer(request, Self.answerOfRemoved(command, isGone: false))]
        case .removing(let removal):
            return [.answer(request, Self.answerOfRemoved(command, isGone: removal.isForgotten || removal.isDone))]
        }
    }

    private static func answerOfRemoved(_ command: Command, isGone: Bool) -> Answer {
        if isGone { return .refused(.gone) }
        return switch command {
        case .start, .restart: .refused(.markedForRemoval)
        case .stop: .unchanged
        case .kill: .refused(.noProcessToKill)
        case .pause, .unpause: .refused(.notRunning)
        case .remove: .refused(.removalInProgress)
        }
    }

    // MARK: No process

    private mutating func handleIdle(_ command: Command, _ request: Request, _ exit: Phase.Exit?) -> [Effect] {
        switch command {
        case .start: return start(.init(cause: .client, last: exit, starts: [request]))
        case .restart: return start(.init(cause: .client, last: exit, restarts: [request]))
        case .stop: return [.answer(request, .unchanged)]
        case .kill: return [.answer(request, .refused(.noProcessToKill))]
        case .pause, .unpause: return [.answer(request, .refused(.notRunning))]
        case .remove: return remove(request, exit)
        }
    }

    /// A start that a client or the daemon asks for begins a new count of restarts.
    mutating func start(_ start: Phase.Start) -> [Effect] {
        restarts = 0
        lastPause = 0
        desired = .running
        phase = .starting(start)
        return [.launch]
    }

    private mutating func remove(_ request: Request, _ exit: Phase.Exit?) -> [Effect] {
        phase = .removing(.init(exit: exit, requests: [request]))
        return [.releaseParts, .deleteParts]
    }

    /// During the pause before a restart: a signal has no process to go to, and what stops the container ends the pause.
    private mutating func handleBetweenRuns(_ command: Command, _ request: Request, _ exit: Phase.Exit) -> [Effect] {
        switch command {
        case .start: return [.answer(request, .unchanged)]
        case .pause: return [.answer(request, .refused(.restarting))]
        case .unpause: return [.answer(request, .refused(.notPaused))]
        case .stop: return endPause(exit) + [.save, .publish(.stop), .answer(request, .done)]
        case .kill(let signal):
            guard stops(signal) else {
                noteSignal()
                return saveDesired + [.answer(request, .done)]
            }
            return endPause(exit) + [.save, .answer(request, .done)]
        case .restart:
            return endPause(exit) + [.publish(.stop)]
                + start(.init(cause: .client, last: exit, restarts: [request]))
        case .remove(force: false): return [.answer(request, .refused(.stillAlive("restarting")))]
        case .remove(force: true): return endPause(exit) + remove(request, exit)
        }
    }

    private mutating func endPause(_ exit: Phase.Exit) -> [Effect] {
        desired = .stopped
        phase = .exited(exit)
        return [.cancelTimer(.restart), .resumeWaiters(code: exit.code, error: "")]
    }

    // MARK: A process

    private mutating func handleLive(
        _ command: Command, _ request: Request, _ process: Phase.Init, _ old: Phase.Stop
    ) -> [Effect] {
        var stop = old
        switch command {
        case .start: return [.answer(request, old.isPaused ? .refused(.paused) : .unchanged)]
        case .pause:
            if old.isKilled { return [.answer(request, .refused(.notRunning))] }
            return old.isPaused ? [.answer(request, .refused(.alreadyPaused))] : [.freeze(request)]
        case .unpause: return old.isPaused ? [.thaw(request)] : [.answer(request, .refused(.notPaused))]
        case .stop(let signal, let seconds):
            stop.stops.append(request)
            return end(process, stop, signal, request) + Self.timer(.stop(request), seconds)
        case .restart(let signal, let seconds):
            stop.restarts.append(request)
            return end(process, stop, signal, request) + Self.timer(.stop(request), seconds)
        case .kill(SIGKILL):
            stop.kills.append(request)
            return end(process, stop, SIGKILL, request) + Self.timer(.kill(request), 10)
        case .kill(let signal):
            guard stops(signal) else {
                noteSignal()
                return saveDesired + [.signal(signal, request)]
            }
            desired = .stopped
            stop.isPaused = false
            phase = stop.isEmpty ? .running(process) : .stopping(process, stop)
            return saveDesired + [.signal(signal, request)] + Self.thaw(old.isPaused)
        case .remove(force: false):
            return [.answer(request, .refused(.stillAlive(old.isPaused ? "paused" : "running")))]
        case .remove(force: true):
            guard old.removals.isEmpty else { return [.answer(request, .refused(.removalInProgress))] }
            stop.removals.append(request)
            return end(process, stop, SIGKILL, nil)
        }
    }

    private mutating func end(
        _ process: Phase.Init, _ stop: Phase.Stop, _ signal: Int32, _ request: Request?
    ) -> [Effect] {
        var stop = stop
        let wasPaused = stop.isPaused
        stop.isPaused = false
        if signal == SIGKILL { stop.isKilled = true }
        desired = .stopped
        phase = .stopping(process, stop)
        // Before the signal: a daemon that is killed after it must know who ended the container.
        return (stop.removals.isEmpty ? saveDesired : []) + [.signal(signal, request)] + Self.thaw(wasPaused)
    }

    private static func timer(_ timer: Timer, _ seconds: Int?) -> [Effect] {
        guard let seconds else { return [] }
        return [.startTimer(timer, milliseconds: Int64(seconds).saturatingMultiply(1000))]
    }

    /// Docker's rule for signals that stop the container for good: SIGKILL, the stop signal that is configured, and any signal
    /// where none is configured.
    private func stops(_ signal: Int32) -> Bool {
        signal == SIGKILL || settings.stopSignal == nil || signal == settings.stopSignal
    }

    private mutating func noteSignal() { if desired == .running { desired = .signalled } }

    // MARK: What came of it

    mutating func signalled(_ signal: Int32, _ request: Request?) -> [Effect] {
        let notice = Effect.publish(.kill(signal))
        guard let request, !awaitsEnd(request) else { return [notice] }
        return [notice, .answer(request, .done)]
    }

    mutating func signalFailed(_ signal: Int32, _ request: Request?, _ reason: String) -> [Effect] {
        guard let request else { return [.log(.signalFailed(signal, reason: reason))] }
        guard case .stopping(let process, var stop) = phase, awaitsEnd(request) else {
            return [.answer(request, .refused(.failed(reason)))]
        }
        // A stop goes on to SIGKILL when its time is over.
        guard stop.kills.contains(request) else { return [.log(.signalFailed(signal, reason: reason))] }
        stop.kills.removeAll { $0 == request }
        stop.isKilled = !stop.kills.isEmpty || !stop.removals.isEmpty
        phase = !stop.isEmpty ? .stopping(process, stop) : stop.isPaused ? .paused(process) : .running(process)
        return [.cancelTimer(.kill(request)), .answer(request, .refused(.failed(reason)))]
    }

    private func awaitsEnd(_ request: Request) -> Bool {
        guard case .stopping(_, let stop) = phase else { return false }
        return (stop.stops + stop.kills + stop.restarts + stop.removals).contains(request)
    }

    mutating func froze(_ request: Request) -> [Effect] {
        switch phase {
        case .running(let process): phase = .paused(process)
        case .paused: return [.answer(request, .refused(.alreadyPaused))]
        case .stopping(_, let stop) where stop.isKilled:
            // Killed between the request and the freezer.
            return [.thaw(nil), .answer(request, .refused(.notRunning))]
        case .stopping(let process, var stop):
            stop.isPaused = true
            phase = .stopping(process, stop)
        default: return [.answer(request, .refused(.notRunning))]
        }
        return [.save, .publish(.pause), .answer(request, .done)]
    }

    mutating func thawed(_ request: Request) -> [Effect] {
        switch phase {
        case .paused(let process): phase = .running(process)
        case .running: return [.answer(request, .refused(.notPaused))]
        case .stopping(let process, var stop):
            stop.isPaused = false
            phase = .stopping(process, stop)
        default: return [.answer(request, .refused(.notRunning))]
        }
        return [.save, .publish(.unpause), .answer(request, .done)]
    }
}
