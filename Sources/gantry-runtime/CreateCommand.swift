internal import ByteText
internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Monitor
internal import Runtime

/// `create` and `run`.
enum CreateCommand {
    /// A container that is set up.
    struct Created {
        var record: ContainerRecord
        var pidfd: Int32
        var terminal: Int32
        var hooks: Hooks
        /// Where its program says that it is ready.
        var notify: (NotifySocket, Int32)?
    }

    static func create(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let created = try prepare(options, context, needsConsole: true, waits: true)
        close(created.pidfd)
        return 0
    }

    static func run(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let isDetached = options.has("detach")
        if !isDetached && !options.has("no-subreaper") { _ = linux_child_subreaper() }
        let created = try prepare(options, context, needsConsole: isDetached, waits: false)
        LifecycleCommands.runHooks(.poststart, created.hooks, created.record, context)
        return try finish(created, options, context)
    }

    /// Waits for a container that was started, unless nobody wants to.
    static func finish(
        _ created: Created, _ options: Options, _ context: RuntimeProgram.Context
    ) throws(LaunchFailure) -> Int32 {
        if options.has("detach") {
            if let (notify, socket) = created.notify {
                notify.forward(socket, until: created.pidfd, main: created.record.pid, context.log)
            }
            close(created.pidfd)
            return 0
        }
        if let (notify, socket) = created.notify {
            notify.forwardBeside(socket, until: created.pidfd, context.log)
        }
        let code = Foreground.wait(created.pidfd, terminal: created.terminal)
        if !options.has("keep") { try LifecycleCommands.remove(created.record, created.hooks, context) }
        return code
    }

    /// With `waits` the process stops before its program, at a gate that `start` opens.
    private static func prepare(
        _ options: Options, _ context: RuntimeProgram.Context, needsConsole: Bool, waits: Bool
    ) throws(LaunchFailure) -> Created {
        let id = try options.identifier()
        let handover = try Handover(options, context)
        let bundle = try Files.absolute(options.value("bundle") ?? ".", "bundle")
        let file = options.value("config") ?? "config.json"
        let text = try Files.read(file.hasBytePrefix("/") ? file : bundle + "/" + file)
        var network: NetworkAhead?
        // Started for nothing: waited for at the end.
        var spare: NetworkAhead?
        if !context.isRootless, NetworkAhead.isLikely(text) { network = try NetworkAhead.start() }
        var configuration = try BundleConfiguration(text, bundle: bundle) { choices throws(LaunchFailure) in
            if !NetworkAhead.isWanted(choices) {
                swap(&network, &spare)
            } else if network == nil {
                network = try NetworkAhead.start()
            }
        }
        configuration.launch.process.env += handover.environment
        let console = try ConsoleSocket.path(options, tty: configuration.launch.process.tty, detaches: needsConsole)
        var record = ContainerRecord(id: id, configuration, bundle: bundle)
        let scope = try SystemdScope(configuration, id, context)
        var cgroup = scope == nil ? try ContainerCgroup.find(configuration.cgroupsPath, id, context) : nil
        record.keep(cgroup)
        record.inheritsKeyring = options.has("no-new-keyring")
        let notify = NotifySocket(id, context)
        notify?.enter(&configuration.launch)
        let directory = try StateDirectory.create(id, context.root)
        do throws(LaunchFailure) {
            try directory.write(text, "config.json")
            // Before anything is made that `delete --force` would have to find.
            try record.save(in: directory)
            try notify?.makeDirectory()
            let socket = waits ? nil : try notify?.open()
            var created = try start(
                configuration, &record, in: directory, &network, &cgroup, scope, console: console, handover, context,
                options, waits: waits)
            if let notify, let socket { created.notify = (notify, socket) }
            return created
        } catch {
            if record.pid > 0 { Glibc.kill(record.pid, SIGKILL) }
            ContainerCgroup.discard(cgroup, record.scope, context.log)
            try directory.remove()
            if record.pid > 0 { LifecycleCommands.runHooks(.poststop, configuration.hooks, record, context) }
            throw error
        }
    }

    /// Makes what the process that was cloned waits for, in the order in which it does: the network, the cgroups, and that its
    /// loopback is up, which hooks and the program may count on. The network is not waited for while there are cgroups to make.
    private static func complete(
        _ spec: LaunchSpec, _ cgroup: inout Cgroup?, _ limits: CgroupLimits, _ network: inout NetworkAhead?,
        _ channel: StatusChannel, _ context: RuntimeProgram.Context
    ) throws(LaunchFailure) {
        var isHandedOver = false
        func handOver(waits: Bool) throws(LaunchFailure) {
            guard !isHandedOver, waits || network?.isMade == true else { return }
            if let namespace = try network?.namespace() { channel.letGoOn(with: [namespace.raw]) }
            isHandedOver = true
        }
        try handOver(waits: false)
        var opened: [Int32] = []
        defer { for each in opened { close(each) } }
        if spec.cgroupsCome {
            // What fails here fails again below.
            try ContainerCgroup.make(&cgroup, limits, context) { try? handOver(waits: false) }
            opened = try spec.openCgroups()
        }
        try handOver(waits: true)
        if spec.cgroupsCome { channel.letGoOn(with: opened) }
        if try network?.bringLoopbackUp() != nil { channel.letGoOn() }
    }

