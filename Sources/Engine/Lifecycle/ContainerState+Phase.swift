package import DockerAPI
internal import OCI

extension ContainerState {
    /// What `inspect` says of a container.
    package init(_ lifecycle: ContainerLifecycle) {
        self.init()
        let phase = lifecycle.phase
        (Running, Paused, Restarting) = (phase.isRunning, phase.isPaused, phase.isRestarting)
        if case .dead = phase { Dead = true }
        Status = Self.status(phase)
        if let process = phase.process {
            Pid = Int(process.pid)
            StartedAt = Self.text(process.startedAt)
            FinishedAt = Self.text(process.lastFinishedAt)
        } else if let exit = phase.exit {
            StartedAt = Self.text(exit.startedAt)
            FinishedAt = Self.text(exit.finishedAt)
            ExitCode = Int(exit.code)
            OOMKilled = exit.oomKilled
            Error = exit.error
        }
        if case .dead(let reason, _) = phase { Error = reason }
    }

    private static func status(_ phase: Phase) -> String {
        switch phase {
        case .running, .paused, .stopping: phase.isPaused ? "paused" : "running"
        case .restarting: "restarting"
        case .removing: "removing"
        case .dead: "dead"
        case .created, .starting, .exited:
            if phase.isRestarting { "restarting" } else { phase.exit?.startedAt == nil ? "created" : "exited" }
        }
    }

    private static func text(_ nanoseconds: Int64?) -> String {
        guard let nanoseconds else { return never }
        let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return Timestamp(
            seconds: rest < 0 ? seconds - 1 : seconds, nanoseconds: Int32(rest < 0 ? rest + 1_000_000_000 : rest)
        )
        .description
    }
}
