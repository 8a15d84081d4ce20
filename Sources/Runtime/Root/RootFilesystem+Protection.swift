internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

extension RootFilesystem {
    /// Files of /proc that LXCFS and similar replace.
    private static let replaceable: Set<String> = [
        "cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "sys/kernel/ns_last_pid",
        "sys/crypto/fips_enabled",
    ]

    /// Refuses mounts below /proc that would hide the kernel's own files from the runtime (CVE-2019-16884, CVE-2025-52881).
    func checkProc(_ mount: MountSpec, _ parts: [Substring]) throws(LaunchFailure) {
        guard parts.first == "proc" else { return }
        if parts.count == 1 {
            guard mount.kind == .proc || mount.kind == .bind else {
                throw LaunchFailure("mount on /proc: only a proc file system may be there")
            }
        } else if !Self.replaceable.contains(parts.dropFirst().joined(separator: "/")) {
            throw LaunchFailure("mount on \(mount.destination): it is inside /proc, which is refused")
        }
    }

    /// The same check for a path whose symbolic links lead into /proc.
    func checkBehindLink(_ mount: MountSpec, _ place: borrowing ContainerRoot.Place) throws(LaunchFailure) {
        guard place.isBehindLink else { return }
        guard linux_filesystem_magic(place.descriptor.raw) != linux_PROC_SUPER_MAGIC else {
            throw LaunchFailure("mount on \(mount.destination): a symbolic link leads into /proc, which is refused")
        }
    }

    /// Makes paths read-only and masks paths, after all mounts.
    func protect() throws(LaunchFailure) {
        for path in spec.readonlyPaths { try makeReadonly(path) }
        for path in spec.maskedPaths { try mask(path) }
    }

    /// Masks a path: a directory by an empty read-only tmpfs, anything else by a null device; one of each for all paths.
    func mask(_ path: String) throws(LaunchFailure) {
        let found = root.find(path, linux_O_PATH)
        if found == -ENOENT || found == -ENOTDIR { return }
        let place = Descriptor(owning: try step("find \(path)", found))
        try checkKernelPath(path, place)
        var status = stat()
        try libraryStep("look at \(path)", fstat(place.raw, &status))
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        let known = isDirectory ? empty : null
        let cover: Descriptor
        if known >= 0 {
            cover = try MountBuilder.bind("", at: known, flags: [.nonRecursive, .readOnly], propagation: .private)
        } else if isDirectory {
            cover = try MountBuilder.make(
                "tmpfs", options: ["size=0k", "nr_inodes=1"] + spec.labelOptions, flags: [.readOnly])
        } else {
            cover = spec.null >= 0 ? Descriptor(owning: spec.null) : try NullDevice.mount(spec.labelOptions)
        }
        try MountBuilder.attach(cover, on: place, path)
        if known >= 0 { return }
        if isDirectory { empty = cover.release() } else { null = cover.release() }
    }

    /// The null device for missing streams, opened while /proc is the host's; -1 when none is needed.
    func openNull(for streams: ChildStreams) throws(LaunchFailure) -> Int32 {
        guard !spec.process.tty, streams.needNull else { return -1 }
        let inside = DeviceNodes.openNull(in: root, fallback: -1)
        if inside >= 0 { return inside }
        // In a user namespace no other can be created.
        if null >= 0 {
            return try libraryStep("open the null device", open("/proc/self/fd/\(null)", O_RDWR | O_CLOEXEC))
        }
        return try NullDevice.open().release()
    }

    /// Makes the file or tree at a path read-only.
    func makeReadonly(_ path: String) throws(LaunchFailure) {
        let found = root.find(path, linux_O_PATH)
        if found == -ENOENT || found == -ENOTDIR { return }
        let place = Descriptor(owning: try step("find \(path)", found))
        try checkKernelPath(path, place)
        let copy = try MountBuilder.bind(
            "", at: place.raw, flags: [], recursive: MountAttributes(on: .readOnly), propagation: .rprivate)
        try MountBuilder.attach(copy, on: place, path)
    }

    /// Paths to protect below /proc and /sys must be on the kernel's file system (CVE-2019-16884).
    private func checkKernelPath(_ path: String, _ place: borrowing Descriptor) throws(LaunchFailure) {
        let top = PathText.components(path).first
        guard top == "proc" || top == "sys" else { return }
        let magic = linux_filesystem_magic(place.raw)
        let kernels = [
            linux_PROC_SUPER_MAGIC, linux_SYSFS_MAGIC, linux_CGROUP_SUPER_MAGIC, linux_CGROUP2_SUPER_MAGIC,
            0x0102_1994 /* TMPFS_MAGIC: masked before */,
        ]
        guard kernels.contains(magic) else {
            throw LaunchFailure("protect \(path): it is not on a proc or sysfs file system, which is refused")
        }
    }
}
