internal import DockerAPI
internal import JSON
internal import Networking

/// Rows of the database, also those that a release before this one wrote: they have Docker's `State` where this one has the lifecycle.
extension ContainerRecord {
    package init(from decoder: any Decoder) throws {
        let row = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            id: try row.decode(String.self, forKey: .id), name: try row.decode(String.self, forKey: .name),
            created: try row.decode(String.self, forKey: .created),
            createdAt: try row.decode(Int64.self, forKey: .createdAt),
            image: try row.decode(String.self, forKey: .image), path: try row.decode(String.self, forKey: .path),
            args: try row.decode([String].self, forKey: .args),
            config: try row.decode(ContainerConfig.self, forKey: .config),
            host: try row.decode(HostConfig.self, forKey: .host),
            endpoints: try row.decode([String: EndpointSettings].self, forKey: .endpoints),
            mounts: try row.decode([MountPoint].self, forKey: .mounts),
            readOnlyIsRecursive: try row.decodeIfPresent(Bool.self, forKey: .readOnlyIsRecursive),
            endpoint: try row.decodeIfPresent(NetworkEndpoint.self, forKey: .endpoint))
        if row.contains(.lifecycle) {
            lifecycle = try row.decode(ContainerLifecycle.self, forKey: .lifecycle)
        } else {
            lifecycle = try EarlierState(from: decoder).lifecycle
        }
        lifecycle.settings = settings
    }
}

/// What releases up to 0.1 wrote about the life of a container.
private struct EarlierState: Decodable {
    var state: ContainerState
    var restartCount: Int
    var wasStoppedByHand: Bool

    var lifecycle: ContainerLifecycle {
        var lifecycle = ContainerLifecycle()
        lifecycle.desired = wasStoppedByHand ? .stopped : .running
        lifecycle.restarts = restartCount
        let exit = Phase.Exit(
            startedAt: nanoseconds(state.StartedAt), finishedAt: nanoseconds(state.FinishedAt),
            code: Int32(clamping: state.ExitCode), oomKilled: state.OOMKilled, error: state.Error)
        let process = Phase.Init(
            pid: Int32(clamping: state.Pid), startedAt: exit.startedAt ?? 0, lastFinishedAt: exit.finishedAt)
        if state.Running {
            lifecycle.phase = state.Paused ? .paused(process) : .running(process)
        } else if state.Status == "restarting" {
            lifecycle.phase = .restarting(.init(exit: exit, milliseconds: 0))
        } else if state.Status != "created" || exit.code != 0 || !exit.error.isEmpty {
            lifecycle.phase = .exited(exit)
        }
        return lifecycle
    }
}

extension ContainerRecord {
    /// What of the configuration decides about the life of the container.
    var settings: ContainerLifecycle.Settings {
        var settings = ContainerLifecycle.Settings()
        settings.removesItself = host.AutoRemove
        settings.stopSignal = config.StopSignal.flatMap(Signal.number)
        settings.restartRule =
            switch host.RestartPolicy.Name {
            case "always": .always
            case "unless-stopped": .unlessStopped
            case "on-failure": .onFailure(limit: host.RestartPolicy.MaximumRetryCount)
            default: .never
            }
        return settings
    }
}