    private static func start(
        _ configuration: BundleConfiguration, _ record: inout ContainerRecord,
        in directory: borrowing StateDirectory, _ network: inout NetworkAhead?, _ cgroup: inout Cgroup?,
        _ scope: SystemdScope?, console: String?, _ handover: Handover, _ context: RuntimeProgram.Context,
        _ options: Options, waits: Bool
    ) throws(LaunchFailure) -> Created {
        var spec = configuration.launch
        spec.process.keyring = record.keyring
        if let profile = configuration.seccomp {
            try spec.process.filter(by: profile, SeccompCache(directory: context.root + "/.seccomp"))
            for name in profile.unknownDenials() {
                context.log.write(
                    .warning, "seccomp: the rule that forbids \(name) has no effect: no such system call is known")
            }
        }
        let keeper = try ContainerCgroup.start(
            scope, &cgroup, configuration, &record, in: directory, context.log)
        spec.cgroupsCome = try ContainerCgroup.makeAhead(&cgroup, configuration, context)
        if !spec.cgroupsCome { try ContainerCgroup.make(&cgroup, configuration.limits, context) }
        spec.cgroups = cgroup.map { CgroupJoin.all($0) } ?? []
        spec.noPivot = options.has("no-pivot")
        let (bundle, hookState) = (record.bundle, record.hookState)
        if configuration.hooks.has(.createContainer, .startContainer) {
            spec.containerHooks = ContainerHooks(hooks: configuration.hooks, state: hookState)
        }
        let gate = waits ? try directory.makeGate().release() : -1
        defer { if gate >= 0 { close(gate) } }
        let root = try RootMount.open(spec.rootfsPath, spec.rootfsPropagation)
        defer { if root >= 0 { close(root) } }
        let channel = try StatusChannel()
        var streams = ChildStreams(input: 0, output: 1, error: 2)
        streams.preserved = handover.count
        let staysInFront = !waits && !options.has("detach")
        if staysInFront { Foreground.giveSize(to: &spec.process) }
        // Hooks get signals as ever.
        if staysInFront && !spec.waitsForHooks { Foreground.holdSignals() }
        spec.networkFollows = network != nil
        let child = try ContainerStart.clone(
            &spec, root: root, streams: streams, status: channel.child, gate: gate)
        channel.closeChild()
        do throws(LaunchFailure) {
            try complete(spec, &cgroup, configuration.limits, &network, channel, context)
        } catch {
            // It waits for what could not be made, and is gone before what was.
            _ = linux_pidfd_send_signal(child.pidfd, SIGKILL)
            var value: Int32 = 0
            _ = linux_wait_blocking(child.pidfd, &value)
            throw error
        }
        record.keep(cgroup)
        record.pid = child.pid
        record.startTime = ProcessTable.status(child.pid)?.startTime ?? 0
        // What has a cgroup is found there; hooks ask for the state.
        if spec.waitsForHooks || record.cgroups.isEmpty { try record.save(in: directory) }
        var created = Created(record: record, pidfd: child.pidfd, terminal: -1, hooks: configuration.hooks)
        try channel.waitUntilReady(
            waits: waits, terminal: &created.terminal, context.log,
            listener: SeccompListener(configuration.seccomp, record, .creating, pid: child.pid)
        ) { () throws(LaunchFailure) in
            let directory = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard directory >= 0 else { throw Files.failure("open \(bundle)") }
            defer { close(directory) }
            let state = hookState.document("created", pid: child.pid)
            try configuration.hooks.run(.prestart, state, in: directory)
            try configuration.hooks.run(.createRuntime, state, in: directory)
            if staysInFront { Foreground.holdSignals() }
        }
        if child.clonesAnother {
            record.pid = 0
            guard let process = child.settled() else {
                throw LaunchFailure("the container's process ended while it was being set up")
            }
            (record.pid, created.pidfd) = (process.pid, process.pidfd)
            record.startTime = ProcessTable.status(process.pid)?.startTime ?? 0
        }
        try ContainerCgroup.release(keeper, cgroup, configuration.limits)
        try ConsoleSocket.pass(&created.terminal, to: console)
        record.isReady = true
        try record.save(in: directory)
        if let path = options.value("pid-file") {
            try Files.replace(Array(String(record.pid).utf8), path, mode: 0o644)
        }
        context.log.write(
            .debug, "container \(record.id) is created: process \(record.pid), cgroup \(cgroup?.name ?? "none")")
        created.record = record
        return created
    }
}

/// The descriptors that the caller hands to the program besides the standard streams.
struct Handover {
    var count: Int32 = 0
    var environment: [String] = []

    /// `--preserve-fds`, behind those of systemd's socket activation (sd_listen_fds(3)) when they are meant for us.
    init(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) {
        func variable(_ name: String) -> Int32? { getenv(name).flatMap { Int32(String(cString: $0)) } }
        if let listening = variable("LISTEN_FDS"), listening > 0, variable("LISTEN_PID") == getpid() {
            count = listening
            environment = ["LISTEN_FDS=\(listening)", "LISTEN_PID=1"]
        }
        let preserved = try options.number("preserve-fds") ?? 0
        guard preserved >= 0 else { throw LaunchFailure("--preserve-fds \(preserved): not a number of descriptors") }
        let total = Int(count) + preserved
        // What the caller did not open would be one of this program's own, and lead out of the container.
        guard total <= Int(context.openAtStart) else {
            throw LaunchFailure(
                "--preserve-fds \(preserved): descriptor \(3 + context.openAtStart) is not open")
        }
        count = Int32(total)
    }
}
