internal import CLinux
internal import Glibc
internal import Linux

/// Makes detached mounts and puts them in their places, all by descriptor.
enum MountBuilder {
    static func attributes(_ flags: MountFlags) -> UInt64 {
        var result: UInt64 = 0
        if flags.contains(.readOnly) || flags.contains(.recursiveReadOnly) { result |= linux_MOUNT_ATTR_RDONLY }
        if flags.contains(.noSuid) { result |= linux_MOUNT_ATTR_NOSUID }
        if flags.contains(.noDev) { result |= linux_MOUNT_ATTR_NODEV }
        if flags.contains(.noExec) { result |= linux_MOUNT_ATTR_NOEXEC }
        if flags.contains(.noATime) { result |= linux_MOUNT_ATTR_NOATIME }
        if flags.contains(.strictATime) { result |= linux_MOUNT_ATTR_STRICTATIME }
        return result
    }

    /// A new file system of `type` as a detached mount; `options` are `key=value` or flags.
    static func make(_ type: String, options: [String] = [], flags: MountFlags) throws(LaunchFailure) -> Descriptor {
        let context = Descriptor(owning: try step("open file system \(type)", linux_fsopen(type)))
        _ = linux_fsconfig_string(context.raw, "source", type)
        for option in options {
            let result: Int32
            if let equals = option.firstIndex(of: "=") {
                result = linux_fsconfig_string(
                    context.raw, String(option[..<equals]), String(option[option.index(after: equals)...]))
            } else {
                result = linux_fsconfig_flag(context.raw, option)
            }
            if result < 0 { throw failure("set \(option) on \(type)", result, context) }
        }
        let created = linux_fsconfig_create(context.raw)
        if created < 0 { throw failure("create file system \(type)", created, context) }
        let mount = linux_fsmount(context.raw, attributes(flags))
        if mount < 0 { throw failure("mount \(type)", mount, context) }
        return Descriptor(owning: mount)
    }

    /// With the kernel's own explanation when it left one.
    private static func failure(_ what: String, _ code: Int32, _ context: borrowing Descriptor) -> LaunchFailure {
        var text = [CChar](repeating: 0, count: 256)
        let count = linux_fs_message(context.raw, &text, text.count)
        let reason = SystemError("", code: -code).reason
        guard count > 2 else { return LaunchFailure("\(what): \(reason)") }
        // "e " before an error, "w " before a warning.
        let bytes = text[2..<Int(count)].map { UInt8(bitPattern: $0) }
        return LaunchFailure("\(what): \(reason) (\(String(decoding: bytes, as: UTF8.self)))")
    }

    /// A detached copy of what is mounted at `source` of the host, with its own flags and propagation.
    static func bind(
        _ source: String, at directory: Int32 = AT_FDCWD, flags: MountFlags, propagation: MountPropagation
    ) throws(LaunchFailure) -> Descriptor {
        let recursive = !flags.contains(.nonRecursive)
        var how = linux_OPEN_TREE_CLONE
        if recursive { how |= linux_AT_RECURSIVE }
        if source.isEmpty { how |= linux_AT_EMPTY_PATH }
        let opened = linux_open_tree(directory, source, how)
        if opened == -ENOENT {
            throw LaunchFailure("bind source path does not exist: \(source)")
        }
        let mount = Descriptor(owning: try step("bind mount \(source)", opened))
        try setPropagation(mount, propagation)
        let set = attributes(flags)
        if set != 0 {
            // A read-only bind covers only its own mount, as mount(8) and Docker before `rro` do.
            let clear = flags.contains(.noATime) || flags.contains(.strictATime) ? linux_MOUNT_ATTR__ATIME : 0
            let scope =
                linux_AT_EMPTY_PATH | (flags.contains(.recursiveReadOnly) && recursive ? linux_AT_RECURSIVE : 0)
            try step("set flags of \(source)", linux_mount_setattr(mount.raw, "", scope, set, clear, 0))
        }
        return mount
    }

    static func setPropagation(
        _ mount: borrowing Descriptor, _ propagation: MountPropagation
    ) throws(LaunchFailure) {
        let value: UInt64
        switch propagation {
        case .rprivate, .private: value = linux_MS_PRIVATE
        case .rslave, .slave: value = linux_MS_SLAVE
        case .rshared, .shared: value = linux_MS_SHARED
        case .runbindable, .unbindable: value = linux_MS_UNBINDABLE
        }
        let recursive: Bool
        switch propagation {
        case .rprivate, .rslave, .rshared, .runbindable: recursive = true
        default: recursive = false
        }
        let flags = linux_AT_EMPTY_PATH | (recursive ? linux_AT_RECURSIVE : 0)
        try step("set mount propagation", linux_mount_setattr(mount.raw, "", flags, 0, 0, value))
    }

    /// Puts a detached mount on an open place.
    static func attach(
        _ mount: borrowing Descriptor, on place: borrowing Descriptor, _ name: String
    ) throws(LaunchFailure) {
        try step(
            "mount \(name)",
            linux_move_mount(
                mount.raw, "", place.raw, "", linux_MOVE_MOUNT_F_EMPTY_PATH | linux_MOVE_MOUNT_T_EMPTY_PATH))
    }
}
