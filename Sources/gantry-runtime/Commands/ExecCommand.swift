internal import ByteText
internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Runtime

/// `exec`.
enum ExecCommand {
    static func run(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let record = try StateRecord.load(try options.identifier(), context.root)
        let inherited = try InheritedDescriptors(options, context)
        let target = try Self.target(record, options, context)
        let configuration = try record.configuration(context.root)
        var process = try Self.process(options, configuration, context)
        process.env += inherited.environment
        if let profile = configuration.seccomp {
            try process.filter(by: profile, SeccompCache(directory: context.root + "/.seccomp"))
        }
        let isDetached = options.has("detach")
        let console = try ConsoleSocket.path(options, tty: process.tty, detaches: isDetached)
        let cgroups = try Self.cgroups(record, options)
        process.keyring = record.keyring
        process.clampsLimits = configuration.launch.process.clampsLimits
        if process.personality == nil { process.personality = configuration.launch.process.personality }
        let namespaces = configuration.launch.namespaces
        // Namespaces joined by path may include the caller's own user namespace, which cannot be joined again.
        let kinds =
            namespaces.user == .host && namespaces.mount.isNew
            ? namespaces.flags : ContainerJoin.kinds(of: record.pid)
        let root = kinds & ContainerJoin.mountKind == 0 ? try Self.root(record, target) : -1
        defer { if root >= 0 { close(root) } }
        let channel = try StatusChannel()
        var streams = ChildStreams(input: 0, output: 1, error: 2)
        streams.preserved = inherited.count
        if !isDetached {
            Foreground.giveSize(to: &process)
            Foreground.holdSignals()
        }
        let joining = try ContainerJoin.clone(
            process, target: target.raw, kinds: kinds, root: root, cgroups: cgroups, streams: streams,
            status: channel.child, sleeps: true)
        channel.closeChild()
        // Without a child, the channel has the error.
        let child = joining.executingProcess()
        defer { if let child { close(child.pidfd) } }
        var terminal: Int32 = -1
        try channel.waitUntilReady(
            waits: false, terminal: &terminal, context.log,
            listener: SeccompListener(configuration.seccomp, record, .running, pid: child?.pid ?? joining.pid))
        guard let child else { throw LaunchFailure("the container's process ended while it was being set up") }
        try ConsoleSocket.pass(&terminal, to: console)
        if let path = options.value("pid-file") {
            try Files.replace(Array(String(child.pid).utf8), path, mode: 0o644)
        }
        return isDetached ? 0 : Foreground.wait(child.pidfd, terminal: terminal)
    }

    private static func target(
        _ record: StateRecord, _ options: Options, _ context: RuntimeProgram.Context
    ) throws(LaunchFailure) -> Descriptor {
        switch record.status(context.root) {
        case .paused where !options.has("ignore-paused"):
            throw LaunchFailure("cannot exec in a paused container (use --ignore-paused to override): \(record.id)")
        case .running, .created, .paused:
            if let process = record.process() { return process }
        default: break
        }
        throw LaunchFailure("cannot exec in a stopped container: \(record.id)")
    }

    /// The root directory of a container without its own mount namespace.
    private static func root(_ record: StateRecord, _ target: borrowing Descriptor) throws(LaunchFailure) -> Int32 {
        let path = "/proc/\(record.pid)/root"
        let root = open(path, linux_O_PATH | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw Files.failure("open \(path)") }
        // Check that the pid has not been reused by another process.
        guard linux_pidfd_send_signal(target.raw, 0) == 0 else {
            close(root)
            throw LaunchFailure("cannot exec in a stopped container: \(record.id)")
        }
        return root
    }

