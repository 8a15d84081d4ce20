internal import CLinux
internal import Glibc
internal import Linux

/// Starts another process in a running container. Only for a process with a single thread.
package enum ContainerJoin {
    /// The namespaces of a container that shares the users and the clocks of its caller, as CLONE_NEW* flags.
    package static let usualKinds =
        linux_CLONE_NEWNS | linux_CLONE_NEWNET | linux_CLONE_NEWIPC | linux_CLONE_NEWUTS | linux_CLONE_NEWCGROUP
    /// With these among the kinds, the process is cloned in a stage.
    package static let userKind = linux_CLONE_NEWUSER
    package static let mountKind = linux_CLONE_NEWNS
    package static let timeKind = linux_CLONE_NEWTIME

    /// The kinds of namespace in which a process differs from the caller.
    package static func kinds(of pid: Int32) -> UInt64 {
        var kinds: UInt64 = 0
        for kind in NamespaceChoices.Kind.allCases {
            var own = stat()
            var other = stat()
            guard stat("/proc/self/ns/\(kind.file)", &own) == 0, stat("/proc/\(pid)/ns/\(kind.file)", &other) == 0
            else { continue }
            if own.st_ino != other.st_ino || own.st_dev != other.st_dev { kinds |= kind.flag }
        }
        return kinds
    }

    /// Makes every later clone of the caller land in the process namespace of `pidfd`; once per monitor. Not for a
    /// container with users of its own, where the stage does it.
    package static func enterProcesses(of pidfd: Int32) throws(LaunchFailure) {
        try step(
            "join the container's process namespace",
            linux_setns(pidfd, Int32(truncatingIfNeeded: linux_CLONE_NEWPID)))
    }

    /// Clones the child, which joins the namespaces of `target` (a pidfd of the first process) and executes. `root` is
    /// the container's root where it shares the caller's mount namespace. A caller that `sleeps` until then, and has
    /// nobody to hear before, spares the child a memory of its own.
    package static func clone(
        _ process: ProcessSpec, target: Int32, kinds: UInt64 = usualKinds, root: Int32 = -1, cgroups: [CgroupJoin],
        streams: ChildStreams, status: Int32, sleeps: Bool = false
    ) throws(LaunchFailure) -> ClonedProcess {
        guard root >= 0 || kinds & linux_CLONE_NEWNS != 0 else {
            throw LaunchFailure("the container's root is not known")
        }
        let cgroup = try CgroupJoin.unified(cgroups, beside: target)
        defer { if cgroup >= 0 { close(cgroup) } }
        if kinds & linux_CLONE_NEWUSER != 0 {
            let null = try libraryStep("open /dev/null", open("/dev/null", O_RDWR | O_CLOEXEC))
            defer { close(null) }
            return try StagedClone.clone(
                cgroup: cgroup,
                map: { _ throws(LaunchFailure) in throw LaunchFailure("a running container has its users already") },
                enter: { _ throws(LaunchFailure) in
                    try step("become undumpable", linux_set_dumpable(0))
                    try Attributes(process, status: status).prepare(cgroups, isExec: true)
                    // Every namespace at once: the kernel takes the users first.
                    try step("join the container", linux_setns(target, Int32(truncatingIfNeeded: kinds)))
                    try StartStage.becomeRoot()
                    return 0
                },
                child: {
                    begin(process, target: target, kinds: 0, root: root, cgroups: [], streams, status, null: null)
                })
        }
        let body = { () -> Never in
            begin(
                process, target: target, kinds: kinds & ~linux_CLONE_NEWPID, root: root, cgroups: cgroups, streams,
                status, null: -1)
        }
        var pidfd: Int32 = -1
        // A listener answers for the child's calls before it executes, and a clock is joined by a memory, not by a process.
        guard sleeps, !process.seccompNotifies, kinds & linux_CLONE_NEWTIME == 0 else {
            let pid = try step("clone the process", linux_clone(0, &pidfd, cgroup))
            if pid == 0 { body() }
            return ClonedProcess(pid: pid, pidfd: pidfd)
        }
        // Before the container can see the child, whose memory is the caller's.
        try step("become undumpable", linux_set_dumpable(0))
        let pid = withUnsafePointer(to: body) { body in
            linux_clone_in_memory(
                &pidfd, cgroup, { $0?.assumingMemoryBound(to: (() -> Never).self).pointee() },
                UnsafeMutableRawPointer(mutating: body))
        }
        return ClonedProcess(pid: try step("clone the process", pid), pidfd: pidfd)
    }

    private static func begin(
        _ process: ProcessSpec, target: Int32, kinds: UInt64, root: Int32, cgroups: [CgroupJoin],
        _ streams: ChildStreams, _ status: Int32, null: Int32
    ) -> Never {
        do throws(LaunchFailure) {
            try setUp(
                process, target: target, kinds: kinds, root: root, cgroups: cgroups, streams, status, null: null)
        } catch {
            StatusMessage.failure(error).send(on: status)
        }
        _exit(Int32(255))
    }

    /// `null` is the host's null device when a stage has opened it, and joined the container.
    private static func setUp(
        _ process: ProcessSpec, target: Int32, kinds: UInt64, root: Int32, cgroups: [CgroupJoin],
        _ streams: ChildStreams, _ status: Int32, null: Int32
    ) throws(LaunchFailure) -> Never {
        // Before the container can see this process (CVE-2019-5736).
        try step("become undumpable", linux_set_dumpable(0))
        linux_reset_signals()
        umask(0)
        _ = setsid()
        let isStaged = null >= 0
        var null = null
        if !isStaged {
            try Attributes(process, status: status).prepare(cgroups, isExec: true)
            null = try libraryStep("open /dev/null", open("/dev/null", O_RDWR | O_CLOEXEC))
            if kinds != 0 { try step("join the container", linux_setns(target, Int32(truncatingIfNeeded: kinds))) }
        }
        if root >= 0 {
            try libraryStep("enter the root", fchdir(root))
            try libraryStep("enter the root", chroot("."))
        }
        let slash = Descriptor(
            owning: try libraryStep("open the root", open("/", linux_O_PATH | O_DIRECTORY | O_CLOEXEC)))
        let root = ContainerRoot(descriptor: slash.raw)
        if process.tty {
            _ = try Terminal.install(root: root, process: process, status: status)
        } else {
            try streams.install(null: DeviceNodes.openNull(in: root, fallback: null))
        }
        ContainerStart.finish(
            process, try ContainerStart.keepOnly(status, preserved: streams.preserved), isolatesUsers: isStaged)
    }
}
