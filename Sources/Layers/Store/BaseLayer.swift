internal import Glibc
internal import Linux

/// The lowest layer of every root file system: mount points for the runtime and `/.dockerenv`, by which programs detect a
/// container.
///
/// As the lowest layer it hides nothing of the image, and `diff` and `commit` do not report it, because it is not in the
/// container's writable layer.
enum BaseLayer {
    private static let directories = ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"]
    private static let files = [".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf"]

    /// Creates the directory; may be run again.
    static func make(_ root: String) throws(SystemError) {
        try directory(root)
        for name in directories { try directory("\(root)/\(name)") }
        for name in files {
            let path = "\(root)/\(name)"
            if access(path, F_OK) == 0 { continue }
            _ = try Descriptor.open(path, O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o755)
            try retrying("chmod", path) { chmod(path, 0o755) }
        }
        if symlink("/proc/mounts", root + "/etc/mtab") != 0, errno != EEXIST {
            throw SystemError("symlink", root + "/etc/mtab", code: errno)
        }
    }

    private static func directory(_ path: String) throws(SystemError) {
        if mkdir(path, 0o755) == 0 {
            try retrying("chmod", path) { chmod(path, 0o755) }
        } else if errno != EEXIST {
            throw SystemError("mkdir", path, code: errno)
        }
    }
}
