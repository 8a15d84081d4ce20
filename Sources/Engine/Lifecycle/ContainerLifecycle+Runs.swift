internal import JSON

extension ContainerLifecycle {
    // MARK: Start

    mutating func started(_ pid: Int32, _ at: Int64) -> [Effect] {
        guard case .starting(let start) = phase else { return [] }
        phase = .running(.init(pid: pid, startedAt: at, lastFinishedAt: start.last?.finishedAt))
        var effects: [Effect] = [.save, .publish(.start)]
        effects += start.starts.map { .answer($0, .done) }
        effects += start.restarts.flatMap { [.publish(.restart), .answer($0, .done)] }
        return effects + resume(start.deferred)
    }

    /// Nothing of the start is left when this comes.
    mutating func startFailed(_ code: Int32, _ message: String) -> [Effect] {
        guard case .starting(let start) = phase else { return [] }
        let exit = Phase.Exit(
            startedAt: start.last?.startedAt, finishedAt: start.last?.finishedAt, code: code,
            oomKilled: start.last?.oomKilled ?? false, error: message)
        let answers = (start.starts + start.restarts).map {
            Effect.answer($0, .refused(.startFailed(code: code, message: message)))
        }
        var effects: [Effect] = []
        if start.cause != .client { effects.append(.log(.restartFailed(reason: message))) }
        if settings.removesItself {
            // `--rm` leaves nothing, however the run ended.
            effects.append(.resumeWaiters(code: code, error: message))
            return effects + removeItself(exit) + answers + [.deleteParts] + resume(start.deferred)
        }
        phase = .exited(exit)
        return effects + [.save, .resumeWaiters(code: code, error: message)] + answers + resume(start.deferred)
    }

    /// What came during a start, in its order; one of them may begin another start, which the rest waits for.
    private mutating func resume(_ deferred: [Deferred]) -> [Effect] {
        deferred.flatMap { handle($0.command, $0.request) }
    }

    // MARK: End

    mutating func ended(_ ending: Ending) -> [Effect] {
        switch phase {
        case .starting:
            // The report of the start was lost, its end is known.
            return started(0, ending.at) + ended(ending)
        case .running(let process), .paused(let process): return ended(process, .init(), ending)
        case .stopping(let process, let stop): return ended(process, stop, ending)
        case .created, .restarting, .exited, .dead, .removing: return []
        }
    }

    private mutating func ended(_ process: Phase.Init, _ stop: Phase.Stop, _ ending: Ending) -> [Effect] {
        let exit = Self.exit(process, ending)
        lastPause = RestartRule.pause(after: lastPause, ranFor: Self.duration(exit))
        let timers =
            (stop.stops + stop.restarts).map { Effect.cancelTimer(.stop($0)) }
            + stop.kills.map { Effect.cancelTimer(.kill($0)) }
        let answers =
            stop.stops.flatMap { [Effect.publish(.stop), .answer($0, .done)] }
            + stop.kills.map { Effect.answer($0, .done) }
        if !stop.removals.isEmpty {
            phase = .removing(.init(exit: exit, requests: stop.removals))
            return timers + Self.farewell(exit) + answers
                + stop.restarts.map { .answer($0, .refused(.markedForRemoval)) } + [.releaseParts, .deleteParts]
        }
        if !stop.restarts.isEmpty, !isDaemonStopping {
            let effects =
                [.save] + timers + Self.farewell(exit) + answers
                + stop.restarts.map { _ in .publish(.stop) } + [.releaseParts]
            // Not removed in between, even with `--rm`.
            return effects + start(.init(cause: .client, last: exit, restarts: stop.restarts))
        }
        let restarts = stop.restarts.map { Effect.answer($0, .refused(.notRunning)) }
        if settings.restartRule.restarts(afterCode: exit.code, restarts: self.restarts, desired: desired) {
            self.restarts += 1
            phase = .restarting(.init(exit: exit, milliseconds: lastPause))
            // The next daemon starts it, when this one is about to end.
            let timer = isDaemonStopping ? [] : [Effect.startTimer(.restart, milliseconds: lastPause)]
            return [.save] + timers + Self.farewell(exit) + answers + restarts + [.releaseParts] + timer
        }
        if settings.removesItself {
            // Answers first: a client of `run --rm` does not wait for files to be deleted.
            let farewell = Self.farewell(exit)
            return timers + farewell + answers + restarts + removeItself(exit) + [.releaseParts, .deleteParts]
        }
        phase = .exited(exit)
        return [.save] + timers + Self.farewell(exit) + answers + restarts + [.releaseParts]
    }

    static func exit(_ process: Phase.Init, _ ending: Ending) -> Phase.Exit {
        .init(
            startedAt: process.startedAt, finishedAt: ending.at, code: ending.code, oomKilled: ending.oomKilled)
    }

    private static func duration(_ exit: Phase.Exit) -> Int64 {
        guard let startedAt = exit.startedAt, let finishedAt = exit.finishedAt else { return 0 }
        return max(0, finishedAt.saturatingSubtract(startedAt))
    }

    /// What the rest of the daemon and its clients hear of the end of a run.
    static func farewell(_ exit: Phase.Exit) -> [Effect] {
        [.endExecs, .resumeWaiters(code: exit.code, error: "")] + (exit.oomKilled ? [.publish(.oom)] : [])
            + [.publish(.die(code: exit.code, seconds: duration(exit) / 1_000_000_000))]
    }

    // MARK: Removal

    /// Nobody asked: it is out of sight at once, and everything else goes behind the answers.
    mutating func removeItself(_ exit: Phase.Exit?) -> [Effect] {
        phase = .removing(.init(exit: exit, isForgotten: true))
        return [.forget, .publish(.destroy), .resumeRemovalWaiters(code: exit?.code ?? 0)]
    }

    mutating func deleted() -> [Effect] {
        guard case .removing(var removal) = phase, !removal.isDone else { return [] }
        let (requests, wasForgotten) = (removal.requests, removal.isForgotten)
        removal.isDone = true
        removal.requests = []
        phase = .removing(removal)
        if wasForgotten { return [] }
        return [.forget, .publish(.destroy), .resumeRemovalWaiters(code: removal.exit?.code ?? 0)]
            + requests.map { .answer($0, .done) }
    }

    mutating func deletionFailed(_ reason: String) -> [Effect] {
        guard case .removing(let removal) = phase, !removal.isDone else { return [] }
        // The next daemon finds the row and removes the container again.
        if removal.isForgotten { return [.log(.deletionFailed(reason: reason))] }
        phase = .dead(reason: reason, removal.exit)
        return [.log(.deletionFailed(reason: reason))] + removal.requests.map { .answer($0, .refused(.failed(reason))) }
    }
}
