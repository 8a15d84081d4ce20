internal import CLinux
internal import Glibc
internal import Linux

/// Makes the container's view of the file system, inside its new mount namespace, and then makes it the root.
///
/// Nothing of the container runs yet; but its image, its volumes and other containers that share them are hostile.
struct RootFilesystem {
    let spec: LaunchSpec
    let root: ContainerRoot
    /// The host's /dev/null, checked to be it (CVE-2025-31133).
    let null: Int32

    static func isBeneathSys(_ destination: String) -> Bool {
        ContainerRoot.components(destination).first == "sys"
    }

    private static func isStrict(_ mount: MountSpec) -> Bool {
        switch mount.kind {
        case .proc, .sysfs, .cgroup: return true
        default:
            let parts = ContainerRoot.components(mount.destination)
            return parts.first == "proc" || (parts == ["dev"] && mount.kind == .tmpfs)
        }
    }

    /// Makes one mount. Returns the detached terminal file system when it is devpts.
    func make(_ mount: MountSpec) throws(LaunchFailure) {
        if mount.kind == .cgroup { return try makeCgroups(mount) }
        if ContainerRoot.components(mount.destination).isEmpty {
            throw LaunchFailure("mount on /: the root of a container cannot be covered")
        }
        if mount.kind != .proc && ContainerRoot.components(mount.destination) == ["proc"] {
            // A fake /proc would receive what is meant for the kernel (CVE-2019-16884, CVE-2025-52881).
            guard mount.kind == .bind, isProc(mount.source) else {
                throw LaunchFailure("mount on /proc: only a proc file system may be there")
            }
        }
        let made = try detached(mount)
        if mount.kind == .tmpfs, ContainerRoot.components(mount.destination) == ["dev"] {
            try DeviceNodes.populate(made.raw, withConsole: spec.process.tty)
        }
        var status = stat()
        let kind: ContainerRoot.Kind =
            mount.kind == .bind && fstat(made.raw, &status) == 0 && status.st_mode & S_IFMT != S_IFDIR
            ? .file : .directory
        let place = try root.place(mount.destination, kind, strict: Self.isStrict(mount))
        try MountBuilder.attach(made, on: place, mount.destination)
        if mount.propagation != .rprivate, mount.kind != .bind {
            try MountBuilder.setPropagation(made, mount.propagation)
        }
    }

    private func isProc(_ path: String) -> Bool {
        let handle = Glibc.open(path, linux_O_PATH | O_CLOEXEC)
        guard handle >= 0 else { return false }
        defer { close(handle) }
        return linux_filesystem_magic(handle) == linux_PROC_SUPER_MAGIC
    }

    private func detached(_ mount: MountSpec) throws(LaunchFailure) -> Descriptor {
        switch mount.kind {
        case .bind: return try MountBuilder.bind(mount.source, flags: mount.flags, propagation: mount.propagation)
        case .tmpfs: return try MountBuilder.make("tmpfs", options: mount.data, flags: mount.flags)
        case .proc: return try MountBuilder.make("proc", options: mount.data, flags: mount.flags)
        case .sysfs: return try MountBuilder.make("sysfs", options: mount.data, flags: mount.flags)
        case .devpts: return try MountBuilder.make("devpts", options: mount.data, flags: mount.flags)
        case .mqueue: return try MountBuilder.make("mqueue", options: mount.data, flags: mount.flags)
        case .cgroup: return try MountBuilder.make("cgroup2", options: mount.data, flags: mount.flags)
        }
    }

