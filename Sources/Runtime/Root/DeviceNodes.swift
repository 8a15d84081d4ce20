internal import CLinux
internal import Glibc
internal import Linux

/// The content of /dev.
enum DeviceNodes {
    private static let standard: [(name: String, minor: UInt32, major: UInt32)] = [
        ("null", 3, 1), ("zero", 5, 1), ("full", 7, 1), ("random", 8, 1), ("urandom", 9, 1), ("tty", 0, 5),
    ]

    private static let links = [
        ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"), ("core", "/proc/kcore"), ("ptmx", "pts/ptmx"),
    ]

    static func number(_ major: UInt32, _ minor: UInt32) -> dev_t {
        let high = (UInt64(major) & 0xffff_f000) << 32 | (UInt64(minor) & 0xffff_ff00) << 12
        return dev_t(high | (UInt64(major) & 0xfff) << 8 | UInt64(minor) & 0xff)
    }

    /// Fills a new tmpfs before it is attached, so that no path of the image is used (CVE-2026-41579).
    ///
    /// Returns the names of the nodes that need CAP_MKNOD: see ``bindStandard(_:into:)``.
    static func populate(
        _ directory: Int32, withConsole: Bool, except asked: [DeviceSpec]
    ) throws(LaunchFailure) -> [String] {
        var unmade: [String] = []
        let taken = asked.map(\.path)
        for device in standard where !taken.contains("/dev/" + device.name) {
            if mknodat(directory, device.name, S_IFCHR | 0o666, number(device.major, device.minor)) < 0 {
                unmade.append(device.name)
            }
        }
        for (name, target) in links where name != "core" || access(target, F_OK) == 0 {
            try libraryStep("create /dev/\(name)", symlinkat(target, directory, name))
        }
        for name in ["pts", "shm", "mqueue"] {
            try libraryStep("create /dev/\(name)", mkdirat(directory, name, 0o755))
        }
        if withConsole {
            let console = openat(directory, "console", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o620)
            close(try libraryStep("create /dev/console", console))
        }
        return unmade
    }

    /// Adds missing nodes to a /dev that is not a new tmpfs: the image's own, or another file system mounted there.
    static func complete(_ root: ContainerRoot, except asked: [DeviceSpec]) throws(LaunchFailure) {
        for device in standard where !asked.contains(where: { $0.path == "/dev/" + device.name }) {
            try make(DeviceSpec(.character, "/dev/" + device.name, major: device.major, minor: device.minor), in: root)
        }
        let place = try root.place("/dev", .directory, strict: true)
        for (name, target) in links where name != "core" || access(target, F_OK) == 0 {
            // An image's own ptmx could open terminals of the host.
            if name == "ptmx" { unlinkat(place.descriptor.raw, name, 0) }
            if symlinkat(target, place.descriptor.raw, name) < 0 && errno != EEXIST {
                try libraryStep("create /dev/\(name)", -1)
            }
        }
    }

    /// The container's null device, if it is one; else `fallback`. Prefer the container's own node for standard streams, because
    /// a descriptor of a mount outside the container stays visible.
    static func openNull(in root: ContainerRoot, fallback: Int32) -> Int32 {
        let found = root.find("dev/null", O_RDWR | O_NONBLOCK | O_NOCTTY)
        guard found >= 0 else { return fallback }
        if NullDevice.isNull(found) { return found }
        close(found)
        return fallback
    }

    /// Without CAP_MKNOD (user namespaces) the host's nodes are bind-mounted. Read-only, so that owner, mode and times cannot be
    /// changed; writing to the device still works.
    static func bindStandard(_ names: [String], into directory: Int32) throws(LaunchFailure) {
        for device in standard where names.contains(device.name) {
            try bind("/dev/" + device.name, number(device.major, device.minor), into: directory, device.name)
        }
    }

    /// Binds the host's node at `path` after checking its device number.
    private static func bind(
        _ path: String, _ wanted: dev_t, into directory: Int32, _ name: String
    ) throws(LaunchFailure) {
        let node = Descriptor(
            owning: try libraryStep("open \(path) of the host", open(path, linux_O_PATH | O_NOFOLLOW | O_CLOEXEC)))
        var status = stat()
        guard fstat(node.raw, &status) == 0, status.st_rdev == wanted,
            status.st_mode & S_IFMT == S_IFCHR || status.st_mode & S_IFMT == S_IFBLK
        else { throw LaunchFailure("bind \(path): the host's node has another device number") }
        try attach(
            try MountBuilder.bind("", at: node.raw, flags: [.nonRecursive, .readOnly], propagation: .private),
            to: directory, name)
    }

