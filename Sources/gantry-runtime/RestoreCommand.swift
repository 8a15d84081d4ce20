internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Monitor
internal import Runtime

/// `restore`: a container from the files of a checkpoint.
enum RestoreCommand {
    /// What a joined network namespace is called in the images.
    static let networkKey = "extRootNetNS"

    static func run(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let id = try options.identifier()
        let bundle = try Files.absolute(options.value("bundle") ?? ".", "bundle")
        let text = try Files.read(bundle + "/config.json")
        let configuration = try BundleConfiguration(text, bundle: bundle)
        guard !configuration.launch.process.tty, options.value("console-socket") == nil else {
            throw LaunchFailure("a container with a terminal cannot be restored")
        }
        let criu = try Criu(options, context, makesImages: false)
        var record = ContainerRecord(id: id, configuration, bundle: bundle)
        let scope = try SystemdScope(configuration, id, context)
        var cgroup = scope == nil ? try ContainerCgroup.find(configuration.cgroupsPath, id, context) : nil
        record.keep(cgroup)
        let directory = try StateDirectory.create(id, context.root)
        do throws(LaunchFailure) {
            try directory.write(text, "config.json")
            try record.save(in: directory)
            let keeper = try ContainerCgroup.start(
                scope, &cgroup, configuration, &record, in: directory, context.log)
            try ContainerCgroup.make(&cgroup, configuration.limits, context)
            guard let cgroup else { throw LaunchFailure("restore needs a cgroup") }
            record.keep(cgroup)
            if !options.has("detach") && !options.has("no-subreaper") { _ = linux_child_subreaper() }
            record.pid = try perform(criu, configuration, record, cgroup, options, directory.path)
            try ContainerCgroup.release(keeper, cgroup, configuration.limits)
            record.startTime = ProcessTable.status(record.pid)?.startTime ?? 0
            record.isReady = true
            try record.save(in: directory)
            if let path = options.value("pid-file") {
                try Files.replace(Array(String(record.pid).utf8), path, mode: 0o644)
            }
        } catch {
            if record.pid > 0 { kill(record.pid, SIGKILL) }
            ContainerCgroup.discard(cgroup, record.scope, context.log)
            try directory.remove()
            throw error
        }
        LifecycleCommands.runHooks(.poststart, configuration.hooks, record, context)
        guard let process = record.process() else { throw LaunchFailure("container \(id) ended while it was restored") }
        let restored = CreateCommand.Created(
            record: record, pidfd: process.release(), terminal: -1, hooks: configuration.hooks)
        return try CreateCommand.finish(restored, options, context)
    }

    /// Lets criu make the processes, as this program's children; the number of the first.
    private static func perform(
        _ criu: Criu, _ configuration: BundleConfiguration, _ record: ContainerRecord, _ cgroup: Cgroup,
        _ options: Options, _ directory: String
    ) throws(LaunchFailure) -> Int32 {
        let root = directory + "/root"
        try mountRoot(record.rootfs, on: root)
        defer {
            _ = linux_umount(root, Int32(MNT_DETACH))
            rmdir(root)
        }
        let pidFile = directory + "/criu.pid"
        var words = try criu.arguments(options, configuration)
        words += ["--root", root, "--restore-detached", "--restore-sibling", "--pidfile", pidFile]
        words += ["--cgroup-root", cgroup.name]
        for mount in configuration.externalMounts {
            words += ["--external", "mnt[\(mount.destination)]:\(mount.source)"]
        }
        for path in configuration.launch.maskedPaths { words += ["--external", "mnt[\(path)]:/dev/null"] }
        words += try streams(criu.images)
        if case .path(let path) = configuration.launch.namespaces.network {
            // Stays open across exec: criu finds it by its number.
            let handle = open(path, O_RDONLY)
            guard handle >= 0 else { throw Files.failure("namespace \(path)") }
            words += ["--inherit-fd", "fd[\(handle)]:\(networkKey)"]
        }
        if let profile = options.value("lsm-profile") { words += ["--lsm-profile", profile] }
        if let label = options.value("lsm-mount-context") { words += ["--lsm-mount-context", label] }
        try criu.run("restore", words, log: "restore.log")
        let number = String(decoding: try Files.read(pidFile), as: UTF8.self).filter { $0.isNumber }
        guard let pid = Int32(number), pid > 0 else {
            throw LaunchFailure("criu restore left no process id in \(pidFile)")
        }
        return pid
    }

    /// criu wants a mount for the root. It is in a mount namespace of this program's own and goes with it.
    private static func mountRoot(_ source: String, on root: String) throws(LaunchFailure) {
        guard mkdir(root, 0o700) == 0 else { throw Files.failure("create \(root)") }
        let mount = Descriptor(owning: try RootMount.open(source))
        let steps = [
            linux_unshare(Int32(truncatingIfNeeded: linux_CLONE_NEWNS)),
            linux_mount_setattr(AT_FDCWD, "/", linux_AT_RECURSIVE, 0, 0, linux_MS_SLAVE),
            linux_move_mount(mount.raw, "", AT_FDCWD, root, linux_MOVE_MOUNT_F_EMPTY_PATH),
        ]
        if let failed = steps.first(where: { $0 < 0 }) {
            throw LaunchFailure("mount the root on \(root): \(SystemError("", code: -failed).reason)")
        }
    }

    /// This program's standard streams in the places of those the container had.
    private static func streams(_ images: String) throws(LaunchFailure) -> [String] {
        guard let names = (try? JSON.parse(try Files.read(images + "/descriptors.json")))?.arrayValue else { return [] }
        return names.prefix(3).enumerated().flatMap { number, name -> [String] in
            guard let name = name.stringValue, name.hasPrefix("pipe:") else { return [] }
            return ["--inherit-fd", "fd[\(number)]:\(name)"]
        }
    }
}
