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
    static func populate(_ directory: Int32, withConsole: Bool) throws(LaunchFailure) {
        for device in standard {
            if mknodat(directory, device.name, S_IFCHR | 0o666, number(device.major, device.minor)) < 0 {
                try bindStandard(device.name, into: directory)
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
    }

    /// The null device of the container, if it is one; else `fallback`, the host's. A standard stream on the container's own
    /// node leads nowhere: the host's would be a file of a mount that the container must not reach.
    static func openNull(in root: ContainerRoot, fallback: Int32) -> Int32 {
        let found = root.find("dev/null", O_RDWR | O_NONBLOCK | O_NOCTTY)
        guard found >= 0 else { return fallback }
        var information = stat()
        if fstat(found, &information) == 0, information.st_mode & S_IFMT == S_IFCHR,
            information.st_rdev == number(1, 3)
        {
            return found
        }
        close(found)
        return fallback
    }

    /// Without CAP_MKNOD (user namespaces) the host's node is bound instead.
    private static func bindStandard(_ name: String, into directory: Int32) throws(LaunchFailure) {
        let file = openat(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o666)
        close(try libraryStep("create /dev/\(name)", file))
        let made = try MountBuilder.bind("/dev/" + name, flags: [.nonRecursive], propagation: .private)
        try step(
            "bind /dev/\(name)", linux_move_mount(made.raw, "", directory, name, linux_MOVE_MOUNT_F_EMPTY_PATH))
    }

    /// Makes a device the user asked for.
    static func make(_ device: DeviceSpec, in root: ContainerRoot) throws(LaunchFailure) {
        var parts = ContainerRoot.components(device.path)
        guard let name = parts.popLast() else { throw LaunchFailure("device \(device.path): not a path of a device") }
        let parent = try root.place(parts.joined(separator: "/"), .directory)
        let type: mode_t
        switch device.kind {
        case .character: type = S_IFCHR
        case .block: type = S_IFBLK
        case .fifo: type = S_IFIFO
        }
        let wanted = number(device.major, device.minor)
        if mknodat(parent.raw, String(name), type | device.mode & 0o7777, wanted) < 0 {
            var status = stat()
            if errno == EEXIST, fstatat(parent.raw, String(name), &status, AT_SYMLINK_NOFOLLOW) == 0,
                status.st_mode & S_IFMT == type, type == S_IFIFO || status.st_rdev == wanted
            {
                return
            }
            try libraryStep("create device \(device.path)", -1)
        }
        if device.uid != 0 || device.gid != 0 {
            try libraryStep(
                "set the owner of \(device.path)",
                fchownat(parent.raw, String(name), device.uid, device.gid, AT_SYMLINK_NOFOLLOW))
        }
    }
}
