extension ContainerLifecycle {
    // MARK: A new daemon

    /// Its monitor lives. When the record does not say that it runs, the daemon before was killed between the start and its record.
    mutating func adopted(_ pid: Int32, _ at: Int64) -> [Effect] {
        switch phase {
        case .created, .exited, .restarting:
            phase = .running(.init(pid: pid, startedAt: at, lastFinishedAt: phase.exit?.finishedAt))
            return [.save]
        case .starting, .running, .paused, .stopping, .dead, .removing: return []
        }
    }

    /// It ended while no daemon was there. Whether it is started again is decided in ``daemonStarted()``.
    mutating func foundEnded(_ ending: Ending) -> [Effect] {
        guard let process = phase.process else { return [] }
        let exit = Self.exit(process, ending)
        phase = .exited(exit)
        return [.killGroup, .save] + Self.farewell(exit) + [.releaseParts]
    }

    mutating func daemonStarted() -> [Effect] {
        switch phase {
        case .created, .exited, .restarting: break
        case .starting, .running, .paused, .stopping, .dead, .removing: return []
        }
        let exit = phase.exit
        if let exit, exit.startedAt != nil,
            settings.restartRule.starts(withDaemonAfterCode: exit.code, restarts: restarts, desired: desired)
        {
            return start(.init(cause: .daemonStart, last: exit))
        }
        if settings.removesItself { return removeItself(exit) + [.releaseParts, .deleteParts] }
        guard case .restarting(let backoff) = phase else { return [] }
        phase = .exited(backoff.exit)
        return [.save]
    }

    // MARK: This daemon ends

    /// Containers go on; whatever waits for a time is over.
    mutating func daemonStops() -> [Effect] {
        isDaemonStopping = true
        switch phase {
        case .restarting: return [.cancelTimer(.restart)]
        case .stopping(_, let stop):
            return (stop.stops + stop.restarts).map { .cancelTimer(.stop($0)) }
                + stop.kills.map { .cancelTimer(.kill($0)) }
        default: return []
        }
    }
}
