internal import ByteText
internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Monitor
internal import Runtime

/// `restore`: starts a container from the files of a checkpoint.
enum RestoreCommand {
    /// The name of a joined network namespace in the images.
    static let networkKey = "extRootNetNS"

    static func run(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let id = try options.identifier()
        let bundle = try Files.absolute(options.value("bundle") ?? ".", "bundle")
        let text = try Files.read(bundle + "/config.json")
        let configuration = try BundleConfiguration(text, bundle: bundle)
        let console = try ConsoleSocket.path(
            options, tty: configuration.launch.process.tty, detaches: options.has("detach"))
        let criu = try Criu(options, context, makesImages: false)
        var record = StateRecord(id: id, configuration, bundle: bundle)
        let scope = try SystemdScope(configuration, id, context)
        var cgroup = scope == nil ? try ContainerCgroup.find(configuration.cgroupsPath, id, context) : nil
        record.keep(cgroup)
        var terminal: Int32 = -1
        let directory = try StateDirectory.create(id, context.root)
        do throws(LaunchFailure) {
            try directory.write(text, "config.json")
            try record.save(in: directory)
            let placeholder = try ContainerCgroup.start(
                scope, &cgroup, configuration, &record, in: directory, context.log)
            try ContainerCgroup.make(&cgroup, configuration.limits, context)
            guard let cgroup else { throw LaunchFailure("restore needs a cgroup") }
            record.keep(cgroup)
            record.ownsCgroup = true
            try record.save(in: directory)
            if !options.has("detach") && !options.has("no-subreaper") { _ = linux_child_subreaper() }
            (record.pid, terminal) = try perform(criu, configuration, record, cgroup, options, directory.path)
            try checkLabel(of: record.pid, configuration.launch.process, options.value("lsm-profile"))
            try ContainerCgroup.release(placeholder, cgroup, configuration.limits)
            record.startTime = ProcessStatus.status(record.pid)?.startTime ?? 0
            try ConsoleSocket.pass(&terminal, to: console)
            record.isReady = true
            try record.save(in: directory)
            if let path = options.value("pid-file") {
                try Files.replace(Array(String(record.pid).utf8), path, mode: 0o644)
            }
        } catch {
            if record.pid > 0 { kill(record.pid, SIGKILL) }
            if terminal >= 0 { close(terminal) }
            ContainerCgroup.discard(cgroup, record.scope, context.log)
            try directory.remove()
            throw error
        }
        LifecycleCommands.runHooks(.poststart, configuration.hooks, record, context)
        guard let process = record.process() else { throw LaunchFailure("container \(id) ended while it was restored") }
        let restored = CreateCommand.Created(
            record: record, pidfd: process.release(), terminal: terminal, hooks: configuration.hooks)
        return try CreateCommand.finish(restored, options, context)
    }

    /// Restores the processes through criu, as children of this program. Returns the init process and its terminal.
    private static func perform(
        _ criu: Criu, _ configuration: BundleConfiguration, _ record: StateRecord, _ cgroup: Cgroup,
        _ options: Options, _ directory: String
    ) throws(LaunchFailure) -> (pid: Int32, terminal: Int32) {
        let (root, null) = (directory + "/root", directory + "/null")
        try mountRoot(configuration.launch, on: root)
        try mountNull(configuration.launch, on: null)
        defer {
            for place in [root, null] { _ = linux_umount(place, Int32(MNT_DETACH)) }
            rmdir(root)
            unlink(null)
        }
        let log = "restore.log"
        var request = try criu.request(options, log: log)
        request.add(13, root)
        // evasive_devices, notify_scripts and rst_sibling: restores siblings of criu; the terminal's controlling side comes with
        // a notification.
        for field in [6, 12, 26] { request.add(field, true) }
        var place = ProtocolBuffer()
        place.add(2, cgroup.name)
        request.add(25, place)
        for mount in configuration.externalMounts { request.add(37, "mnt[\(mount.destination)]:\(mount.source)") }
        for path in configuration.launch.maskedPaths { request.add(37, "mnt[\(path)]:\(null)") }
        for (number, name) in streams(criu.images) { request.add(27, inherited(number, name)) }
        if case .path(let path) = configuration.launch.namespaces.network {
            // Not close-on-exec: criu gets the descriptor by its number.
            let handle = open(path, O_RDONLY)
            guard handle >= 0 else { throw Files.failure("namespace \(path)") }
            request.add(27, inherited(handle, networkKey))
        }
        if let profile = options.value("lsm-profile") { request.add(53, profile) }
        if let label = options.value("lsm-mount-context") { request.add(63, label) }
        let result = try criu.perform(.restore, request, log: log)
        guard result.pid > 0 else { throw LaunchFailure("criu restore told no process id") }
        return result
    }

