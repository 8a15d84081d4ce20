internal import CLinux
internal import Glibc
internal import Linux

/// The executable file of this program. A container can make a process that enters it execute that file again
/// (`#!/proc/self/exe`) and open it through /proc/PID/exe (CVE-2019-5736), so nobody may be able to write to it.
///
/// The entry code (CLinux/entry.c) ensures this where the caller may mount; see docs/decisions/014.
package enum OwnProgram {
    private static let path = "/proc/self/exe"

    /// Returns when the file cannot be written to; otherwise executes a sealed copy in memory.
    package static func protect() throws(LaunchFailure) {
        if isOnReadOnlyMount || belongsToOthers { return }
        let what = "copy the program to memory, away from containers"
        let file = Descriptor(owning: try libraryStep(what, open(path, O_RDONLY | O_CLOEXEC)))
        // F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE
        let seals = linux_seals(file.raw)
        if seals >= 0, seals & 0xf == 0xf { return }
        let copy = Descriptor(owning: try step(what, linux_memfd_program("gantry-runtime")))
        var count = 1
        while count > 0 {
            count = sendfile(copy.raw, file.raw, nil, 1 << 30)
            if count < 0 { try libraryStep(what, -1) }
        }
        try step(what, linux_seal(copy.raw))
        let result = linux_execute(copy.raw, CommandLine.unsafeArgv, environ)
        throw LaunchFailure(
            "execute the program from memory: \(SystemError("", code: -result).reason); a container could overwrite its file: "
                + "make root its owner, or check vm.memfd_noexec")
    }

    /// Whether the executable is on a read-only mount of this file, made by the entry code.
    private static var isOnReadOnlyMount: Bool {
        var mounted = statvfs()
        return linux_is_mount_root(AT_FDCWD, path) == 1 && statvfs(path, &mounted) == 0
            && mounted.f_flag & UInt(ST_RDONLY) != 0
    }

    /// True for an unprivileged user with a file of root, which his containers, limited to his own and subordinate IDs, cannot
    /// write.
    private static var belongsToOthers: Bool {
        var status = stat()
        guard geteuid() != 0, linux_permitted_capabilities() == 0, stat(path, &status) == 0 else { return false }
        return status.st_uid == 0 && status.st_mode & 0o022 == 0
    }
}
