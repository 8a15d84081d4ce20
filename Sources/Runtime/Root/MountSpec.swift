/// One mount in a container.
package struct MountSpec: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        case bind, tmpfs, proc, sysfs, devpts, mqueue, cgroup
        /// Any other file system the kernel has, named by `type`.
        case other
    }

    package var kind: Kind
    /// The kernel's name of the file system (`ext4`); only for `other`.
    package var type = ""
    /// A path of the host for `bind`; else what the file system takes: a device, an export, a name for the mount table.
    package var source: String
    /// Absolute, in the container; made when it is missing.
    package var destination: String
    package var flags: MountFlags
    /// Switched off although the source has it (`rw`, `suid`, `dev`, …).
    package var cleared: MountFlags = []
    /// For the mount and everything mounted beneath it (`rro`, `rnosuid`, …).
    package var recursive = MountAttributes()
    package var propagation: MountPropagation
    /// File system options: `size=65536k`, `mode=755`.
    package var data: [String]
    /// How a mapped mount maps owners; empty for the container's own user namespace.
    package var userMappings: [IdentityMapping] = []
    package var groupMappings: [IdentityMapping] = []
    /// A detached mount of the source that was opened before the mount namespace was made; -1 for none. Never encoded.
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

    /// What is set and cleared on the mount itself.
    var attributes: MountAttributes {
        get { MountAttributes(on: flags, off: cleared) }
        set {
            flags = newValue.on
            cleared = newValue.off
        }
    }

    /// What every Docker container has. A tmpfs on /dev is filled with the standard nodes and links.
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

/// A device node to make in a container.
package struct DeviceSpec: Equatable, Sendable {
    package enum Kind: UInt8, Sendable { case character, block, fifo }

    package var kind: Kind
    package var path: String
    package var major: UInt32
    package var minor: UInt32
    package var mode: UInt32
    package var uid: UInt32
    package var gid: UInt32
    /// A detached mount of a node that the caller made; -1 for none. Never encoded.
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
