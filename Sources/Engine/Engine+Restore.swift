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
        var restarting: [Container] = []
        for record in records {
            let container = Container(record, environment: environment)
            environment.index.insert(container)
            if await container.adopt() { restarting.append(container) }
        }
        let live = environment.index.all.map(\.record).filter(\.state.Running)
        do {
            try await environment.networks.adopt(live.compactMap(\.endpoint))
        } catch {
            throw .network(error)
        }
        sweep(keeping: Set(environment.index.all.map(\.id)), running: Set(live.map(\.id)))
        for container in restarting { await container.restartIfAsked() }
    }

    /// Removes directories, snapshots and cgroups whose container is gone: the daemon may have been killed while it made or
    /// unmade one.
    private func sweep(keeping ids: Set<String>, running: Set<String>) {
        let configuration = environment.configuration
        for id in environment.snapshots.list() where !ids.contains(id) {
            do {
                try environment.images.removeSnapshot(id: id)
            } catch {
                environment.log.warning("\(error)")
            }
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
        environment.shutdown.raise()
        // What is left then is swept by the next daemon.
        await environment.cleanups.wait(atMost: grace)
        environment.reactor.stop()
        Cgroup(environment.configuration.cgroupParent, in: environment.hierarchy).removeIfEmpty()
    }
}

extension Container {
    /// Takes over a container that a daemon before this one left; true when its restart policy may want it back.
    func adopt() async -> Bool {
        let record = record
        if record.state.Status == "restarting" {
            update {
                $0.state.Status = "exited"; $0.state.Restarting = false
            }
            return true
        }
        guard record.state.Running || record.state.Status == "created" else {
            return false
        }
        do {
            if let link = try MonitorLink.adopt(runDirectory: runDirectory) {
                let state = MonitorState.readState(runDirectory: runDirectory)
                guard record.state.Running || state != nil else {
                    // The daemon was killed in the middle of a start, which nobody waits for any more.
                    link.close()
                    Cgroup(cgroupPath, in: environment.hierarchy).kill()
                    return false
                }
                if let state, !record.state.Running {
                    // Killed between the start and its record.
                    update { record in
                        record.state.Running = true
                        record.state.Status = "running"
                        record.state.Pid = Int(state.pid)
                        record.state.StartedAt = Clock.text()
                    }
                }
                connect(link)
                return false
            }
        } catch {
            environment.log.warning("container \(record.shortID): its monitor does not answer: \(error)")
        }
        guard record.state.Running else { return false }
        let exit = MonitorExit.readExit(runDirectory: runDirectory)
        Cgroup(cgroupPath, in: environment.hierarchy).kill()
        linkClosed = true
        ended(code: exit?.code ?? 137, oomKilled: exit?.oomKilled ?? false, at: exit?.finishedAt ?? Clock.text())
        await cleanup?.value
        return false
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
