internal import Logging
internal import Cgroups
internal import DockerAPI
internal import Glibc
internal import Linux
internal import Monitor

extension Container {
    /// With SIGKILL it returns when the container has ended, as Docker does: whoever killed it may remove it next. One that
    /// the kernel cannot end is waited for no longer than ten seconds.
    func kill(_ text: String?) async throws(EngineError) {
        if try send(text) == SIGKILL { _ = await waitForExit(seconds: 10) }
    }

    @discardableResult
    private func send(_ text: String?) throws(EngineError) -> Int32 {
        let signal = try signalNumber(text ?? "KILL")
        guard record.state.Running, let link else {
            throw .conflict("cannot kill container: \(record.name): container \(id) is not running")
        }
        if signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGQUIT {
            update(durably: false) { $0.wasStoppedByHand = true }
        }
        try attempt { try link.signal(signal, exec: nil) }
        if record.state.Paused, signal == SIGKILL { thaw() }
        publish("kill", ["signal": String(signal)])
        return signal
    }

    private func signalNumber(_ text: String) throws(EngineError) -> Int32 {
        guard let number = Signal.number(text) else { throw .invalid("invalid signal: \(text)") }
        return number
    }

    /// False when it was not running.
    func stop(signal text: String?, timeout: Int?) async throws(EngineError) -> Bool {
        await takeTurn()
        defer { endTurn() }
        return try await end(signal: text, timeout: timeout)
    }

    /// Stops without taking a turn. Negative time-outs wait for ever.
    private func end(signal text: String?, timeout: Int?) async throws(EngineError) -> Bool {
        update(durably: false) { $0.wasStoppedByHand = true }
        guard record.state.Running else { return false }
        let config = record.config
        let chosen = try signalNumber([text, config.StopSignal].compactMap { $0 }.first { !$0.isEmpty } ?? "TERM")
        let seconds = timeout ?? config.StopTimeout ?? 10
        _ = try? send(String(chosen))
        if record.state.Paused { thaw() }
        if await !waitForExit(seconds: seconds < 0 ? nil : seconds) {
            environment.log.info(
                "container \(record.shortID) did not end within \(seconds) s of signal \(chosen); killing it")
            _ = try? send("KILL")
            _ = await waitForExit(seconds: nil)
        }
        publish("stop")
        return true
    }

    func restart(signal: String?, timeout: Int?) async throws(EngineError) {
        await takeTurn()
        defer { endTurn() }
        if isRemoved { throw .noSuchContainer(id) }
        // A restart must not let `--rm` take the container away between stop and start.
        let autoRemove = record.host.AutoRemove
        if autoRemove { update(durably: false) { $0.host.AutoRemove = false } }
        defer { if autoRemove { update { $0.host.AutoRemove = true } } }
        _ = try await end(signal: signal, timeout: timeout)
        try await launch()
        publish("restart")
    }

    func pause() throws(EngineError) {
        guard record.state.Running else { throw .notRunning(id) }
        if record.state.Paused { throw .conflict("container \(id) is already paused") }
        try attempt { try Cgroup(cgroupPath, in: environment.hierarchy).freeze() }
        update { record in
            record.state.Paused = true
            record.state.Status = "paused"
        }
        publish("pause")
    }

    func unpause() throws(EngineError) {
        guard record.state.Running else { throw .notRunning(id) }
        guard record.state.Paused else { throw .conflict("Container \(id) is not paused") }
        thaw()
        publish("unpause")
    }

    private func thaw() {
        do {
            try Cgroup(cgroupPath, in: environment.hierarchy).thaw()
        } catch {
            environment.log.error("container \(record.shortID): \(error)")
        }
        update { record in
            record.state.Paused = false
            record.state.Status = "running"
        }
    }

    func resize(columns: Int, rows: Int) throws(EngineError) {
        guard record.state.Running, let link else { throw .notRunning(id) }
        try attempt {
            try link.resize(columns: UInt16(clamping: columns), rows: UInt16(clamping: rows), exec: nil)
        }
        publish("resize", ["height": String(rows), "width": String(columns)])
    }

    func rename(to name: String) throws(EngineError) {
        let old = record.name
        guard name != old else {
            throw .invalid("Renaming a container with the same name as its current name")
        }
        try environment.index.reserve(name: name, for: id)
        update { $0.name = name }
        environment.index.release(name: old, of: id)
        publish("rename", ["oldName": "/" + old])
    }

    /// Takes the container away.
    func remove(force: Bool) async throws(EngineError) {
        await takeTurn()
        defer { endTurn() }
        if isRemoved { throw .noSuchContainer(id) }
        if record.state.Running {
            guard force else {
                let state = record.state.Paused ? "paused" : "running"
                throw .conflict(
                    "cannot remove container \"\(record.name)\": container is \(state): "
                        + "stop the container before removing or force remove")
            }
            update(durably: false) { record in
                record.host.AutoRemove = false
                record.wasStoppedByHand = true
            }
            _ = try? send("KILL")
            _ = await waitForExit(seconds: nil)
        }
        await cleanup?.value
        isRemoved = true
        environment.index.remove(id: id)
        await releaseParts()
        deleteParts()
        publish("destroy")
        settleRemoved(record.state.ExitCode)
    }

    /// `--restart`: again, after a pause that doubles from 100 ms up to a minute.
    func restartIfAsked() {
        let record = record
        let policy = record.host.RestartPolicy
        let wanted =
            switch policy.Name {
            case "always", "unless-stopped": true
            case "on-failure":
                record.state.ExitCode != 0
                    && (policy.MaximumRetryCount == 0 || record.restartCount < policy.MaximumRetryCount)
            default: false
            }
        guard wanted, !record.wasStoppedByHand, !isRemoved else { return }
        let pause = min(60_000, 100 << min(record.restartCount, 10))
        update { record in
            record.restartCount += 1
            record.state.Restarting = true
            record.state.Status = "restarting"
        }
        Task {
            // timer: the pause before a restart.
            try? await Task.sleep(for: .milliseconds(pause))
            await self.restartNow()
        }
    }

    private func restartNow() async {
        update(durably: false) { record in
            record.state.Restarting = false
            if record.state.Status == "restarting" { record.state.Status = "exited" }
        }
        guard !record.wasStoppedByHand, !isRemoved, !environment.isShuttingDown else { return }
        do {
            _ = try await start()
        } catch {
            environment.log.error("container \(record.shortID) cannot be restarted: \(error)")
        }
    }
}
