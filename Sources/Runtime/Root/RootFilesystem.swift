internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// Mounts the container's file systems in its new mount namespace and makes the result the root.
///
/// No process of the container runs yet; but the image, its volumes and other containers sharing them are untrusted.
final class RootFilesystem {
    let spec: LaunchSpec
    let root: ContainerRoot
    /// Mounts to make read-only at the end, when nothing has to be created in them any more.
    private var readonlyLater: [Int32] = []
    /// The empty directory for masking, created at first use.
    var empty: Int32 = -1
    /// The null device for masking files: that of a /dev created here, or a separate one; never a node of the image
    /// (CVE-2025-31133) or the host's. -1 until it exists.
    var null: Int32 = -1

    init(spec: LaunchSpec, root: ContainerRoot) {
        self.spec = spec
        self.root = root
    }

    static func isBeneathSys(_ path: String) -> Bool { PathText.components(path).first == "sys" }

    /// Makes one mount.
    func make(_ mount: MountSpec) throws(LaunchFailure) {
        let parts = PathText.components(mount.destination)
        if parts.isEmpty { throw LaunchFailure("mount on /: the root of a container cannot be covered") }
        if mount.flags.contains(.remount) { return try remount(mount) }
        if mount.kind == .cgroup { return try makeCgroups(mount) }
        try checkProc(mount, parts)
        if mount.kind == .bind { return try bind(mount, parts) }
        let isDevices = parts == ["dev"]
        let strict = isDevices || parts.first == "proc" || mount.kind == .proc || mount.kind == .sysfs
        let place = try root.place(mount.destination, .directory, strict: strict)
        try checkBehindLink(mount, place)
        var made = mount
        let isLater = (mount.kind == .tmpfs || isDevices) && mount.flags.contains(.readOnly)
        if isLater { made.flags.remove(.readOnly) }
        if mount.kind == .tmpfs && !place.isNew { try inheritMode(&made, from: place.descriptor) }
        let detached = mount.prepared >= 0 ? Descriptor(owning: mount.prepared) : try detached(made)
        var unmade: [String] = []
        if isDevices, mount.kind == .tmpfs {
            unmade = try DeviceNodes.populate(detached.raw, withConsole: spec.process.tty, except: spec.devices)
            // The mount is detached, so no other process can have replaced the node.
            let node = openat(detached.raw, "null", linux_O_PATH | O_NOFOLLOW | O_CLOEXEC)
            if node >= 0 { null = node }
        }
        if mount.flags.contains(.copyUp), !place.isNew {
            try TreeCopy.copy(from: place.descriptor, to: detached.raw, name: mount.destination)
        }
        try MountBuilder.attach(detached, on: place.descriptor, mount.destination)
        try DeviceNodes.bindStandard(unmade, into: detached.raw)
        if mount.propagation != .rprivate { try MountBuilder.setPropagation(detached, mount.propagation) }
        try MountBuilder.set(mount.recursive, on: detached.raw, isRecursive: true, mount.destination)
        if isLater { readonlyLater.append(detached.release()) }
    }

    private func bind(_ mount: MountSpec, _ parts: [Substring]) throws(LaunchFailure) {
        let source =
            mount.prepared >= 0
            ? Descriptor(owning: mount.prepared) : try MountBuilder.bind(mount)
        if parts == ["proc"] {
            // A fake /proc would receive writes meant for the kernel (CVE-2019-16884, CVE-2025-52881).
            guard linux_filesystem_magic(source.raw) == linux_PROC_SUPER_MAGIC else {
                throw LaunchFailure("mount on /proc: only a proc file system may be there")
            }
        }
        var status = stat()
        let isFile = fstat(source.raw, &status) == 0 && status.st_mode & S_IFMT != S_IFDIR
        let strict = parts.first == "proc" || parts == ["dev"]
        let place = try root.place(mount.destination, isFile ? .file : .directory, strict: strict)
        try checkBehindLink(mount, place)
        try MountBuilder.attach(source, on: place.descriptor, mount.destination)
    }

    /// A tmpfs gets the mode of the directory it covers unless its options set one, as in runc.
    private func inheritMode(_ mount: inout MountSpec, from place: borrowing Descriptor) throws(LaunchFailure) {
        guard !mount.data.contains(where: { $0.hasBytePrefix("mode=") }) else { return }
        var status = stat()
        try libraryStep("look at \(mount.destination)", fstat(place.raw, &status))
        mount.data.append("mode=" + String(status.st_mode & 0o7777, radix: 8))
    }

    private func detached(_ mount: MountSpec) throws(LaunchFailure) -> Descriptor {
        let type: String
        switch mount.kind {
        case .tmpfs: type = "tmpfs"
        case .proc: type = "proc"
        case .sysfs: type = "sysfs"
        case .devpts: type = "devpts"
        case .mqueue: type = "mqueue"
        case .bind, .cgroup: type = ""
        case .other: return try MountBuilder.makeOther(mount)
        }
        do throws(LaunchFailure) {
            let made = try MountBuilder.make(type, source: mount.source, options: mount.data, flags: mount.flags)
            if mount.kind == .mqueue { try label(made, mount.destination) }
            return made
        } catch {
            // If the user namespace does not own the namespace that a file system shows, the kernel refuses to mount a new one;
            // the host's shows the same.
            let source: String
            switch mount.kind {
            case .sysfs where !spec.namespaces.network.isNew: source = "/sys"
            case .proc where !spec.namespaces.pid.isNew: source = "/proc"
            case .mqueue where !spec.namespaces.ipc.isNew && access("/dev/mqueue", F_OK) == 0: source = "/dev/mqueue"
            default: throw error
            }
            guard spec.namespaces.user != .host else { throw error }
            // Read-only including submounts (CVE-2023-25809).
            return try MountBuilder.bind(
                source, flags: mount.flags, recursive: MountAttributes(on: mount.flags.intersection(.readOnly)),
                propagation: .rslave)
        }
    }

