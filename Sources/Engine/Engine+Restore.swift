internal import ByteText
internal import Concurrency
internal import Logging
internal import Cgroups
internal import DockerAPI
internal import Glibc
internal import Images
internal import Layers
internal import Linux
internal import Monitor
internal import MonitorProtocol
internal import Networking

extension Engine {
    /// Finds the containers of earlier daemons: adopts those that live, settles those that ended meanwhile, and removes what no
    /// container owns.
    package func restore() async throws(EngineError) {
        let environment = environment
        let records = try environment.store.all()
        for record in records {
            let container = Container(record, environment: environment)
            environment.index.insert(container)
            await container.adopt()
        }
        let live = environment.index.all.map(\.record).filter { $0.phase.process != nil }
        do {
            try await environment.networks.adopt(live.compactMap(\.endpoint))
        } catch {
            throw .network(error)
        }
        sweep(keeping: Set(environment.index.all.map(\.id)), running: Set(live.map(\.id)))
        for container in environment.index.all { await container.apply(.daemonStarted) }
    }

    /// Removes directories, snapshots and cgroups whose container is gone: the daemon may have been killed while it made or
    /// unmade one.
    private func sweep(keeping ids: Set<String>, running: Set<String>) {
        let configuration = environment.configuration
        do throws(LayerError) {
            for id in try environment.snapshots.list() where !ids.contains(id) {
                try environment.images.removeSnapshot(id: id)
            }
        } catch {
            environment.log.warning("snapshots that no container owns stay until the next start: \(error)")
        }
        // What begins with a dot is on its way out already.
        for name in Directory.names(in: configuration.dataRoot + "/containers")
        where !ids.contains(name) && !name.hasBytePrefix(".") {
            environment.removeTree(configuration.dataRoot + "/containers/" + name)
        }
        for name in Directory.names(in: configuration.execRoot + "/containers") where !running.contains(name) {
            environment.removeTree(configuration.execRoot + "/containers/" + name)
        }
        let stuck = Cgroup.removeOrphans(under: configuration.cgroupParent, keep: running, in: environment.hierarchy)
        if !stuck.isEmpty { environment.log.warning("cgroups cannot be removed yet: \(stuck.joined(separator: ", "))") }
    }

    /// Stops what works for clients, and finishes what is left of containers that ended, for at most `grace`. Containers
    /// go on.
    package func shutdown(grace: Duration) async {
        for container in environment.index.all { await container.apply(.daemonStops) }
        // What is left then is swept by the next daemon.
        await environment.cleanups.wait(atMost: grace)
        environment.reactor.stop()
        Cgroup(environment.configuration.cgroupParent, in: environment.hierarchy).removeIfEmpty()
    }
}

extension Container {
    /// Takes over a container that a daemon before this one left, as it is now.
    func adopt() async {
        let wasRunning = record.phase.process != nil
        do {
            if let link = try MonitorLink.adopt(runDirectory: runDirectory) {
                if let state = MonitorState.readState(runDirectory: runDirectory) {
                    apply(.adopted(pid: state.pid, at: Clock.nanoseconds()))
                    return connect(link)
                }
                if wasRunning { return connect(link) }
                // The daemon was killed in the middle of a start, which nobody waits for any more.
                link.close()
                Cgroup(cgroupPath, in: environment.hierarchy).kill()
                return
            }
        } catch {
            environment.log.warning("container \(record.shortID): its monitor does not answer: \(error)")
        }
        guard wasRunning else { return }
        linkClosed = true
        update { $0.endpoint = nil }
        apply(.foundEnded(endingWithoutMonitor()))
        await cleanup?.value
    }
}

extension EngineEnvironment {
    /// Removes a directory and all below it. What cannot be removed is reported, and swept at the next start.
    func removeTree(_ path: String) {
        do throws(SystemError) {
            try DirectoryTree.remove(path)
        } catch {
            log.warning("\(path) cannot be removed: \(error); it is tried again at the next start")
        }
    }
}