    /// Checks the restored LSM label. criu built without SELinux support restores no label, and criu never applies a profile to a
    /// process that had none; in both cases the restore is refused.
    private static func checkLabel(
        of pid: Int32, _ process: ProcessSpec, _ profile: String?
    ) throws(LaunchFailure) {
        let chosen = profile.flatMap { text in text.firstIndex(ofByte: ":").map { String(text[$0...].dropFirst()) } }
        let own = process.seLinuxLabel.isEmpty ? process.appArmorProfile : process.seLinuxLabel
        let wanted = chosen ?? own
        if wanted.isEmpty || wanted == "unconfined" { return }
        // Without an LSM there is nothing to read.
        let text = String(decoding: (try? Files.read("/proc/\(pid)/attr/current")) ?? [], as: UTF8.self)
        // AppArmor: `NAME (MODE)` and a line feed; SELinux: a label and a NUL.
        let label = text.prefix { $0 != "\n" && $0 != "\0" }
        let found = label.isEmpty ? "unconfined" : label
        guard found == wanted || found.hasBytePrefix(wanted + " (") else {
            throw LaunchFailure(
                "criu restored the process as \(found) instead of \(wanted), and it was ended: a process that had no profile "
                    + "gets none, and SELinux needs a criu that was built with it")
        }
    }

    private static func inherited(_ descriptor: Int32, _ name: String) -> ProtocolBuffer {
        var message = ProtocolBuffer()
        message.add(1, name)
        message.add(2, Int(descriptor))
        return message
    }

    /// Mounts the root, as criu requires, with the propagation of the checkpointed one. In a private mount namespace that ends
    /// with this program.
    private static func mountRoot(_ launch: LaunchSpec, on root: String) throws(LaunchFailure) {
        guard mkdir(root, 0o700) == 0 else { throw Files.failure("create \(root)") }
        let mount = Descriptor(owning: try RootMount.open(launch.rootfsPath, launch.rootfsPropagation))
        let steps = [
            linux_unshare(Int32(truncatingIfNeeded: linux_CLONE_NEWNS)),
            linux_mount_setattr(AT_FDCWD, "/", linux_AT_RECURSIVE, 0, 0, linux_MS_SLAVE),
            linux_move_mount(mount.raw, "", AT_FDCWD, root, linux_MOVE_MOUNT_F_EMPTY_PATH),
        ]
        if let failed = steps.first(where: { $0 < 0 }) {
            throw LaunchFailure("mount the root on \(root): \(SystemError("", code: -failed).reason)")
        }
    }

    /// Mounts null devices for masked files, because criu binds what it finds at the path.
    private static func mountNull(_ launch: LaunchSpec, on path: String) throws(LaunchFailure) {
        let mount = try NullDevice.mount(launch.mountLabel.isEmpty ? [] : ["context=" + launch.mountLabel])
        let place = Descriptor(
            owning: open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600))
        guard place.raw >= 0 else { throw Files.failure("create \(path)") }
        let result = linux_move_mount(mount.raw, "", AT_FDCWD, path, linux_MOVE_MOUNT_F_EMPTY_PATH)
        if result < 0 {
            throw LaunchFailure("mount a null device on \(path): \(SystemError("", code: -result).reason)")
        }
    }

    /// This program's standard streams that replace the container's saved ones.
    private static func streams(_ images: String) -> [(Int32, String)] {
        guard let names = (try? JSON.parse(try Files.read(images + "/descriptors.json")))?.arrayValue else { return [] }
        return names.prefix(3).enumerated().compactMap { number, name in
            guard let name = name.stringValue, name.hasBytePrefix("pipe:") else { return nil }
            return (Int32(number), name)
        }
    }
}
