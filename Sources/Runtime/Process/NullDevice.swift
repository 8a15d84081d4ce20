internal import CLinux
internal import Glibc
package import Linux

/// The null device for masked files and missing standard streams: a separate node on a read-only mount. Through the host's node a
/// container could change its owner, mode and times.
package enum NullDevice {
    /// A detached read-only mount of a node; `options` are those of its file system.
    package static func mount(_ options: [String] = []) throws(LaunchFailure) -> Descriptor {
        if let own = try makeMount(options) { return own }
        let host = try MountBuilder.bind(
            "/dev/null", flags: [.nonRecursive, .readOnly], propagation: .private)
        try check(host)
        return host
    }

    /// Nil in a user namespace, which cannot create nodes, and before Linux 6.15, which cannot clone a mount that is not
    /// attached.
    static func makeMount(_ options: [String]) throws(LaunchFailure) -> Descriptor? {
        guard canBeMade, let folder = try makeFolder(options) else { return nil }
        let opened = linux_open_tree(folder.raw, name, linux_OPEN_TREE_CLONE)
        guard opened >= 0 else { return nil }
        let node = Descriptor(owning: opened)
        try MountBuilder.set(MountAttributes(on: .readOnly), on: node.raw, isRecursive: false, "the null device")
        return node
    }

    /// The null device for missing `streams`: the container's own if it is one, else `other`, else a new one. -1 when none is
    /// needed.
    static func open(
        in root: ContainerRoot, or other: Int32, for streams: ChildStreams
    ) throws(LaunchFailure) -> Int32 {
        guard streams.needNull else { return -1 }
        let found = DeviceNodes.openNull(in: root, fallback: other)
        return found >= 0 ? found : try open().release()
    }

    /// Opens a new node; the host's if none can be created.
    static func open() throws(LaunchFailure) -> Descriptor {
        let what = "open the null device"
        if canBeMade, let folder = try makeFolder([]) {
            return Descriptor(owning: try libraryStep(what, openat(folder.raw, name, O_RDWR | O_CLOEXEC)))
        }
        let host = Descriptor(owning: try libraryStep(what, Glibc.open("/dev/null", O_RDWR | O_CLOEXEC)))
        try check(host)
        return host
    }

    static let canBeMade: Bool = {
        let needed = Capability.mask(["SYS_ADMIN", "MKNOD"])
        return linux_permitted_capabilities() & needed == needed && ProcessCredentials.areOfRoot
    }()

    /// Whether the descriptor is a null device.
    static func isNull(_ handle: Int32) -> Bool {
        var status = stat()
        return fstat(handle, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR
            && status.st_rdev == DeviceNodes.number(1, 3)
    }

    private static let name = "null"

    private static func check(_ host: borrowing Descriptor) throws(LaunchFailure) {
        guard isNull(host.raw) else { throw LaunchFailure("/dev/null of the host is not the null device") }
    }

    /// An unattached file system with only the node; nil when the devices cgroup forbids mknod.
    private static func makeFolder(_ options: [String]) throws(LaunchFailure) -> Descriptor? {
        let folder = try MountBuilder.make(
            "tmpfs", options: ["mode=755", "nr_inodes=2"] + options, flags: [.noSuid, .noExec])
        guard mknodat(folder.raw, name, S_IFCHR | 0o666, DeviceNodes.number(1, 3)) == 0 else { return nil }
        // chmod, because the caller's umask applied to mknod.
        try libraryStep("set the mode of the null device", fchmodat(folder.raw, name, 0o666, 0))
        return folder
    }
}
