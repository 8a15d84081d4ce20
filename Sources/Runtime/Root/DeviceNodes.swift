internal import CLinux
internal import Glibc
internal import Linux

/// What stands in /dev.
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

    /// Fills a fresh tmpfs that is not attached anywhere yet: no path of the image takes part (CVE-2026-41579).
    ///
    /// Returns the names of the nodes that could not be made without CAP_MKNOD: see ``bindStandard(_:into:)``.
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

    /// Adds what is missing to a /dev that is not a fresh tmpfs: the image's own, or another file system on it.
    static func complete(_ root: ContainerRoot, except asked: [DeviceSpec]) throws(LaunchFailure) {
        for device in standard where !asked.contains(where: { $0.path == "/dev/" + device.name }) {
            try make(DeviceSpec(.character, "/dev/" + device.name, major: device.major, minor: device.minor), in: root)
        }
        let place = try root.place("/dev", .directory, strict: true)
        for (name, target) in links where name != "core" || access(target, F_OK) == 0 {
            // An image's own ptmx would open terminals of the host.
            if name == "ptmx" { unlinkat(place.descriptor.raw, name, 0) }
            if symlinkat(target, place.descriptor.raw, name) < 0 && errno != EEXIST {
                try libraryStep("create /dev/\(name)", -1)
            }
        }
    }

    /// The null device of the container, if what it has there is one; else `fallback`. A standard stream on the container's own
    /// node leads nowhere: another would be a file of a mount that the container does not have.
    static func openNull(in root: ContainerRoot, fallback: Int32) -> Int32 {
        let found = root.find("dev/null", O_RDWR | O_NONBLOCK | O_NOCTTY)
        guard found >= 0 else { return fallback }
        if NullDevice.isNull(found) { return found }
        close(found)
        return fallback
    }

    /// Without CAP_MKNOD (user namespaces) the host's nodes are bound instead, in a /dev that is in its place; read-only, which keeps
    /// owner, mode and times from being changed, and nobody from writing to the device.
    static func bindStandard(_ names: [String], into directory: Int32) throws(LaunchFailure) {
        for device in standard where names.contains(device.name) {
            try bind("/dev/" + device.name, number(device.major, device.minor), into: directory, device.name)
        }
    }

    /// Binds the host's node at `path`, which must be the device of that number.
    private static func bind(
        _ path: String, _ wanted: dev_t, into directory: Int32, _ name: String
    ) throws(LaunchFailure) {
        let node = Descriptor(
            owning: try libraryStep("open \(path) of the host", open(path, linux_O_PATH | O_NOFOLLOW | O_CLOEXEC)))
        var status = stat()
        guard fstat(node.raw, &status) == 0, status.st_rdev == wanted,
            status.st_mode & S_IFMT == S_IFCHR || status.st_mode & S_IFMT == S_IFBLK
        else { throw LaunchFailure("bind \(path): it is another device on the host") }
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

    /// What ``populate(_:withConsole:except:)`` would make, as devices of a bundle.
    static func standardSpecs(except asked: [DeviceSpec]) -> [DeviceSpec] {
        standard.filter { device in !asked.contains { $0.path == "/dev/" + device.name } }.map {
            DeviceSpec(.character, "/dev/" + $0.name, major: $0.major, minor: $0.minor)
        }
    }

    /// Detached mounts of the bundle's devices for a container with users of its own, whose root cannot make nodes: with
    /// the owner and the mode that were asked for. `owner` maps IDs of the container. What a kernel before 6.15 cannot
    /// do stays unprepared: the host's node is bound then.
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
            // Not beyond what the umask of the caller lets through.
            try libraryStep("set the mode of \(device.path)", fchmodat(folder.raw, name, device.mode & 0o7777, 0))
            if let (uid, gid) = owner(device) {
                try libraryStep("set the owner of \(device.path)", fchownat(folder.raw, name, uid, gid, 0))
            }
            let node = linux_open_tree(folder.raw, name, linux_OPEN_TREE_CLONE)
            if node >= 0 { devices[index].prepared = node }
        }
    }

    /// Makes a device the user asked for.
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

    /// What is there already must be that device (runtime-spec, "Devices").
    private static func checkExisting(
        _ device: DeviceSpec, _ parent: borrowing Descriptor, _ name: String, _ type: mode_t, _ wanted: dev_t
    ) throws(LaunchFailure) {
        var status = stat()
        try libraryStep("look at \(device.path)", fstatat(parent.raw, name, &status, AT_SYMLINK_NOFOLLOW))
        guard status.st_mode & S_IFMT == type, type == S_IFIFO || status.st_rdev == wanted else {
            throw LaunchFailure("create device \(device.path): something else is there in the image")
        }
    }
}

extension LaunchSpec {
    /// What is mounted on /dev.
    var deviceMount: MountSpec? {
        mounts.last { PathText.components($0.destination) == ["dev"] && !$0.flags.contains(.remount) }
    }
}

extension RootFilesystem {
    /// Fills /dev and makes the devices of the bundle, once every mount is there.
    func makeDevices() throws(LaunchFailure) {
        let covering = spec.deviceMount
        // The host's /dev has what the host has; nothing is made in it.
        let isHosts = covering?.kind == .bind
        if !isHosts, covering?.kind != .tmpfs { try DeviceNodes.complete(root, except: spec.devices) }
        for device in spec.devices {
            if isHosts, PathText.components(device.path).first == "dev" { continue }
            try DeviceNodes.make(device, in: root)
        }
    }
}
