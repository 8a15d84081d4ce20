internal import Concurrency
internal import DockerAPI
internal import Glibc
internal import Linux
internal import Monitor
internal import Runtime

extension Container {
    /// As many finished exec instances are remembered, the oldest forgotten first.
    private static let memory = 64

    func createExec(_ request: ExecCreateRequest) throws(EngineError) -> String {
        guard !(request.Cmd?.words ?? []).isEmpty else { throw .invalid("No exec command specified") }
        try requireLive()
        let exec = makeIdentifier()
        forgetOldExecs()
        execs[exec] = ExecInstance(id: exec, request: request)
        execOrder.append(exec)
        environment.index.insert(exec: exec, of: id)
        publish("exec_create: " + Self.words(request), ["execID": exec])
        return exec
    }

    private func requireLive() throws(EngineError) {
        let phase = record.phase
        if phase.isRestarting { throw .isRestarting(id) }
        guard phase.process != nil else { throw .conflict("container \(id) is not running") }
        if phase.isPaused {
            throw .conflict("container \(id) is paused, unpause the container before exec")
        }
    }

    private static func words(_ request: ExecCreateRequest) -> String {
        (request.Cmd?.words ?? []).joined(separator: " ")
    }

    private func forgetOldExecs() {
        let ended = execOrder.filter { execs[$0]?.hasEnded == true }
        guard ended.count >= Self.memory, let oldest = ended.first else { return }
        execs[oldest] = nil
        execOrder.removeAll { $0 == oldest }
        environment.index.remove(exec: oldest)
    }

    /// nil when detached; returns once the process runs.
    func startExec(_ exec: String, _ start: ExecStartRequest) async throws(EngineError) -> AttachedStream? {
        guard var instance = execs[exec] else { throw .noSuchExec(exec) }
        guard case .created = instance.phase else {
            throw .conflict("Error: Exec command \(exec) has already run")
        }
        try requireLive()
        guard let link else { throw .notRunning(id) }
        let request = instance.request
        let spec = try execSpec(request, start)
        publish("exec_start: " + Self.words(request), ["execID": exec])
        instance.phase = .starting(nil)
        execs[exec] = instance
        do {
            let stream = try send(exec, spec, isDetached: start.Detach, link)
            try await awaitExec(exec)
            guard let stream else { return nil }
            return AttachedStream(descriptor: stream, isTerminal: request.Tty)
        } catch {
            // The monitor never heard of it: nobody else ends it.
            if case .starting = execs[exec]?.phase { settle(exec, 126) }
            throw error
        }
    }

    /// Our end of its streams; nil when detached.
    private func send(
        _ exec: String, _ spec: ExecSpec, isDetached: Bool, _ link: MonitorLink
    ) throws(EngineError) -> Descriptor? {
        if isDetached {
            try attempt { try link.exec(id: exec, spec, stream: nil) }
            return nil
        }
        let pair = try attempt { try LocalSocketPair(Int32(SOCK_STREAM.rawValue)) }
        return try pair.keepFirst { theirs throws(EngineError) in
            do {
                try link.exec(id: exec, spec, stream: theirs)
            } catch {
                throw EngineError(wrapping: error)
            }
        }
    }

    private func awaitExec(_ exec: String) async throws(EngineError) {
        let failure: LaunchFailure? = await withCheckedContinuation { continuation in
            execs[exec]?.phase = .starting(continuation)
        }
        guard let failure else { return }
        throw .launch(
            exitCode: failure.exitCode,
            message: "OCI runtime exec failed: exec failed: unable to start container process: \(failure.message)")
    }

    private func execSpec(_ request: ExecCreateRequest, _ start: ExecStartRequest) throws(EngineError) -> ExecSpec {
        let plan = LaunchPlan(record: record, files: files)
        var spec = ExecSpec()
        spec.args = request.Cmd?.words ?? []
        var config = record.config
        config.Tty = request.Tty
        spec.env = LaunchPlan.merge(LaunchPlan.environment(config), request.Env ?? [])
        let directory = request.WorkingDir.isEmpty ? record.config.WorkingDir : request.WorkingDir
        spec.cwd = directory.isEmpty ? "/" : directory
        spec.user = .name(request.User.isEmpty ? record.config.User : request.User)
        spec.additionalGroups = record.host.GroupAdd ?? []
        let mask = request.Privileged ? Capability.all : try plan.capabilities()
        spec.capabilities = CapabilitySets(mask)
        try plan.restrict(&spec, by: environment)
        spec.isLenient = true
        spec.keyring = "_ses.\(record.id)"
        spec.tty = request.Tty
        let size = start.ConsoleSize ?? request.ConsoleSize ?? []
        if size.count == 2 {
            spec.rows = UInt16(clamping: size[0])
            spec.columns = UInt16(clamping: size[1])
        }
        spec.openStdin = request.AttachStdin
        spec.stdinOnce = true
        return spec
    }

    func execStarted(_ exec: String, _ pid: Int32) {
        guard let instance = execs[exec] else { return }
        execs[exec]?.phase = .running(pid: pid)
        if case .starting(let continuation) = instance.phase { continuation?.resume(returning: nil) }
    }

    func execFailed(_ exec: String, _ failure: LaunchFailure) {
        guard let instance = execs[exec] else { return }
        // Whatever kept the command from running: Docker has 126 for all that is not a missing program.
        settle(exec, failure.exitCode == 127 ? 127 : 126)
        if case .starting(let continuation) = instance.phase { continuation?.resume(returning: failure) }
    }

    func execEnded(_ exec: String, _ code: Int32) {
        guard let instance = execs[exec] else { return }
        switch instance.phase {
        case .created, .ended: return
        case .starting(let continuation):
            settle(exec, code)
            continuation?.resume(returning: nil)
        case .running:
            settle(exec, code)
        }
        publish("exec_die", ["execID": exec, "exitCode": String(code)])
    }

    private func settle(_ exec: String, _ code: Int32) {
        execs[exec]?.phase = .ended(code: code)
        execs[exec]?.ended.open()
    }

    func resizeExec(_ exec: String, columns: Int, rows: Int) throws(EngineError) {
        guard let instance = execs[exec] else { throw .noSuchExec(exec) }
        guard case .running = instance.phase, let link else {
            throw .conflict("cannot resize a stopped container: exec \(exec) is not running")
        }
        try attempt { try link.resize(columns: UInt16(clamping: columns), rows: UInt16(clamping: rows), exec: exec) }
    }

    func exec(_ exec: String) -> ExecInstance? { execs[exec] }

    func inspectExec(_ exec: String) async throws(EngineError) -> ExecInspect {
        // A client that saw the stream end asks at once; the monitor has reaped the process, its report may still be on the way.
        if case .running(let pid)? = execs[exec]?.phase, Glibc.kill(pid, 0) != 0, errno == ESRCH {
            await execs[exec]?.ended.wait()
        }
        guard let instance = execs[exec] else { throw .noSuchExec(exec) }
        return instance.inspect(container: id)
    }
}