    /// cgroup2 as one file system; cgroup v1 as a tmpfs with the container's own directory of every hierarchy.
    private func makeCgroups(_ mount: MountSpec) throws(LaunchFailure) {
        let first = spec.cgroups.filter { !$0.controller.isEmpty }
        let place: Descriptor
        if first.isEmpty {
            guard let unified = spec.cgroups.first else { return }
            place = try root.place(mount.destination, .directory, strict: true)
            let made =
                spec.namespaces.cgroup == .new
                ? try MountBuilder.make("cgroup2", flags: mount.flags)
                : try MountBuilder.bind(unified.path, flags: mount.flags, propagation: .rprivate)
            return try MountBuilder.attach(made, on: place, mount.destination)
        }
        place = try root.place(mount.destination, .directory, strict: true)
        let folder = try MountBuilder.make("tmpfs", options: ["mode=755"], flags: mount.flags.subtracting(.readOnly))
        try MountBuilder.attach(folder, on: place, mount.destination)
        for join in first {
            try libraryStep("create cgroup folder \(join.controller)", mkdirat(folder.raw, join.controller, 0o755))
            let made = try MountBuilder.bind(join.path, flags: mount.flags, propagation: .rprivate)
            let target = Descriptor(
                owning: try step(
                    "open cgroup folder \(join.controller)",
                    linux_openat2(
                        folder.raw, join.controller, UInt64(linux_O_PATH | O_DIRECTORY), 0, linux_RESOLVE_BENEATH)))
            try MountBuilder.attach(made, on: target, mount.destination)
            if join.controller.contains(",") {
                for name in join.controller.split(separator: ",") {
                    _ = symlinkat(join.controller, folder.raw, String(name))
                }
            }
        }
        if mount.flags.contains(.readOnly) {
            try step(
                "make \(mount.destination) read-only",
                linux_mount_setattr(folder.raw, "", linux_AT_EMPTY_PATH, linux_MOUNT_ATTR_RDONLY, 0, 0))
        }
    }

    /// Hides a path: a directory beneath an empty read-only tmpfs, anything else beneath /dev/null.
    func mask(_ path: String) throws(LaunchFailure) {
        let found = root.find(path, linux_O_PATH)
        if found == -ENOENT || found == -ENOTDIR { return }
        let place = Descriptor(owning: try step("find \(path)", found))
        try checkKernelPath(path, place)
        var status = stat()
        try libraryStep("look at \(path)", fstat(place.raw, &status))
        let cover =
            status.st_mode & S_IFMT == S_IFDIR
            ? try MountBuilder.make("tmpfs", options: ["size=0k", "nr_inodes=1"], flags: [.readOnly])
            : try MountBuilder.bind("", at: null, flags: [.nonRecursive], propagation: .private)
        try MountBuilder.attach(cover, on: place, path)
    }

    /// Makes what is at a path read-only, with everything beneath.
    func makeReadonly(_ path: String) throws(LaunchFailure) {
        let found = root.find(path, linux_O_PATH)
        if found == -ENOENT || found == -ENOTDIR { return }
        let place = Descriptor(owning: try step("find \(path)", found))
        try checkKernelPath(path, place)
        let copy = try MountBuilder.bind("", at: place.raw, flags: [], propagation: .rprivate)
        try step(
            "make \(path) read-only",
            linux_mount_setattr(
                copy.raw, "", linux_AT_EMPTY_PATH | linux_AT_RECURSIVE, linux_MOUNT_ATTR_RDONLY, 0, 0))
        try MountBuilder.attach(copy, on: place, path)
    }

    /// What is to be protected beneath /proc and /sys must be the kernel's (CVE-2019-16884).
    private func checkKernelPath(_ path: String, _ place: borrowing Descriptor) throws(LaunchFailure) {
        let top = ContainerRoot.components(path).first
        guard top == "proc" || top == "sys" else { return }
        let magic = linux_filesystem_magic(place.raw)
        let kernels = [
            linux_PROC_SUPER_MAGIC, linux_SYSFS_MAGIC, linux_CGROUP_SUPER_MAGIC, linux_CGROUP2_SUPER_MAGIC,
            0x0102_1994 /* TMPFS_MAGIC: masked before */,
        ]
        guard kernels.contains(magic) else {
            throw LaunchFailure("protect \(path): it is not on the kernel's file system, which is refused")
        }
    }

    /// Makes the prepared tree the root and lets the host's go.
    func enter(_ mount: Int32) throws(LaunchFailure) {
        if spec.readonlyRootfs {
            try step(
                "make the root read-only",
                linux_mount_setattr(mount, "", linux_AT_EMPTY_PATH, linux_MOUNT_ATTR_RDONLY, 0, 0))
        }
        try libraryStep("enter the root", fchdir(mount))
        // The old root ends up on top of the new one and is taken off there: no directory is needed in the image.
        try step("pivot_root", linux_pivot_root(".", "."))
        try step("unmount the host's root", linux_umount(".", Int32(MNT_DETACH)))
        try libraryStep("enter the root", chdir("/"))
    }
}