    /// Labels the root directory of a file system that has no label option.
    private func label(_ mount: borrowing Descriptor, _ name: String) throws(LaunchFailure) {
        guard !spec.mountLabel.isEmpty else { return }
        let what = "set the SELinux label \(spec.mountLabel) of \(name)"
        let directory = Descriptor(owning: try libraryStep(what, openat(mount.raw, ".", O_RDONLY | O_CLOEXEC)))
        let bytes = Array(spec.mountLabel.utf8)
        try step(what, Int32(linux_fs_set_attribute(directory.raw, "security.selinux", bytes, bytes.count)))
    }

    /// Changes an existing mount.
    private func remount(_ mount: MountSpec) throws(LaunchFailure) {
        let place = Descriptor(
            owning: try step("remount \(mount.destination)", root.find(mount.destination, linux_O_PATH)))
        if mount.kind != .bind { try MountBuilder.reconfigure(place, mount.destination, mount.data) }
        try MountBuilder.set(mount.attributes, on: place.raw, isRecursive: false, mount.destination)
        try MountBuilder.set(mount.recursive, on: place.raw, isRecursive: true, mount.destination)
    }

    /// Makes the tree the root and detaches the host's; `namespace` is the caller's mount namespace when the container has none
    /// of its own.
    func enter(_ mount: Int32, in namespace: Int32) throws(LaunchFailure) {
        for later in readonlyLater {
            try MountBuilder.set(MountAttributes(on: .readOnly), on: later, isRecursive: false, "a tmpfs")
        }
        // Created before the root becomes read-only, because the image may lack the working directory.
        _ = try? root.place(spec.process.cwd, .directory)
        if spec.readonlyRootfs {
            try step(
                "make the root read-only",
                linux_mount_setattr(mount, "", linux_AT_EMPTY_PATH, linux_MOUNT_ATTR_RDONLY, 0, 0))
        }
        if namespace >= 0 { return try enterWithoutNamespace(mount, namespace) }
        try libraryStep("enter the root", fchdir(mount))
        if spec.noPivot { return try moveRoot(mount) }
        // pivot_root(".", ".") stacks the old root on top of the new one, where it is unmounted; no directory in the image is
        // needed.
        let result = linux_pivot_root(".", ".")
        if result == -EINVAL { throw LaunchFailure("pivot_root: the machine's root is a ramfs; use --no-pivot") }
        try step("pivot_root", result)
        try step("unmount the host's root", linux_umount(".", Int32(MNT_DETACH)))
        try libraryStep("enter the root", chdir("/"))
        try setRootPropagation(mount)
    }

    /// chroot(2), as in runc and crun, but into a detached tree: the host's mount table does not change, and `..` leads nowhere.
    private func enterWithoutNamespace(_ mount: Int32, _ namespace: Int32) throws(LaunchFailure) {
        let how = linux_OPEN_TREE_CLONE | linux_AT_RECURSIVE | linux_AT_EMPTY_PATH
        // Closed with all other descriptors before the program runs; the tree stays while it is a process's root.
        let tree = try step("copy the root", linux_open_tree(mount, "", how))
        try step(
            "return to the caller's mounts", linux_setns(namespace, Int32(truncatingIfNeeded: linux_CLONE_NEWNS)))
        try libraryStep("enter the root", fchdir(tree))
        try libraryStep("enter the root", chroot("."))
        try libraryStep("enter the root", chdir("/"))
    }

    /// As runc without pivot_root: moves the root over the host's, after unmounting everything else.
    private func moveRoot(_ mount: Int32) throws(LaunchFailure) {
        let table: [UInt8]
        do throws(SystemError) {
            table = try Descriptor.open("/proc/self/mountinfo", O_RDONLY).readAll(limit: 64 << 20)
        } catch {
            throw LaunchFailure("read the mounts of the host: \(error.reason)")
        }
        if spec.isRootSeen {
            let flags = linux_MOVE_MOUNT_F_EMPTY_PATH
            try step("move the root", linux_move_mount(mount, "", AT_FDCWD, "/", flags))
        }
        for line in table.split(separator: 0x0a).reversed() {
            let fields = line.split(separator: 0x20)
            guard fields.count > 4 else { continue }
            let point = Self.unescaped(fields[4])
            // Paths are resolved from the host's root, not in the container. EINVAL for an already unmounted path is ignored.
            if point != "/" { _ = linux_umount(point, Int32(MNT_DETACH)) }
        }
        try libraryStep("enter the root", chroot("."))
        try libraryStep("enter the root", chdir("/"))
        try setRootPropagation(mount)
    }

    /// Octal escapes of proc_pid_mountinfo(5).
    private static func unescaped(_ text: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == 0x5c, digits.count == 3, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8) {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Sets the propagation of later mounts: among the container's own copies of its root, never to the host.
    private func setRootPropagation(_ mount: Int32) throws(LaunchFailure) {
        switch spec.rootfsPropagation {
        case .private, .rprivate, .slave, .rslave: return
        case .shared, .rshared, .unbindable, .runbindable:
            let propagation = spec.rootfsPropagation
            let flags = linux_AT_EMPTY_PATH | (propagation.isRecursive ? linux_AT_RECURSIVE : 0)
            try step("set rootfsPropagation", linux_mount_setattr(mount, "", flags, 0, 0, propagation.kernel))
        }
    }
}
