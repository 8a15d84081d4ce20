internal import CLinux
internal import Glibc
internal import Linux

/// The root directory of a container, by descriptor. Every path in it is resolved by the kernel beneath it
/// (openat2(2) RESOLVE_IN_ROOT), so that no symbolic link and no race leads outside.
struct ContainerRoot {
    /// The number of an open root directory that outlives this value.
    let descriptor: Int32

    static let inRoot = linux_RESOLVE_IN_ROOT | linux_RESOLVE_NO_MAGICLINKS

    enum Kind { case directory, file }

    /// Opens a path of the container; a descriptor or -errno.
    func find(_ path: String, _ flags: Int32, resolve: UInt64 = ContainerRoot.inRoot) -> Int32 {
        linux_openat2(descriptor, path.isEmpty ? "." : path, UInt64(flags), 0, resolve)
    }

    /// The components of a container path without `.` and with `..` taken back, never above the root.
    static func components(_ path: String) -> [Substring] {
        var result: [Substring] = []
        for part in path.split(separator: "/", omittingEmptySubsequences: true) where part != "." {
            if part == ".." { _ = result.popLast() } else { result.append(part) }
        }
        return result
    }

    /// Opens (linux_O_PATH) a place to mount on, making it and its parents when missing.
    ///
    /// `strict` refuses every symbolic link on the way: /proc, /sys and /dev must be what they are called
    /// (CVE-2019-19921, CVE-2023-27561).
    func place(_ path: String, _ kind: Kind, strict: Bool = false) throws(LaunchFailure) -> Descriptor {
        let resolve = strict ? Self.inRoot | linux_RESOLVE_NO_SYMLINKS : Self.inRoot
        let parts = Self.components(path)
        let clean = parts.joined(separator: "/")
        let first = find(clean, linux_O_PATH, resolve: resolve)
        if first >= 0 { return Descriptor(owning: first) }
        if first == -ELOOP {
            throw LaunchFailure("mount on /\(clean): the image has a symbolic link there, which is refused")
        }
        guard first == -ENOENT else {
            throw LaunchFailure("find /\(clean) in the container: \(SystemError("", code: -first).reason)")
        }
        var current = ""
        for (index, part) in parts.enumerated() {
            let parent = current
            current = parent.isEmpty ? String(part) : parent + "/" + part
            let isLast = index == parts.count - 1
            let found = find(current, linux_O_PATH, resolve: resolve)
            if found >= 0 {
                close(found)
                continue
            }
            let directory = Descriptor(
                owning: try step("open /\(parent)", find(parent, linux_O_PATH | O_DIRECTORY, resolve: resolve)))
            if isLast && kind == .file {
                let made = openat(
                    directory.raw, String(part), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o644)
                if made >= 0 {
                    close(made)
                } else if errno != EEXIST {
                    try libraryStep("create /\(current) in the container", made)
                }
            } else if mkdirat(directory.raw, String(part), 0o755) < 0 && errno != EEXIST {
                try libraryStep("create /\(current) in the container", -1)
            }
        }
        return Descriptor(
            owning: try step("open /\(clean) in the container", find(clean, linux_O_PATH, resolve: resolve)))
    }
}
