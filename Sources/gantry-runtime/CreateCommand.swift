internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Monitor
internal import Runtime

/// `create` and `run`.
enum CreateCommand {
    private static let flags: Set<String> = ["no-pivot", "no-new-keyring", "d", "detach", "keep", "no-subreaper"]
    private static let valued: Set<String> = ["b", "bundle", "pid-file", "console-socket", "preserve-fds"]

    /// A container that is set up.
    private struct Created {
        var record: ContainerRecord
        var pidfd: Int32
        var terminal: Int32
        var hooks: [BundleConfiguration.Hook]
    }

    static func create(_ words: [String], _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let options = try Options(words, flags: flags, valued: valued)
        let created = try prepare(options, context, needsConsole: true)
        close(created.pidfd)
        return 0
    }

    static func run(_ words: [String], _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let options = try Options(words, flags: flags, valued: valued)
        let isDetached = options.has("d", "detach")
        let created = try prepare(options, context, needsConsole: isDetached)
        try LifecycleCommands.open(created.record, context)
        LifecycleCommands.runHooks(created.hooks, created.record.document(context.root))
        if isDetached {
            close(created.pidfd)
            return 0
        }
        let code = Foreground.wait(created.pidfd, terminal: created.terminal)
        if !options.has("keep") { try LifecycleCommands.remove(created.record, context) }
        return code
    }

    private static func prepare(
        _ options: Options, _ context: RuntimeProgram.Context, needsConsole: Bool
    ) throws(LaunchFailure) -> Created {
        let id = try options.identifier()
        if let count = options.value("preserve-fds"), count != "0" {
            throw LaunchFailure("--preserve-fds is not supported: no descriptor of the host goes into a container")
        }
        let bundle = try Self.absolute(options.value("b", "bundle") ?? ".")
        let configuration = try BundleConfiguration(try Files.read(bundle + "/config.json"), bundle: bundle)
        let console = options.value("console-socket")
        let tty = configuration.launch.process.tty
        guard !tty || !needsConsole || console != nil else {
            throw LaunchFailure("cannot allocate tty if gantry-runtime will detach without setting console socket")
        }
        guard tty || console == nil else {
            throw LaunchFailure("cannot use console socket if gantry-runtime will not detach or allocate tty")
        }
        try Files.makeDirectory(context.root, mode: 0o700)
        let directory = ContainerRecord.directory(id, context.root)
        guard mkdir(directory, 0o700) == 0 else {
            if errno == EEXIST { throw LaunchFailure("container with id exists: \(id)") }
            throw Files.failure("create \(directory)")
        }
        var record = ContainerRecord(id: id)
        record.bundle = bundle
        record.rootfs = configuration.launch.rootfsPath
        record.created = Timestamp.now()
        record.annotations = configuration.annotations
        do throws(LaunchFailure) {
            return try start(configuration, &record, console: console, context, options)
        } catch {
            if record.pid > 0 { Glibc.kill(record.pid, SIGKILL) }
            record.openCgroup()?.kill()
            record.openCgroup()?.remove()
            unlink(ContainerRecord.gate(id, context.root))
            unlink(directory + "/state.json")
            rmdir(directory)
            throw error
        }
    }

