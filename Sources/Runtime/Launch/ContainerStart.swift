internal import CLinux
internal import Glibc
internal import Linux

/// The parent's view of a cloned process.
package struct ClonedProcess {
    package let pid: Int32
    /// Closed by the caller.
    package let pidfd: Int32
    /// Set when this process only does the set-up and clones the one that executes the program as its last step.
    var sibling: SiblingNumber?

    /// The process that executes the program. Call once, after this process has reported ready or has ended. Nil when it failed
    /// before; the error is in the status socket.
    package func executingProcess() -> ClonedProcess? {
        guard let sibling else { return self }
        var value: Int32 = 0
        _ = linux_wait_blocking(pidfd, &value)
        close(pidfd)
        guard sibling.value > 0 else { return nil }
        // A child that has not been waited for, so its pid cannot have been reused.
        let handle = linux_pidfd_open(sibling.value)
        return handle >= 0 ? ClonedProcess(pid: sibling.value, pidfd: handle) : nil
    }

    /// Whether ``executingProcess()`` returns another process.
    package var clonesAnother: Bool { sibling != nil }
}

/// Starts the init process of a container. The calling process must have a single thread.
package enum ContainerStart {
    /// Clones the child, which sets everything up and executes the program; returns in the parent at once.
    ///
    /// `root` is a mount's descriptor. `status` is the child's end of the status socket. The parent keeps ownership of its
    /// descriptors. `spec` is passed whole to avoid copy-on-write faults: each page that the parent writes now would have to be
    /// copied.
    package static func clone(
        _ spec: inout LaunchSpec, root: Int32, streams: ChildStreams, status: Int32, gate: Int32 = -1
    ) throws(LaunchFailure) -> ClonedProcess {
        defer { spec.closePrepared() }
        try spec.prepareMounts()
        try spec.prepareDevices()
        guard spec.namespaces.mount != .host || spec.namespaces.user == .host else {
            throw LaunchFailure("a container with a user namespace needs a mount namespace of its own")
        }
        var flags: UInt64 = 0
        let choices = spec.namespaces
        if choices.mount.isNew { flags |= linux_CLONE_NEWNS }
        if choices.pid.isNew { flags |= linux_CLONE_NEWPID }
        if choices.ipc.isNew { flags |= linux_CLONE_NEWIPC }
        if choices.uts.isNew { flags |= linux_CLONE_NEWUTS }
        let cgroup = try unifiedCgroup(spec.cgroups)
        defer { if cgroup >= 0 { close(cgroup) } }
        if choices.needStage {
            let sibling = choices.joinsProcesses && StartStage.canStayOutside() ? try SiblingNumber() : nil
            var stage = StartStage(spec: spec, status: status, staysOutside: sibling != nil)
            return try StagedClone.clone(
                cgroup: cgroup, sibling: sibling,
                map: { pid throws(LaunchFailure) in
                    try IdentityMaps(users: spec.userMappings, groups: spec.groupMappings).write(pid: pid)
                },
                enter: { link throws(LaunchFailure) in
                    try stage.enter(link)
                    return spec.makesNetwork ? flags | linux_CLONE_NEWNET : flags
                },
                child: {
                    begin(
                        stage.spec, root: root, streams: streams, status: status, gate: gate, entered: stage.entered,
                        sibling)
                })
        }
        var pidfd: Int32 = -1
        let pid = try step("clone the container's process", linux_clone(flags, &pidfd, cgroup))
        if pid == 0 { begin(spec, root: root, streams: streams, status: status, gate: gate, entered: nil) }
        return ClonedProcess(pid: pid, pidfd: pidfd)
    }

    /// The cgroup2 directory that the process is cloned into; -1 for none.
    static func unifiedCgroup(_ cgroups: [CgroupJoin]) throws(LaunchFailure) -> Int32 {
        guard let unified = cgroups.first(where: { $0.controller.isEmpty }) else { return -1 }
        return try libraryStep(
            "open cgroup \(unified.path)", open(unified.path, linux_O_PATH | O_DIRECTORY | O_CLOEXEC))
    }

    private static func begin(
        _ spec: LaunchSpec, root: Int32, streams: ChildStreams, status: Int32, gate: Int32, entered: UInt64?,
        _ sibling: SiblingNumber? = nil
    ) -> Never {
        do throws(LaunchFailure) {
            try setUp(spec, root: root, streams: streams, status: status, gate: gate, entered: entered, sibling)
        } catch {
            StatusMessage.failure(error).send(on: status)
        }
        _exit(Int32(255))
    }

    /// Waits for the caller's byte that lets this process continue. Returns the descriptor sent with it; -1 for none.
    @discardableResult
    private static func awaitCaller(_ status: Int32, _ otherwise: String) throws(LaunchFailure) -> Int32 {
        var byte: UInt8 = 0
        var descriptor: Int32 = -1
        var count = 1
        let received = linux_receive_message(status, &byte, 1, &descriptor, &count, 0)
        guard received == 1 else { throw LaunchFailure(otherwise) }
        return count == 1 ? descriptor : -1
    }

    static func join(_ path: String, _ kind: UInt64) throws(LaunchFailure) {
        let handle = open(path, O_RDONLY | O_CLOEXEC)
        let file = Descriptor(owning: try libraryStep("open namespace \(path)", handle))
        try step("join namespace \(path)", linux_setns(file.raw, Int32(truncatingIfNeeded: kind)))
    }

    private static func setUp(
        _ spec: LaunchSpec, root: Int32, streams: ChildStreams, status: Int32, gate: Int32, entered: UInt64?,
        _ sibling: SiblingNumber?
    ) throws(LaunchFailure) -> Never {
        // Processes in the container must not open this process's executable or descriptors (CVE-2019-5736).
        try step("become undumpable", linux_set_dumpable(0))
        linux_reset_signals()
        umask(0)
        _ = setsid()
        // If there is a stage, it has done this with privileges that are lost in the user namespace.
        if entered == nil {
            if spec.makesNetwork {
                try step("make the network namespace", linux_unshare(Int32(truncatingIfNeeded: linux_CLONE_NEWNET)))
            }
            try Attributes(spec.process, status: status).prepare(spec.cgroups)
        }
        for (flag, path) in spec.namespaces.joined where flag != linux_CLONE_NEWNET && (entered ?? 0) & flag == 0 {
            try join(path, flag)
        }
        try isolateCgroups(spec)
        let null = try makeMounts(
            spec, root: root, streams: streams, status: status, entered: entered ?? 0, takesTerminal: sibling == nil)
        if !spec.process.tty { try streams.install(null: null) }
        if !spec.hostname.isEmpty, spec.namespaces.uts != .host {
            try libraryStep("set host name", sethostname(spec.hostname, spec.hostname.utf8.count))
        }
        if !spec.domainname.isEmpty, spec.namespaces.uts != .host {
            try libraryStep("set domain name", setdomainname(spec.domainname, spec.domainname.utf8.count))
        }
        // From here on only the standard streams and the status socket are open (CVE-2024-21626).
        finish(
            spec.process, try keepOnly(status, gate: gate, preserved: streams.preserved),
            isolatesUsers: spec.namespaces.user != .host, makesDirectory: true, hooks: spec.containerHooks,
            sibling: sibling, isShared: sibling != nil)
    }

    /// Unshared after joining the cgroups, which become the root of the namespace.
    private static func isolateCgroups(_ spec: LaunchSpec) throws(LaunchFailure) {
        guard spec.namespaces.cgroup.isNew else { return }
        try step("unshare the cgroup namespace", linux_unshare(Int32(truncatingIfNeeded: linux_CLONE_NEWCGROUP)))
    }

    /// The descriptors for talking to the caller until execve, which closes both.
    struct Channels {
        var status: Int32
        var gate: Int32
    }

    /// Closes everything but 0 to 2, the `preserved` descriptors after them, the status socket and the gate.
    static func keepOnly(_ status: Int32, gate: Int32 = -1, preserved: Int32) throws(LaunchFailure) -> Channels {
        let first = 3 + preserved
        // Moves the gate first, out of the way of the status socket's number.
        let high = gate >= 0 ? try libraryStep("move the gate", fcntl(gate, F_DUPFD_CLOEXEC, first + 2)) : -1
        if status != first { try libraryStep("move the status socket", dup2(status, first)) }
        try libraryStep("close the status socket on exec", fcntl(first, F_SETFD, FD_CLOEXEC))
        if high >= 0 {
            try libraryStep("move the gate", dup2(high, first + 1))
            try libraryStep("close the gate on exec", fcntl(first + 1, F_SETFD, FD_CLOEXEC))
        }
        try step("close descriptors", linux_close_from(high >= 0 ? first + 2 : first + 1))
        return Channels(status: first, gate: high >= 0 ? first + 1 : -1)
    }

    /// The last part of the set-up, with nothing else open.
    static func finish(
        _ process: ProcessSpec, _ channels: Channels, isolatesUsers: Bool, makesDirectory: Bool,
        hooks: ContainerHooks? = nil, sibling: SiblingNumber? = nil, isShared: Bool = false
    ) -> Never {
        do throws(LaunchFailure) {
            try ProcessRestrictions(
                process: process, channels: channels, isolatesUsers: isolatesUsers, makesDirectory: makesDirectory,
                hooks: hooks, sibling: sibling, isShared: isShared
            ).execute()
        } catch {
            // After the gate nobody reads the status socket, so the failure goes to standard error.
            if !StatusMessage.failure(error).send(on: channels.status) {
                let text = Array((error.message + "\n").utf8)
                _ = write(2, text, text.count)
            }
            _exit(error.exitCode)
        }
    }

    private static func makeMounts(
        _ spec: LaunchSpec, root mount: Int32, streams: ChildStreams, status: Int32, entered: UInt64,
        takesTerminal: Bool
    ) throws(LaunchFailure) -> Int32 {
        if case .path(let path) = spec.namespaces.mount { try join(path, linux_CLONE_NEWNS) }
        let host = spec.namespaces.mount == .host ? try unshareMounts() : -1
        // Mounts made here must not propagate to the host; later host mounts may still propagate into slave volumes.
        try step(
            "make the mounts private",
            linux_mount_setattr(AT_FDCWD, "/", linux_AT_RECURSIVE, 0, 0, linux_MS_SLAVE))
        // If the caller may not mount, it is done here, in the user namespace.
        let root = mount >= 0 ? mount : try RootMount.copy(spec.rootfsPath, spec.rootfsPropagation)
        try attachRoot(spec, root)
        let tree = RootFilesystem(spec: spec, root: ContainerRoot(descriptor: root))
        // Mounts are made in order. If the daemon passes the network namespace later, sysfs has to wait for it.
        func isLate(_ mount: MountSpec) -> Bool {
            spec.takesNetworkFromDaemon && RootFilesystem.isBeneathSys(mount.destination)
        }
        if case .path(let path) = spec.namespaces.network, !spec.takesNetworkFromDaemon,
            entered & linux_CLONE_NEWNET == 0
        {
            try join(path, linux_CLONE_NEWNET)
        }
        for mount in spec.mounts where !isLate(mount) { try tree.make(mount) }
        try tree.makeDevices()
        if spec.process.tty { try installTerminal(tree, status, takesControl: takesTerminal) }
        try enterNetwork(spec, status)
        for mount in spec.mounts where isLate(mount) { try tree.make(mount) }
        try runHooks(spec, root, status)
        try setParameters(spec)
        try tree.protect()
        let null = try tree.openNull(for: streams)
        try tree.enter(root, in: host)
        return null
    }

    private static func joinNetwork(_ came: Int32) throws(LaunchFailure) {
        guard came >= 0 else { throw LaunchFailure("join the network namespace: the daemon sent none") }
        let namespace = Descriptor(owning: came)
        try step(
            "join the network namespace", linux_setns(namespace.raw, Int32(truncatingIfNeeded: linux_CLONE_NEWNET)))
    }

    /// Without a mount namespace of its own, the container's mounts are made in a temporary one. Returns a descriptor of the
    /// caller's namespace.
    private static func unshareMounts() throws(LaunchFailure) -> Int32 {
        let path = "/proc/self/ns/mnt"
        let caller = try libraryStep("open \(path)", open(path, O_RDONLY | O_CLOEXEC))
        try step("unshare the mounts", linux_unshare(Int32(truncatingIfNeeded: linux_CLONE_NEWNS)))
        return caller
    }

    /// Attaches the root over the host's or, if hooks need it, at its own path.
    private static func attachRoot(_ spec: LaunchSpec, _ root: Int32) throws(LaunchFailure) {
        guard spec.isRootSeen else {
            try step(
                "attach the root", linux_move_mount(root, "", AT_FDCWD, "/", linux_MOVE_MOUNT_F_EMPTY_PATH))
            return
        }
        let path = spec.rootfsPath
        let place = Descriptor(
            owning: try libraryStep("open \(path)", open(path, linux_O_PATH | O_DIRECTORY | O_CLOEXEC)))
        let flags = linux_MOVE_MOUNT_F_EMPTY_PATH | linux_MOVE_MOUNT_T_EMPTY_PATH
        try step("attach the root", linux_move_mount(root, "", place.raw, "", flags))
    }

    /// Runs before the host's files are unmounted, as in runc.
    private static func runHooks(_ spec: LaunchSpec, _ root: Int32, _ status: Int32) throws(LaunchFailure) {
        if spec.waitsForHooks {
            StatusMessage.hooks.send(on: status)
            try awaitCaller(status, "a hook of the runtime failed")
        }
        try spec.containerHooks?.run(.createContainer, in: root)
    }

    private static func installTerminal(
        _ tree: RootFilesystem, _ status: Int32, takesControl: Bool
    ) throws(LaunchFailure) {
        let number = try Terminal.install(
            root: tree.root, process: tree.spec.process, status: status, takesControl: takesControl)
        let side = Descriptor(
            owning: try step("find the terminal", tree.root.find("dev/pts/\(number)", linux_O_PATH | O_NOFOLLOW)))
        guard linux_filesystem_magic(side.raw) == linux_DEVPTS_SUPER_MAGIC else {
            throw LaunchFailure("find the terminal: /dev/pts is not a devpts file system")
        }
        let console = try tree.root.place("/dev/console", .file, strict: true)
        let copy = try MountBuilder.bind("", at: side.raw, flags: [.nonRecursive], propagation: .private)
        try MountBuilder.attach(copy, on: console.descriptor, "/dev/console")
    }

    private static func enterNetwork(_ spec: LaunchSpec, _ status: Int32) throws(LaunchFailure) {
        if spec.takesNetworkFromDaemon {
            try joinNetwork(awaitCaller(status, "the daemon disconnected before it sent the network namespace"))
        } else if spec.makesNetwork {
            try step("bring the loopback link up", linux_loopback_up())
        }
    }

    private static func setParameters(_ spec: LaunchSpec) throws(LaunchFailure) {
        guard !spec.sysctls.isEmpty else { return }
        for (name, value) in spec.sysctls {
            try Sysctls.check(name, value, spec.namespaces, takesNetworkFromDaemon: spec.takesNetworkFromDaemon)
        }
        let proc = try MountBuilder.make("proc", flags: [.noSuid, .noExec, .noDev])
        for (name, value) in spec.sysctls { try Sysctls.write(name, value, proc: proc.raw) }
    }
}