    private static func attach(
        _ node: borrowing Descriptor, to directory: Int32, _ name: String
    ) throws(LaunchFailure) {
        let file = openat(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o666)
        close(try libraryStep("create device \(name)", file))
        try step("bind device \(name)", linux_move_mount(node.raw, "", directory, name, linux_MOVE_MOUNT_F_EMPTY_PATH))
    }

    /// The nodes of ``populate(_:withConsole:except:)`` as device specs.
    static func standardSpecs(except asked: [DeviceSpec]) -> [DeviceSpec] {
        standard.filter { device in !asked.contains { $0.path == "/dev/" + device.name } }.map {
            DeviceSpec(.character, "/dev/" + $0.name, major: $0.major, minor: $0.minor)
        }
    }

    /// Creates detached mounts of device nodes for a container with a user namespace, whose root cannot create them, with the
    /// requested owner and mode. `owner` maps IDs of the container. Before Linux 6.15 this is not possible: then the host's node
    /// is bound.
    static func prepare(
        _ devices: inout [DeviceSpec], owner: (DeviceSpec) -> (uid: UInt32, gid: UInt32)?
    ) throws(LaunchFailure) {
        guard devices.contains(where: { $0.kind != .fifo }) else { return }
        let folder = try MountBuilder.make("tmpfs", options: ["mode=700"], flags: [.noSuid, .noExec])
        for index in devices.indices where devices[index].kind != .fifo {
            let device = devices[index]
            let name = String(index)
            let type: mode_t = device.kind == .block ? S_IFBLK : S_IFCHR
            guard mknodat(folder.raw, name, type | 0o600, number(device.major, device.minor)) == 0 else { return }
            // chmod, because the caller's umask applied to mknod.
            try libraryStep("set the mode of \(device.path)", fchmodat(folder.raw, name, device.mode & 0o7777, 0))
            if let (uid, gid) = owner(device) {
                try libraryStep("set the owner of \(device.path)", fchownat(folder.raw, name, uid, gid, 0))
            }
            let node = linux_open_tree(folder.raw, name, linux_OPEN_TREE_CLONE)
            if node >= 0 { devices[index].prepared = node }
        }
    }

    /// Creates a requested device.
    static func make(_ device: DeviceSpec, in root: ContainerRoot) throws(LaunchFailure) {
        var parts = PathText.components(device.path)
        guard let name = parts.popLast() else { throw LaunchFailure("device \(device.path): not a path of a device") }
        let place = try root.place(PathText.joined(parts), .directory, strict: parts == ["dev"])
        let type: mode_t
        switch device.kind {
        case .character: type = S_IFCHR
        case .block: type = S_IFBLK
        case .fifo: type = S_IFIFO
        }
        let wanted = number(device.major, device.minor)
        if device.prepared >= 0 {
            let node = Descriptor(owning: device.prepared)
            return try attach(node, to: place.descriptor.raw, String(name))
        }
        if mknodat(place.descriptor.raw, String(name), type | device.mode & 0o7777, wanted) < 0 {
            if errno == EEXIST { return try checkExisting(device, place.descriptor, String(name), type, wanted) }
            if errno == EPERM, device.kind != .fifo {
                return try bind(device.path, wanted, into: place.descriptor.raw, String(name))
            }
            try libraryStep("create device \(device.path)", -1)
        }
        if device.uid != 0 || device.gid != 0 {
            try libraryStep(
                "set the owner of \(device.path)",
                fchownat(place.descriptor.raw, String(name), device.uid, device.gid, AT_SYMLINK_NOFOLLOW))
        }
    }

    /// An existing file must be that device (runtime-spec, "Devices").
    private static func checkExisting(
        _ device: DeviceSpec, _ parent: borrowing Descriptor, _ name: String, _ type: mode_t, _ wanted: dev_t
    ) throws(LaunchFailure) {
        var status = stat()
        try libraryStep("look at \(device.path)", fstatat(parent.raw, name, &status, AT_SYMLINK_NOFOLLOW))
        guard status.st_mode & S_IFMT == type, type == S_IFIFO || status.st_rdev == wanted else {
            throw LaunchFailure("create device \(device.path): the image has another file there")
        }
    }
}

extension LaunchSpec {
    /// The mount on /dev.
    var deviceMount: MountSpec? {
        mounts.last { PathText.components($0.destination) == ["dev"] && !$0.flags.contains(.remount) }
    }
}

extension RootFilesystem {
    /// Fills /dev and creates the bundle's devices, after all mounts.
    func makeDevices() throws(LaunchFailure) {
        let covering = spec.deviceMount
        // With the host's /dev bound there, nothing is created.
        let isHosts = covering?.kind == .bind
        if !isHosts, covering?.kind != .tmpfs { try DeviceNodes.complete(root, except: spec.devices) }
        for device in spec.devices {
            if isHosts, PathText.components(device.path).first == "dev" { continue }
            try DeviceNodes.make(device, in: root)
        }
    }
}
