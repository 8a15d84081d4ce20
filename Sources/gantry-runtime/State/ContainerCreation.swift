internal import ByteText
internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Monitor
internal import Runtime

/// The creation of a container, from its bundle to the process that runs its program or waits at its gate.
struct ContainerCreation: ~Copyable {
    private let options: Options
    private let context: RuntimeProgram.Context
    /// Whether the process stops before its program.
    private let waits: Bool
    /// The configuration, saved in the state directory because the bundle may change or disappear while the container runs.
    private let text: [UInt8]
    private var configuration: BundleConfiguration
    private let inherited: InheritedDescriptors
    /// The socket to which the terminal is sent.
    private let console: String?
    private let notify: NotifySocket?
    private let scope: SystemdScope?
    private var cgroup: Cgroup?
    private var record: StateRecord
    private let directory: StateDirectory

    init(
        _ options: Options, _ context: RuntimeProgram.Context, needsConsole: Bool, waits: Bool
    ) throws(LaunchFailure) {
        let id = try options.identifier()
        let inherited = try InheritedDescriptors(options, context)
        let bundle = try Files.absolute(options.value("bundle") ?? ".", "bundle")
        let file = options.value("config") ?? "config.json"
        let text = try Files.read(file.hasBytePrefix("/") ? file : bundle + "/" + file)
        var configuration = try BundleConfiguration(text, bundle: bundle)
        configuration.launch.process.env += inherited.environment
        let console = try ConsoleSocket.path(options, tty: configuration.launch.process.tty, detaches: needsConsole)
        var record = StateRecord(id: id, configuration, bundle: bundle)
        let scope = try SystemdScope(configuration, id, context)
        let cgroup = scope == nil ? try ContainerCgroup.find(configuration.cgroupsPath, id, context) : nil
        record.keep(cgroup)
        record.inheritsKeyring = options.has("no-new-keyring")
        let notify = NotifySocket(id, context)
        notify?.enter(&configuration.launch)
        let directory = try StateDirectory.create(id, context.root)
        // All at once, because a noncopyable value must be fully initialized.
        self.options = options
        self.context = context
        self.waits = waits
        self.text = text
        self.configuration = configuration
        self.inherited = inherited
        self.console = console
        self.notify = notify
        self.scope = scope
        self.cgroup = cgroup
        self.record = record
        self.directory = directory
    }

    private var staysInFront: Bool { !waits && !options.has("detach") }

    /// On failure call ``discard()``.
    mutating func start() throws(LaunchFailure) -> CreateCommand.Created {
        try directory.write(text, "config.json")
        // Saved before anything is created that `delete --force` would have to find.
        try record.save(in: directory)
        try notify?.makeDirectory()
        let socket = waits ? nil : try notify?.open()
        let placeholder = try ContainerCgroup.start(scope, &cgroup, configuration, &record, in: directory, context.log)
        try ContainerCgroup.make(&cgroup, configuration.limits, context)
        record.keep(cgroup)
        record.ownsCgroup = true
        try record.save(in: directory)
        let channel = try StatusChannel()
        let child = try clone(channel)
        record.pid = child.pid
        record.startTime = ProcessStatus.status(child.pid)?.startTime ?? 0
        // Other commands find the processes by the cgroup, if there is one; otherwise, and for hooks, which query the state, the
        // record with the pid is saved now.
        if configuration.launch.waitsForHooks || record.cgroups.isEmpty { try record.save(in: directory) }
        var created = CreateCommand.Created(
            record: record, pidfd: child.pidfd, terminal: -1, hooks: configuration.hooks)
        if let notify, let socket { created.notify = (notify, socket) }
        try channel.waitUntilReady(
            waits: waits, terminal: &created.terminal, context.log,
            listener: SeccompListener(configuration.seccomp, record, .creating, pid: child.pid)
        ) { () throws(LaunchFailure) in
            try runHooks(pid: child.pid)
        }
        if child.clonesAnother {
            record.pid = 0
            guard let process = child.executingProcess() else {
                throw LaunchFailure("the container's process ended while it was being set up")
            }
            (record.pid, created.pidfd) = (process.pid, process.pidfd)
            record.startTime = ProcessStatus.status(process.pid)?.startTime ?? 0
        }
        try ContainerCgroup.release(placeholder, cgroup, configuration.limits)
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

    /// Undoes a failed start.
    mutating func discard() throws(LaunchFailure) {
        if record.pid > 0 { Glibc.kill(record.pid, SIGKILL) }
        ContainerCgroup.discard(cgroup, record.scope, context.log)
        try directory.remove()
        if record.pid > 0 { LifecycleCommands.runHooks(.poststop, configuration.hooks, record, context) }
    }

    private func clone(_ channel: StatusChannel) throws(LaunchFailure) -> ClonedProcess {
        var spec = configuration.launch
        spec.process.keyring = record.keyring
        if let profile = configuration.seccomp {
            try spec.process.filter(by: profile, SeccompCache(directory: context.root + "/.seccomp"))
            for name in profile.unknownDenials() {
                context.log.write(
                    .warning, "seccomp: the rule that forbids \(name) has no effect: no such system call is known")
            }
        }
        spec.cgroups = cgroup.map { CgroupJoin.all($0) } ?? []
        spec.noPivot = options.has("no-pivot")
        if configuration.hooks.has(.createContainer, .startContainer) {
            spec.containerHooks = ContainerHooks(hooks: configuration.hooks, state: record.hookState)
        }
        let gate = waits ? try directory.makeGate().release() : -1
        defer { if gate >= 0 { close(gate) } }
        let root = try RootMount.open(spec.rootfsPath, spec.rootfsPropagation)
        defer { if root >= 0 { close(root) } }
        var streams = ChildStreams(input: 0, output: 1, error: 2)
        streams.preserved = inherited.count
        if staysInFront { Foreground.giveSize(to: &spec.process) }
        // With hooks, signals keep their default effect.
        if staysInFront && !spec.waitsForHooks { Foreground.holdSignals() }
        let child = try ContainerStart.clone(
            &spec, root: root, streams: streams, status: channel.child, gate: gate)
        channel.closeChild()
        return child
    }

    /// Runs the host's hooks while the container's process waits.
    private func runHooks(pid: Int32) throws(LaunchFailure) {
        let directory = open(record.bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw Files.failure("open \(record.bundle)") }
        defer { close(directory) }
        let state = record.hookState.document("created", pid: pid)
        try configuration.hooks.run(.prestart, state, in: directory)
        try configuration.hooks.run(.createRuntime, state, in: directory)
        if staysInFront { Foreground.holdSignals() }
    }
}
