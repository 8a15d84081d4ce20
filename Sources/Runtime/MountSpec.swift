/// How a mount behaves.
package struct MountFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let readOnly = MountFlags(rawValue: 1 << 0)
    /// Read-only with everything mounted beneath (`rro`).
    package static let recursiveReadOnly = MountFlags(rawValue: 1 << 1)
    package static let noSuid = MountFlags(rawValue: 1 << 2)
    package static let noDev = MountFlags(rawValue: 1 << 3)
    package static let noExec = MountFlags(rawValue: 1 << 4)
    package static let noATime = MountFlags(rawValue: 1 << 5)
    package static let strictATime = MountFlags(rawValue: 1 << 6)
    /// Bind only the mount itself, not what is mounted beneath (`bind` against `rbind`).
    package static let nonRecursive = MountFlags(rawValue: 1 << 7)
}

/// Who sees later mounts beneath a mount (mount_namespaces(7)); the `r` forms cover everything beneath.
package enum MountPropagation: UInt8, Sendable {
    case rprivate, `private`, rslave, slave, rshared, shared, runbindable, unbindable
}

/// One mount in a container.
package struct MountSpec: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        case bind, tmpfs, proc, sysfs, devpts, mqueue, cgroup
    }

    package var kind: Kind
    /// A path of the host; only for `bind`.
    package var source: String
    /// Absolute, in the container; made when it is missing.
    package var destination: String
    package var flags: MountFlags
    package var propagation: MountPropagation
    /// File system options: `size=65536k`, `mode=755`.
    package var data: [String]

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

extension MountSpec {
    func encode(to writer: inout BinaryWriter) {
        writer.put(kind.rawValue)
        writer.put(source)
        writer.put(destination)
        writer.put(flags.rawValue)
        writer.put(propagation.rawValue)
        writer.put(data)
    }

    init(from reader: inout BinaryReader) throws(LaunchFailure) {
        guard let kind = Kind(rawValue: try reader.integer()) else {
            throw LaunchFailure("the message has an unknown kind of mount")
        }
        let source = try reader.string()
        let destination = try reader.string()
        let flags = MountFlags(rawValue: try reader.integer())
        guard let propagation = MountPropagation(rawValue: try reader.integer()) else {
            throw LaunchFailure("the message has an unknown mount propagation")
        }
        self.init(
            kind, source: source, destination, flags: flags, propagation: propagation, data: try reader.strings())
    }
}

extension DeviceSpec {
    func encode(to writer: inout BinaryWriter) {
        writer.put(kind.rawValue)
        writer.put(path)
        for number in [major, minor, mode, uid, gid] { writer.put(number) }
    }

    init(from reader: inout BinaryReader) throws(LaunchFailure) {
        guard let kind = Kind(rawValue: try reader.integer()) else {
            throw LaunchFailure("the message has an unknown kind of device")
        }
        self.init(
            kind, try reader.string(), major: try reader.integer(), minor: try reader.integer(),
            mode: try reader.integer(), uid: try reader.integer(), gid: try reader.integer())
    }
}