    private static func absolute(_ path: String) throws(LaunchFailure) -> String {
        guard let resolved = realpath(path, nil) else { throw Files.failure("bundle \(path)") }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func start(
        _ configuration: BundleConfiguration, _ record: inout ContainerRecord, console: String?,
        _ context: RuntimeProgram.Context, _ options: Options
    ) throws(LaunchFailure) -> Created {
        var spec = configuration.launch
        if let profile = configuration.seccomp {
            spec.process.seccomp = try SeccompCache(directory: context.root + "/.seccomp").filter(
                for: profile, capabilities: spec.process.capabilities.bounding)
        }
        record.cgroup = cgroupName(configuration.cgroupsPath, record.id)
        let cgroup: Cgroup
        do throws(CgroupError) {
            cgroup = try Cgroup.create(record.cgroup, limits: configuration.limits, in: try HostCgroups.hierarchy.get())
        } catch {
            throw LaunchFailure(error.description)
        }
        spec.cgroups = CgroupJoin.all(cgroup)
        let gatePath = ContainerRecord.gate(record.id, context.root)
        guard mkfifo(gatePath, 0o600) == 0 else { throw Files.failure("create \(gatePath)") }
        // Both ends: reading waits until `start` writes, whoever has gone meanwhile.
        let gate = open(gatePath, O_RDWR | O_CLOEXEC)
        guard gate >= 0 else { throw Files.failure("open \(gatePath)") }
        defer { close(gate) }
        let root = try RootMount.open(spec.rootfsPath)
        defer { close(root) }
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            throw Files.failure("make the status socket")
        }
        defer { close(pair[0]) }
        let child: ClonedProcess
        do throws(LaunchFailure) {
            child = try ContainerStart.clone(
                spec, root: root, streams: ChildStreams(input: 0, output: 1, error: 2), status: pair[1], gate: gate)
        } catch {
            close(pair[1])
            throw error
        }
        close(pair[1])
        record.pid = child.pid
        record.startTime = ProcessTable.status(child.pid)?.startTime ?? 0
        if spec.waitsForHooks {
            var state = record.document(context.root).objectValue ?? JSONObject()
            state["status"] = "creating"
            state["pid"] = JSON(child.pid)
            for hook in configuration.createHooks { try Hooks.run(hook, .object(state)) }
            var byte: UInt8 = 1
            _ = send(pair[0], &byte, 1, Int32(MSG_NOSIGNAL))
        }
        var created = Created(record: record, pidfd: child.pidfd, terminal: -1, hooks: configuration.poststartHooks)
        try Foreground.waitUntilReady(pair[0], terminal: &created.terminal)
        if let console, created.terminal >= 0 {
            try ConsoleSocket.send(created.terminal, to: console)
            close(created.terminal)
            created.terminal = -1
        }
        try record.save(context.root)
        if let path = options.value("pid-file") {
            try Files.write(Array(String(child.pid).utf8), path + ".new", mode: 0o644)
            guard rename(path + ".new", path) == 0 else { throw Files.failure("write \(path)") }
        }
        created.record = record
        return created
    }

    /// runc's rules: nothing is `/ID`; `slice:prefix:name` is systemd's form.
    private static func cgroupName(_ path: String?, _ id: String) -> String {
        guard let path else { return "/" + id }
        let parts = path.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return path.hasPrefix("/") ? path : "/" + path }
        let slice = parts[0].isEmpty ? "system.slice" : parts[0]
        return "/\(slice)/\(parts[1])-\(parts[2]).scope"
    }
}

/// Waiting for processes this command started.
enum Foreground {
    /// Takes the messages of a starting process until it is ready (or executed), its terminal among them.
    static func waitUntilReady(_ socket: Int32, terminal: inout Int32) throws(LaunchFailure) {
        while true {
            var bytes = [UInt8](repeating: 0, count: 8192)
            var descriptors: [Int32] = [-1]
            var count = 1
            let received = linux_receive_message(socket, &bytes, bytes.count, &descriptors, &count, 0)
            if received == -Int(EINTR) { continue }
            if received <= 0 { return }
            switch try StatusMessage(decoding: Array(bytes[..<received])) {
            case .failure(let failure): throw failure
            case .terminal: terminal = count == 1 ? descriptors[0] : -1
            case .ready: return
            }
        }
    }

    private nonisolated(unsafe) static var child: Int32 = -1

    /// The exit code; signals that arrive here go to the process.
    static func wait(_ pidfd: Int32, terminal: Int32) -> Int32 {
        child = pidfd
        for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2] {
            signal(number) { number in _ = linux_pidfd_send_signal(Foreground.child, number) }
        }
        if terminal >= 0 { TerminalRelay(terminal).run(until: pidfd) }
        var value: Int32 = 0
        let result = linux_wait_blocking(pidfd, &value)
        return result == 2 ? 128 + value : result == 1 ? value : 255
    }
}
