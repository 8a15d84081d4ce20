/// When a container is started again without a client: Docker's `RestartPolicy`.
package enum RestartRule: Sendable, Equatable {
    case never
    case always
    case unlessStopped
    /// After an exit code other than 0, at most so often; 0 is any number of times.
    case onFailure(limit: Int)

    /// After the end of a run. A client's stop or kill prevents it, whatever the rule.
    func restarts(afterCode code: Int32, restarts: Int, desired: ContainerLifecycle.Desired) -> Bool {
        switch self {
        case .never: false
        case .always: desired != .stopped
        case .unlessStopped: desired == .running
        case .onFailure(let limit): desired != .stopped && code != 0 && (limit == 0 || restarts < limit)
        }
    }

    /// When the daemon starts, of a container that does not run. As in Docker, only `unless-stopped` remembers a client's stop.
    func starts(withDaemonAfterCode code: Int32, restarts: Int, desired: ContainerLifecycle.Desired) -> Bool {
        switch self {
        case .never: false
        case .always: true
        case .unlessStopped: desired == .running
        case .onFailure(let limit): code != 0 && (limit == 0 || restarts < limit)
        }
    }

    /// The pause before the next run: 100 ms, doubled each time up to a minute, and 100 ms again after a run of ten seconds.
    static func pause(after last: Int64, ranFor nanoseconds: Int64) -> Int64 {
        if nanoseconds >= 10_000_000_000 || last == 0 { return 100 }
        return min(last * 2, 60_000)
    }
}
