internal import JSON

/// A lifecycle as the database has it: what a later daemon needs, flat, so that a release that knows more phases can still read it.
package struct LifecycleRecord: Codable, Sendable, Equatable {
    /// `created`, `running`, `paused`, `restarting` or `exited`.
    package var phase = "created"
    package var desired = "running"
    var restarts = 0
    var pid: Int32?
    /// Nanoseconds since 1970.
    var startedAt: Int64?
    var finishedAt: Int64?
    var code: Int32?
    var oomKilled: Bool?
    var error: String?
}

extension LifecycleRecord {
    package init(_ lifecycle: ContainerLifecycle) {
        desired = lifecycle.desired.rawValue
        restarts = lifecycle.restarts
        if let process = lifecycle.phase.process {
            phase = lifecycle.phase.isPaused ? "paused" : "running"
            pid = process.pid
            startedAt = process.startedAt
            finishedAt = process.lastFinishedAt
            return
        }
        guard let exit = lifecycle.phase.exit else { return }
        // A start that is under way is no fact before it has succeeded, and a removal only leaves its mark by taking the row away.
        phase = lifecycle.phase.isRestarting ? "restarting" : "exited"
        startedAt = exit.startedAt
        finishedAt = exit.finishedAt
        code = exit.code
        oomKilled = exit.oomKilled
        error = exit.error
    }

    package var lifecycle: ContainerLifecycle {
        var lifecycle = ContainerLifecycle()
        lifecycle.desired = ContainerLifecycle.Desired(rawValue: desired) ?? .running
        lifecycle.restarts = restarts
        let process = Phase.Init(pid: pid ?? 0, startedAt: startedAt ?? 0, lastFinishedAt: finishedAt)
        let exit = Phase.Exit(
            startedAt: startedAt, finishedAt: finishedAt, code: code ?? 0, oomKilled: oomKilled ?? false,
            error: error ?? "")
        switch phase {
        case "created": break
        case "running": lifecycle.phase = .running(process)
        case "paused": lifecycle.phase = .paused(process)
        case "restarting": lifecycle.phase = .restarting(.init(exit: exit, milliseconds: 0))
        default: lifecycle.phase = .exited(exit)
        }
        return lifecycle
    }
}

extension ContainerLifecycle: Codable {
    package init(from decoder: any Decoder) throws { self = try LifecycleRecord(from: decoder).lifecycle }

    package func encode(to encoder: any Encoder) throws { try LifecycleRecord(self).encode(to: encoder) }
}
