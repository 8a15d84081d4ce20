internal import CLinux
internal import Glibc
internal import Linux

/// Starts another process in a running container. Only for a process with a single thread.
package enum ContainerJoin {
    /// The namespaces of a container that shares the users and the clocks of its caller, as CLONE_NEW* flags.
    package static let usualKinds =
        linux_CLONE_NEWNS | linux_CLONE_NEWPID | linux_CLONE_NEWNET | linux_CLONE_NEWIPC | linux_CLONE_NEWUTS
        | linux_CLONE_NEWCGROUP
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

    /// Clones the process that joins the namespaces of `target` (a pidfd of the first process), sets everything up, and clones the
    /// one that executes the program: ``ClonedProcess/executingProcess()`` gives that. `root` is the container's root where it shares the
    /// caller's mount namespace. A caller that `sleeps` until then spares the first of them a memory of its own.
    package static func clone(
        _ process: ProcessSpec, target: Int32, kinds: UInt64 = usualKinds, root: Int32 = -1, cgroups: [CgroupJoin],
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
        // A clock is joined by a memory, not by a process; and who changes users has a memory that is nobody else's.
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

    /// Nobody in the container sees this process: it stays in the caller's process namespace (setns(2) with CLONE_NEWPID is for
    /// what it clones).
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
        // Where none can be made inside.
        let null = isolatesUsers || !NullDevice.canBeMade ? try NullDevice.open().release() : -1
        // Every namespace at once: the kernel takes the users first.
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
