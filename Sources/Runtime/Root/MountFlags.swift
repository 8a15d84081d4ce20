internal import CLinux

/// How a mount behaves, and how it is made.
package struct MountFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let readOnly = MountFlags(rawValue: 1 << 0)
    package static let noSuid = MountFlags(rawValue: 1 << 1)
    package static let noDev = MountFlags(rawValue: 1 << 2)
    package static let noExec = MountFlags(rawValue: 1 << 3)
    package static let noATime = MountFlags(rawValue: 1 << 4)
    package static let strictATime = MountFlags(rawValue: 1 << 5)
    package static let relativeATime = MountFlags(rawValue: 1 << 6)
    package static let noDirectoryATime = MountFlags(rawValue: 1 << 7)
    package static let noSymbolicLinks = MountFlags(rawValue: 1 << 8)
    /// Bind only the mount itself, not what is mounted beneath (`bind` against `rbind`).
    package static let nonRecursive = MountFlags(rawValue: 1 << 16)
    /// Change what is mounted there already.
    package static let remount = MountFlags(rawValue: 1 << 17)
    /// Fill the tmpfs with what it covers.
    package static let copyUp = MountFlags(rawValue: 1 << 18)

    /// Owners are mapped (`idmap`), on everything mounted beneath too (`ridmap`).
    package static let mapped = MountFlags(rawValue: 1 << 19)
    package static let recursivelyMapped = MountFlags(rawValue: 1 << 20)

    /// Shared among the copies that the container makes of it, not with the host.
    package static let contained = MountFlags(rawValue: 1 << 21)

    /// Every one above: a message with another one is of a later release.
    package static let all: MountFlags = [
        .readOnly, .noSuid, .noDev, .noExec, .noATime, .strictATime, .relativeATime, .noDirectoryATime,
        .noSymbolicLinks,
        .nonRecursive, .remount, .copyUp, .mapped, .recursivelyMapped, .contained,
    ]

    fileprivate static let accessTimes: MountFlags = [.noATime, .strictATime, .relativeATime]

    /// MOUNT_ATTR_* of mount_setattr(2).
    fileprivate var kernel: UInt64 {
        var result: UInt64 = 0
        if contains(.readOnly) { result |= linux_MOUNT_ATTR_RDONLY }
        if contains(.noSuid) { result |= linux_MOUNT_ATTR_NOSUID }
        if contains(.noDev) { result |= linux_MOUNT_ATTR_NODEV }
        if contains(.noExec) { result |= linux_MOUNT_ATTR_NOEXEC }
        if contains(.noATime) { result |= linux_MOUNT_ATTR_NOATIME }
        if contains(.strictATime) { result |= linux_MOUNT_ATTR_STRICTATIME }
        if contains(.noDirectoryATime) { result |= linux_MOUNT_ATTR_NODIRATIME }
        if contains(.noSymbolicLinks) { result |= linux_MOUNT_ATTR_NOSYMFOLLOW }
        return result
    }
}

/// Flags that are switched on and off; what is in neither stays as the source has it.
package struct MountAttributes: Hashable, Sendable {
    package var on: MountFlags
    package var off: MountFlags

    package init(on: MountFlags = [], off: MountFlags = []) {
        self.on = on
        self.off = off
    }

    /// The later of two options about the same thing wins. Access times are one thing.
    mutating func turn(_ flag: MountFlags, on isOn: Bool) {
        if isOn, MountFlags.accessTimes.contains(flag) { on.subtract(.accessTimes) }
        if isOn { on.formUnion(flag) } else { on.subtract(flag) }
        if isOn { off.subtract(flag) } else { off.formUnion(flag) }
    }

    /// What mount_setattr(2) sets.
    var set: UInt64 { on.kernel }

    /// What mount_setattr(2) clears: access times as a whole field, which is `relatime` when empty.
    var cleared: UInt64 {
        let changesTimes = !on.isDisjoint(with: .accessTimes) || !off.isDisjoint(with: [.noATime, .strictATime])
        let field = changesTimes ? linux_MOUNT_ATTR__ATIME : 0
        return off.subtracting(.accessTimes).kernel | field
    }

    var isEmpty: Bool { self.set == 0 && cleared == 0 }
}

/// Who sees later mounts beneath a mount (mount_namespaces(7)), by OCI's names; the `r` forms cover everything beneath.
package enum MountPropagation: String, CaseIterable, Sendable {
    case rprivate, `private`, rslave, slave, rshared, shared, runbindable, unbindable

    /// Whether mounts made in the container can be seen by whoever shares it.
    var isShared: Bool { self == .shared || self == .rshared }

    var isRecursive: Bool {
        switch self {
        case .rprivate, .rslave, .rshared, .runbindable: return true
        case .private, .slave, .shared, .unbindable: return false
        }
    }

    /// The number mount_setattr(2) takes.
    var kernel: UInt64 {
        switch self {
        case .rprivate, .private: return linux_MS_PRIVATE
        case .rslave, .slave: return linux_MS_SLAVE
        case .rshared, .shared: return linux_MS_SHARED
        case .runbindable, .unbindable: return linux_MS_UNBINDABLE
        }
    }
}
