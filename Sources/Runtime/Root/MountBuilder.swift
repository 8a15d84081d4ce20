internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// Creates detached mounts and attaches them, all by descriptor.
enum MountBuilder {
    /// A new file system of `type` as a detached mount; `options` are `key=value` or flags.
    static func make(
        _ type: String, source: String = "", options: [String] = [], flags: MountFlags
    ) throws(LaunchFailure) -> Descriptor {
        let context = Descriptor(owning: try step("open file system \(type)", linux_fsopen(type)))
        let name = source.isEmpty ? type : source
        let named = linux_fsconfig_string(context.raw, "source", name)
        if named < 0 { throw failure("set the source \(name) of \(type)", named, context) }
        // Splits `fuse.sshfs`, as mount(2) does.
        if let dot = type.firstIndex(ofByte: ".") {
            _ = linux_fsconfig_string(context.raw, "subtype", String(type[type.utf8.index(after: dot)...]))
        }
        for option in options { try set(option, type, context) }
        let created = linux_fsconfig_create(context.raw)
        if created < 0 { throw failure("create file system \(type)", created, context) }
        let mount = linux_fsmount(context.raw, MountAttributes(on: flags).set)
        if mount < 0 { throw failure("mount \(type)", mount, context) }
        return Descriptor(owning: mount)
    }

    /// A file system type without its own case in ``MountSpec``.
    static func makeOther(_ mount: MountSpec) throws(LaunchFailure) -> Descriptor {
        // A read-only disk must not be opened for writing.
        let options = mount.data + (mount.flags.contains(.readOnly) ? ["ro"] : [])
        return try make(mount.type, source: mount.source, options: options, flags: mount.flags)
    }

    private static func set(
        _ option: String, _ type: String, _ context: borrowing Descriptor
    ) throws(LaunchFailure) {
        let parts = option.split(byte: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if type == "overlay", parts[0] == "lowerdir", parts.count == 2, parts[1].utf8.count > 255 {
            return try setLayers(parts[1], context)
        }
        let result =
            parts.count == 2
            ? linux_fsconfig_string(context.raw, parts[0], parts[1]) : linux_fsconfig_flag(context.raw, option)
        guard result < 0, !MountOptions.optional.contains(option) else { return }
        throw failure("set \(option) on \(type)", result, context)
    }

    /// fsconfig(2) limits a string to 255 bytes, so longer stacks are added layer by layer (Linux 6.5).
    private static func setLayers(_ list: String, _ context: borrowing Descriptor) throws(LaunchFailure) {
        var key = "lowerdir+"
        for layer in list.split(byte: ":", omittingEmptySubsequences: false) {
            // `::` starts the data-only layers.
            if layer.isEmpty {
                key = "datadir+"
                continue
            }
            let result = linux_fsconfig_string(context.raw, key, String(layer))
            if result < 0 { throw failure("add the layer \(layer) to overlay", result, context) }
        }
    }

    /// An error with the kernel's own explanation, if it left one.
    private static func failure(_ what: String, _ code: Int32, _ context: borrowing Descriptor) -> LaunchFailure {
        var text = [CChar](repeating: 0, count: 256)
        let count = linux_fs_message(context.raw, &text, text.count)
        let reason = SystemError("", code: -code).reason
        guard count > 2 else { return LaunchFailure("\(what): \(reason)") }
        // "e " before an error, "w " before a warning.
        let bytes = text[2..<Int(count)].map { UInt8(bitPattern: $0) }
        return LaunchFailure("\(what): \(reason) (\(String(decoding: bytes, as: UTF8.self)))")
    }

    /// Changes the options of a mounted file system.
    static func reconfigure(
        _ place: borrowing Descriptor, _ name: String, _ options: [String]
    ) throws(LaunchFailure) {
        guard !options.isEmpty else { return }
        let context = Descriptor(owning: try step("remount \(name)", linux_fspick(place.raw)))
        for option in options { try set(option, name, context) }
        let result = linux_fsconfig_reconfigure(context.raw)
        if result < 0 { throw failure("remount \(name)", result, context) }
    }

    /// A detached copy of the mount at a host path, with its own attributes and propagation.
    static func bind(
        _ source: String, at directory: Int32 = AT_FDCWD, flags: MountFlags, cleared: MountFlags = [],
        recursive: MountAttributes = MountAttributes(), propagation: MountPropagation
    ) throws(LaunchFailure) -> Descriptor {
        var how = linux_OPEN_TREE_CLONE
        if !flags.contains(.nonRecursive) { how |= linux_AT_RECURSIVE }
        if source.isEmpty { how |= linux_AT_EMPTY_PATH }
        let opened = linux_open_tree(directory, source, how)
        if opened == -ENOENT {
            throw LaunchFailure("bind source path does not exist: \(source)")
        }
        let mount = Descriptor(owning: try step("bind mount \(source)", opened))
        // Read-only applies to the bind mount itself only, as in mount(8) and Docker before `rro`.
        let own = MountAttributes(on: flags, off: cleared)
        if propagation.isRecursive {
            try setPropagation(mount, propagation)
            try set(own, on: mount.raw, isRecursive: false, source)
        } else {
            try step(
                "set the flags of \(source)",
                linux_mount_setattr(mount.raw, "", linux_AT_EMPTY_PATH, own.set, own.cleared, propagation.kernel))
        }
        try set(recursive, on: mount.raw, isRecursive: true, source)
        return mount
    }

    /// The detached bind mount for a container.
    static func bind(_ mount: MountSpec) throws(LaunchFailure) -> Descriptor {
        let isContained = mount.propagation.isShared && mount.flags.contains(.contained)
        let made = try bind(
            mount.source, flags: mount.flags, cleared: mount.cleared, recursive: mount.recursive,
            propagation: isContained ? .rslave : mount.propagation)
        if isContained { try setPropagation(made, mount.propagation) }
        return made
    }

    /// Changes attributes of a mount, optionally with all mounts below it.
    static func set(
        _ attributes: MountAttributes, on mount: Int32, isRecursive: Bool, _ name: String
    ) throws(LaunchFailure) {
        guard !attributes.isEmpty else { return }
        let scope = linux_AT_EMPTY_PATH | (isRecursive ? linux_AT_RECURSIVE : 0)
        try step(
            "set the flags of \(name)", linux_mount_setattr(mount, "", scope, attributes.set, attributes.cleared, 0))
    }

    static func setPropagation(
        _ mount: borrowing Descriptor, _ propagation: MountPropagation
    ) throws(LaunchFailure) {
        let flags = linux_AT_EMPTY_PATH | (propagation.isRecursive ? linux_AT_RECURSIVE : 0)
        try step("set mount propagation", linux_mount_setattr(mount.raw, "", flags, 0, 0, propagation.kernel))
    }

    /// Attaches a detached mount at an open mount point.
    static func attach(
        _ mount: borrowing Descriptor, on place: borrowing Descriptor, _ name: String
    ) throws(LaunchFailure) {
        let result = linux_move_mount(
            mount.raw, "", place.raw, "", linux_MOVE_MOUNT_F_EMPTY_PATH | linux_MOVE_MOUNT_T_EMPTY_PATH)
        if result == -EINVAL || result == -ENOTDIR {
            throw LaunchFailure(
                "mount \(name): not a directory: are you trying to mount a directory onto a file (or vice-versa)")
        }
        try step("mount \(name)", result)
    }
}