    private static func process(
        _ options: Options, _ configuration: BundleConfiguration, _ context: RuntimeProgram.Context
    ) throws(LaunchFailure) -> ProcessSpec {
        if let path = options.value("process") {
            let document: JSON
            do {
                document = try JSON.parse(try Files.read(path))
            } catch {
                throw LaunchFailure("process \(path): \(error)")
            }
            var process = try BundleConfiguration.process(document)
            if options.has("tty") { process.tty = true }
            guard !process.args.isEmpty else { throw LaunchFailure("process args cannot be empty") }
            return process
        }
        var process = configuration.launch.process
        process.args = Array(options.rest.dropFirst())
        guard !process.args.isEmpty else { throw LaunchFailure("process args cannot be empty") }
        process.tty = options.has("tty")
        process.env += options.all("env")
        if let cwd = options.value("cwd") { process.cwd = cwd }
        if options.has("no-new-privs") { process.noNewPrivileges = true }
        if let profile = options.value("apparmor") { process.appArmorProfile = profile }
        if let label = options.value("process-label") {
            try BundleConfiguration.needSELinux()
            process.seLinuxLabel = label
        }
        try setUser(&process, options)
        for name in options.all("cap") {
            let word = name.uppercased()
            if Capability.names.contains(String(word.dropping(prefix: "CAP_") ?? word[...])) { continue }
            context.log.write(.warning, "unknown capability \(name) is left out")
        }
        // Never inheritable (CVE-2022-29162).
        let extra = Capability.mask(options.all("cap"))
        process.capabilities.bounding |= extra
        process.capabilities.effective |= extra
        process.capabilities.permitted |= extra
        return process
    }

    /// Only whole numbers, so that no partly parsed text becomes root (CVE-2026-30892).
    private static func setUser(_ process: inout ProcessSpec, _ options: Options) throws(LaunchFailure) {
        guard case .ids(var uid, var gid, var groups) = process.user else { return }
        if let user = options.value("user") {
            let parts = user.split(byte: ":", omittingEmptySubsequences: false)
            guard (1...2).contains(parts.count), let first = Self.identity(parts[0]) else {
                throw LaunchFailure("user \(user): not UID[:GID]")
            }
            uid = first
            if parts.count > 1 {
                guard let second = Self.identity(parts[1]) else { throw LaunchFailure("user \(user): not UID[:GID]") }
                groups.removeAll { $0 == gid }
                gid = second
            }
        }
        for text in options.all("additional-gids") {
            guard let group = Self.identity(text[...]) else {
                throw LaunchFailure("additional gid \(text): not a number")
            }
            if !groups.contains(group) { groups.append(group) }
        }
        process.user = .ids(uid: uid, gid: gid, groups: groups)
    }

    private static func identity(_ text: Substring) -> UInt32? {
        guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = UInt32(text), number <= 0x7fff_ffff
        else { return nil }
        return number
    }

    /// The container's cgroups, or with `--cgroup` one below.
    private static func cgroups(
        _ record: StateRecord, _ options: Options
    ) throws(LaunchFailure) -> [CgroupJoin] {
        var joins = record.cgroups.map { CgroupJoin(controller: $0.controller, path: $0.path) }
        for text in options.all("cgroup") {
            let parts = text.split(byte: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let path = parts[parts.count - 1].split(byte: "/").map { String($0) }
            // text: a list of names
            guard !path.contains(".."), !path.contains(".") else {
                throw LaunchFailure("--cgroup \(text): not a path beneath the container's cgroup")
            }
            for controller in parts.count > 1 ? parts[0].split(byte: ",") : [""] {
                var isKnown = false
                for index in joins.indices {
                    let names = joins[index].controller.split(byte: ",")
                    guard parts.count == 1 || names.contains(controller) else { continue }
                    joins[index].path = ([record.cgroups[index].path] + path).joined(separator: "/")
                    isKnown = true
                    guard access(joins[index].path, F_OK) == 0 else {
                        throw Files.failure("cgroup \(joins[index].path)")
                    }
                }
                guard isKnown else { throw LaunchFailure("--cgroup \(text): unknown controller \(controller)") }
            }
        }
        return joins
    }
}
