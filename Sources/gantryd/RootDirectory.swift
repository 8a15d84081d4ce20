internal import Glibc
internal import Linux

/// The directories that everything of the daemon's is under.
enum RootDirectory {
    /// Makes it, or gives one that is there its mode: images have programs with the set-user-ID bit and files of any mode, which
    /// nobody else on the machine may reach (CVE-2021-41091, CVE-2021-41103, CVE-2024-25621).
    static func prepare(_ path: String, mode: mode_t, setting: String) throws(DaemonError) {
        do throws(SystemError) {
            try Directory.make(path, mode: mode)
            let directory = try Descriptor.open(path, O_RDONLY | O_DIRECTORY)
            var status = stat()
            try retrying("look at", path) { fstat(directory.raw, &status) }
            guard status.st_uid == geteuid(), status.st_mode & S_ISVTX == 0 else {
                throw SystemError("use", path, code: EPERM)
            }
            // What the mode allows may be taken away by the administrator, nothing may be added.
            if status.st_mode & 0o7777 & ~mode != 0 {
                try retrying("chmod", path) { fchmod(directory.raw, mode) }
            }
        } catch {
            guard error.operation != "use" else {
                throw DaemonError(
                    "\(setting) \(path) is not the daemon's alone (its owner is another user, or it has the sticky bit); "
                        + "choose a directory of its own")
            }
            throw DaemonError("cannot make \(path): \(error.reason)")
        }
    }
}
