internal import Glibc
internal import Linux

/// What every container finds whether its image has it or not: the places where a runtime mounts things, and the file by
/// which programs know a container.
///
/// As the lowest layer it changes nothing that an image has, and because it is not what a container wrote, `diff` and
/// `commit` do not see it.
enum BaseLayer {
    private static let directories = ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"]
    private static let files = [".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf"]

    /// May be run again.
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
