/// One mount of a container.
package struct MountSpec: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        case bind, tmpfs, proc, sysfs, devpts, mqueue, cgroup
        /// Any other file system of the kernel, named by `type`.
        case other
    }

    package var kind: Kind
    /// The file system's name in the kernel (`ext4`); only for `other`.
    package var type = ""
    /// A host path for `bind`, otherwise the file system's source: a device, an export, or a name for the mount table.
    package var source: String
    /// Absolute, in the container; created when missing.
    package var destination: String
    package var flags: MountFlags
    /// Flags to clear although the source has them (`rw`, `suid`, `dev`, …).
    package var cleared: MountFlags = []
    /// Flags for the mount and all its submounts (`rro`, `rnosuid`, …).
    package var recursive = MountAttributes()
    package var propagation: MountPropagation
    /// File system options: `size=65536k`, `mode=755`.
    package var data: [String]
    /// Owner mappings of a mapped mount; empty to use the container's user namespace.
    package var userMappings: [IdentityMapping] = []
    package var groupMappings: [IdentityMapping] = []
    /// A detached mount of the source, opened before the mount namespace was created; -1 for none. Not encoded.
    package var prepared: Int32 = -1

    package init(
        _ kind: Kind, source: String = "", _ destination: String, flags: MountFlags = [],
        propagation: MountPropagation = .rprivate, data: [String] = []
    ) {
        self.kind = kind
        self.source = source
        self.destination = destination
        self.flags = flags
        self.propagation = propagation
        self.data = data
    }

    /// Attributes of the mount itself.
    var attributes: MountAttributes {
        get { MountAttributes(on: flags, off: cleared) }
        set {
            flags = newValue.on
            cleared = newValue.off
        }
    }

    /// The mounts of every Docker container. A tmpfs on /dev is filled with the standard nodes and links.
    package static func dockerDefaults(sharedMemorySize: Int64 = 64 << 20) -> [MountSpec] {
        let confined: MountFlags = [.noSuid, .noExec, .noDev]
        return [
            MountSpec(.proc, "/proc", flags: confined),
            MountSpec(.tmpfs, "/dev", flags: [.noSuid, .strictATime], data: ["mode=755", "size=65536k"]),
            MountSpec(.devpts, "/dev/pts", flags: [.noSuid, .noExec], data: ["ptmxmode=0666", "mode=0620", "gid=5"]),
            MountSpec(.sysfs, "/sys", flags: confined.union(.readOnly)),
            MountSpec(.cgroup, "/sys/fs/cgroup", flags: confined.union(.readOnly)),
            MountSpec(.mqueue, "/dev/mqueue", flags: confined),
            MountSpec(.tmpfs, "/dev/shm", flags: confined, data: ["mode=1777", "size=\(sharedMemorySize)"]),
        ]
    }
}

/// A device node to create in a container.
package struct DeviceSpec: Equatable, Sendable {
    package enum Kind: UInt8, Sendable { case character, block, fifo }

    package var kind: Kind
    package var path: String
    package var major: UInt32
    package var minor: UInt32
    package var mode: UInt32
    package var uid: UInt32
    package var gid: UInt32
    /// A detached mount of a node that the caller created; -1 for none. Not encoded.
    package var prepared: Int32 = -1

    package init(
        _ kind: Kind, _ path: String, major: UInt32, minor: UInt32, mode: UInt32 = 0o666, uid: UInt32 = 0,
        gid: UInt32 = 0
    ) {
        self.kind = kind
        self.path = path
        self.major = major
        self.minor = minor
        self.mode = mode
        self.uid = uid
        self.gid = gid
    }
}
