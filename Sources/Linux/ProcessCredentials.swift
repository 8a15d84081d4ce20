internal import Glibc

/// Who the caller is to the kernel.
package enum ProcessCredentials {
    /// Root in the first user namespace (PROC_USER_INIT_INO): root of another one may do less than it seems.
    package static let areOfRoot: Bool = {
        var namespace = stat()
        return geteuid() == 0 && (stat("/proc/self/ns/user", &namespace) < 0 || namespace.st_ino == 0xefff_fffd)
    }()
}
