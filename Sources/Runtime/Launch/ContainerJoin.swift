internal import CLinux
internal import Glibc
internal import Linux

/// Starts a process in a running container (exec). The calling process must have a single thread.
package enum ContainerJoin {
    /// The namespaces of a container that shares user and time namespace with the caller, as CLONE_NEW* flags.
    package static let defaultKinds =
        linux_CLONE_NEWNS | linux_CLONE_NEWPID | linux_CLONE_NEWNET | linux_CLONE_NEWIPC | linux_CLONE_NEWUTS
        | linux_CLONE_NEWCGROUP
    package static let mountKind = linux_CLONE_NEWNS
    package static let timeKind = linux_CLONE_NEWTIME

    /// The namespaces in which a process differs from the caller.
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

    /// Clones a process that joins the namespaces of `target` (a pidfd of the init process), sets everything up, and clones the
    /// process that executes the program, which ``ClonedProcess/executingProcess()`` returns. `root` is the container's root if
    /// it shares the caller's mount namespace. If the caller `sleeps` meanwhile, the first process can share its memory (vfork).
    package static func clone(
        _ process: ProcessSpec, target: Int32, kinds: UInt64 = defaultKinds, root: Int32 = -1, cgroups: [CgroupJoin],
        streams: ChildStreams, status: Int32, sleeps: Bool = false
    ) throws(LaunchFailure) -> ClonedProcess {
        guard root >= 0 || kinds & linux_CLONE_NEWNS != 0 else {
            throw LaunchFailure("the container's root is not known")
        }
        let cgroup = try CgroupJoin.unified(cgroups, beside: target)
        defer { if cgroup >= 0 { close(cgroup) } }
        let sibling = try SiblingNumber()
        let body = { () -> Never in
            begin(
                process, target: target, kinds: kinds, root: root, cgroups: cgroups, streams, status, sibling)
        }
        var pidfd: Int32 = -1
        // A time namespace cannot be joined with shared memory, and a process that changes its user must not share memory with
        // the caller.
        guard sleeps, kinds & (linux_CLONE_NEWTIME | linux_CLONE_NEWUSER) == 0 else {
            let pid = try step("clone the process", linux_clone(0, &pidfd, cgroup))
            if pid == 0 { body() }
            return ClonedProcess(pid: pid, pidfd: pidfd, sibling: sibling)
        }
        try step("become undumpable", linux_set_dumpable(0))
        let pid = withUnsafePointer(to: body) { body in
            linux_clone_in_memory(
                &pidfd, cgroup, { $0?.assumingMemoryBound(to: (() -> Never).self).pointee() },
                UnsafeMutableRawPointer(mutating: body))
        }
        return ClonedProcess(pid: try step("clone the process", pid), pidfd: pidfd, sibling: sibling)
    }

    private static func begin(
        _ process: ProcessSpec, target: Int32, kinds: UInt64, root: Int32, cgroups: [CgroupJoin],
        _ streams: ChildStreams, _ status: Int32, _ sibling: SiblingNumber
    ) -> Never {
        do throws(LaunchFailure) {
            try setUp(process, target: target, kinds: kinds, root: root, cgroups: cgroups, streams, status, sibling)
        } catch {
            StatusMessage.failure(error).send(on: status)
        }
        _exit(Int32(255))
    }

    /// This process is not visible in the container: it stays in the caller's pid namespace, because setns(2) with CLONE_NEWPID
    /// applies only to its children.
    private static func setUp(
        _ process: ProcessSpec, target: Int32, kinds: UInt64, root: Int32, cgroups: [CgroupJoin],
        _ streams: ChildStreams, _ status: Int32, _ sibling: SiblingNumber
    ) throws(LaunchFailure) -> Never {
        try step("become undumpable", linux_set_dumpable(0))
        linux_reset_signals()
        umask(0)
        _ = setsid()
        let attributes = Attributes(process, status: status)
        try attributes.prepare(cgroups, isExec: true)
        try attributes.label()
        let isolatesUsers = kinds & linux_CLONE_NEWUSER != 0
        // Opened outside when it cannot be created inside.
        let null = isolatesUsers || !NullDevice.canBeMade ? try NullDevice.open().release() : -1
        // All namespaces in one call; the kernel joins the user namespace first.
        try step("join the container", linux_setns(target, Int32(truncatingIfNeeded: kinds)))
        if isolatesUsers { try StartStage.becomeRoot() }
        if root >= 0 {
            try libraryStep("enter the root", fchdir(root))
            try libraryStep("enter the root", chroot("."))
        }
        let slash = Descriptor(
            owning: try libraryStep("open the root", open("/", linux_O_PATH | O_DIRECTORY | O_CLOEXEC)))
        let root = ContainerRoot(descriptor: slash.raw)
        if process.tty {
            _ = try Terminal.install(root: root, process: process, status: status, takesControl: false)
        } else {
            try streams.install(null: NullDevice.open(in: root, or: null, for: streams))
        }
        ContainerStart.finish(
            process, try ContainerStart.keepOnly(status, preserved: streams.preserved), isolatesUsers: isolatesUsers,
            makesDirectory: false, sibling: sibling)
    }
}
