internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Runtime

/// The commands that change a container's state.
enum LifecycleCommands {
    static func start(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let record = try StateRecord.load(try options.identifier(), context.root)
        switch record.status(context.root) {
        case .created: break
        case .running: throw LaunchFailure("cannot start an already running container: \(record.id)")
        case .stopped: throw LaunchFailure("cannot start a container that has stopped: \(record.id)")
        case let status: throw LaunchFailure("cannot start a container in the \(status) state: \(record.id)")
        }
        let notify = NotifySocket(record.id, context)
        let socket = try notify?.open()
        try StateDirectory.open(record.id, context.root).passGate(record.id)
        runHooks(.poststart, try record.hooks(.poststart, context.root), record, context)
        if let notify, let socket, let process = record.process() {
            notify.forward(socket, until: process.raw, main: record.pid, context.log)
        }
        return 0
    }

    /// Runs hooks whose failures are only logged (runtime-spec, lifecycle).
    static func runHooks(
        _ kind: Hook.Kind, _ hooks: Hooks, _ record: StateRecord, _ context: RuntimeProgram.Context
    ) {
        guard hooks.has(kind) else { return }
        let state =
            kind == .poststop
            ? record.hookState.document("stopped", pid: 0) : record.hookState.document("running", pid: record.pid)
        hooks.runAll(kind, state) { context.log.write(.warning, $0.message) }
    }

    static func kill(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let record = try StateRecord.load(try options.identifier(), context.root)
        let number = try SignalNames.number(options.rest.count > 1 ? options.rest[1] : "SIGTERM")
        let process = record.process()
        if options.has("all") || (number == SIGKILL && record.sharesProcesses && process != nil) {
            // Also processes that outlived the init process.
            if record.ownsCgroup { try record.openCgroup()?.signal(number) }
            return 0
        }
        guard let process else { throw LaunchFailure("container not running: \(record.id)") }
        let result = linux_pidfd_send_signal(process.raw, number)
        guard result == 0 else {
            throw LaunchFailure("unable to signal container \(record.id): \(SystemError("", code: -result).reason)")
        }
        // In a frozen version 1 cgroup SIGKILL takes effect only after thawing.
        if number == SIGKILL { try? record.openCgroup()?.thaw() }
        return 0
    }

    static func pause(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let record = try StateRecord.load(try options.identifier(), context.root)
        let status = record.status(context.root)
        guard status == .running || status == .created else {
            throw LaunchFailure("container not running: \(record.id) is \(status)")
        }
        try record.limited().freezing(true)
        return 0
    }

    static func resume(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let record = try StateRecord.load(try options.identifier(), context.root)
        let status = record.status(context.root)
        guard status == .paused else { throw LaunchFailure("container not paused: \(record.id) is \(status)") }
        try record.limited().freezing(false)
        return 0
    }

    static func delete(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        guard options.has("regex") else {
            return try delete(try options.identifier(), isForced: options.has("force"), context)
        }
        for id in try StateDirectory.names(matching: options.rest[0], context.root) {
            _ = try delete(id, isForced: options.has("force"), context)
        }
        return 0
    }

    private static func delete(
        _ id: String, isForced: Bool, _ context: RuntimeProgram.Context
    ) throws(LaunchFailure) -> Int32 {
        let record: StateRecord
        do throws(LaunchFailure) {
            record = try StateRecord.load(id, context.root)
        } catch {
            // The creation was interrupted before the record was written, or the container does not exist.
            guard isForced else { throw error }
            try? StateDirectory.open(id, context.root).remove()
            return 0
        }
        let status = record.status(context.root)
        guard isForced || status == .stopped || status == .created else {
            throw LaunchFailure("cannot delete container \(id) that is not stopped: \(status)")
        }
        let hooks = record.isReady ? try? record.hooks(.poststop, context.root) : nil
        try remove(record, hooks ?? Hooks(), context)
        return 0
    }

    /// Kills remaining processes and removes everything left of the container.
    static func remove(
        _ record: StateRecord, _ hooks: Hooks, _ context: RuntimeProgram.Context
    ) throws(LaunchFailure) {
        let cgroup = record.openCgroup()
        if let process = record.process() {
            _ = linux_pidfd_send_signal(process.raw, SIGKILL)
            try? cgroup?.thaw()
            try? HostCgroups.hierarchy.get().thaw(processOf: record.pid)
            var wait = pollfd(fd: process.raw, events: Int16(POLLIN), revents: 0)
            _ = poll(&wait, 1, 10000)
        }
        var isGone = cgroup == nil
        if let cgroup, !record.ownsCgroup {
            // Its creation was cut off before it was known whether others are in the cgroup.
            _ = cgroup.removeIfEmpty()
            isGone = true
        } else if let cgroup {
            // When the init process of a pid namespace ends, the kernel kills all others in it.
            let isShared = record.sharesProcesses || !cgroup.kept.isEmpty || record.scope != nil
            isGone = !isShared && cgroup.removeIfEmpty()
            if !isGone { cgroup.kill() }
        }
        record.scope?.stop(context.log)
        if let cgroup, !isGone, !cgroup.remove() {
            let count = (try? cgroup.processes().count).map { "\($0)" } ?? "an unknown number of"
            throw LaunchFailure("cgroup \(cgroup.name) cannot be removed: \(count) processes are still in it")
        }
        guard let directory = try? StateDirectory.open(record.id, context.root) else { return }
        try directory.remove()
        runHooks(.poststop, hooks, record, context)
    }
}

extension StateRecord {
    var hookState: HookState { HookState(id: id, bundle: bundle, annotations: annotations) }

    /// The container's copy of its configuration.
    func configuration(_ root: String) throws(LaunchFailure) -> BundleConfiguration {
        try BundleConfiguration(try StateDirectory.configuration(id, root), bundle: bundle)
    }

    /// The configuration's hooks of one kind; reads the configuration only if the record lists that kind.
    func hooks(_ kind: Hook.Kind, _ root: String) throws(LaunchFailure) -> Hooks {
        hookKinds.contains(kind) ? try configuration(root).hooks : Hooks()
    }

    /// The cgroup, for commands that need one.
    func limited() throws(LaunchFailure) -> Cgroup {
        guard let cgroup = openCgroup() else { throw LaunchFailure("container \(id) has no cgroup") }
        return cgroup
    }
}

extension Cgroup {
    func freezing(_ isFrozen: Bool) throws(LaunchFailure) {
        do throws(CgroupError) {
            if isFrozen { try freeze() } else { try thaw() }
        } catch {
            throw LaunchFailure(error.description)
        }
    }

    /// Sends the signal to every process of the cgroup.
    func signal(_ number: Int32) throws(LaunchFailure) {
        if number == SIGKILL { return kill() }
        for pid in try members() { Glibc.kill(pid, number) }
    }

    func members() throws(LaunchFailure) -> [Int32] {
        do throws(CgroupError) {
            return try processes()
        } catch {
            throw LaunchFailure(error.description)
        }
    }
}
