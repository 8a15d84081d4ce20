internal import CLinux

/// The flags of a mount, and how it is created.
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
    /// Bind only the mount itself, without its submounts (`bind` as opposed to `rbind`).
    package static let nonRecursive = MountFlags(rawValue: 1 << 16)
    /// Change an existing mount.
    package static let remount = MountFlags(rawValue: 1 << 17)
    /// Copy the covered directory's content into the tmpfs.
    package static let copyUp = MountFlags(rawValue: 1 << 18)

    /// Map owners (`idmap`), also in submounts (`ridmap`).
    package static let mapped = MountFlags(rawValue: 1 << 19)
    package static let recursivelyMapped = MountFlags(rawValue: 1 << 20)

    /// Shared with the container's own copies of the mount, but not with the host.
    package static let contained = MountFlags(rawValue: 1 << 21)

    /// All known flags: a message with another one is from a later release.
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

/// Flags to set and to clear; others keep the source's value.
package struct MountAttributes: Hashable, Sendable {
    package var on: MountFlags
    package var off: MountFlags

    package init(on: MountFlags = [], off: MountFlags = []) {
        self.on = on
        self.off = off
    }

    /// The later of two options about the same flag wins. All access-time flags count as one.
    mutating func turn(_ flag: MountFlags, on isOn: Bool) {
        if isOn, MountFlags.accessTimes.contains(flag) { on.subtract(.accessTimes) }
        if isOn { on.formUnion(flag) } else { on.subtract(flag) }
        if isOn { off.subtract(flag) } else { off.formUnion(flag) }
    }

    /// The attributes that mount_setattr(2) sets.
    var set: UInt64 { on.kernel }

    /// The attributes that mount_setattr(2) clears. Access times are one field, in which 0 means `relatime`.
    var cleared: UInt64 {
        let changesTimes = !on.isDisjoint(with: .accessTimes) || !off.isDisjoint(with: [.noATime, .strictATime])
        let field = changesTimes ? linux_MOUNT_ATTR__ATIME : 0
        return off.subtracting(.accessTimes).kernel | field
    }

    var isEmpty: Bool { self.set == 0 && cleared == 0 }
}

/// Propagation of later submounts (mount_namespaces(7)), by OCI's names; the `r` forms include submounts.
package enum MountPropagation: String, CaseIterable, Sendable {
    case rprivate, `private`, rslave, slave, rshared, shared, runbindable, unbindable

    /// Whether mounts made in the container propagate to its peers.
    var isShared: Bool { self == .shared || self == .rshared }

    var isRecursive: Bool {
        switch self {
        case .rprivate, .rslave, .rshared, .runbindable: return true
        case .private, .slave, .shared, .unbindable: return false
        }
    }

    /// The MS_* value for mount_setattr(2).
    var kernel: UInt64 {
        switch self {
        case .rprivate, .private: return linux_MS_PRIVATE
        case .rslave, .slave: return linux_MS_SLAVE
        case .rshared, .shared: return linux_MS_SHARED
        case .runbindable, .unbindable: return linux_MS_UNBINDABLE
        }
    }
}
