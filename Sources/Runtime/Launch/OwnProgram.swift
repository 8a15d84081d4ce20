internal import CLinux
internal import Glibc
internal import Linux

/// The file that this program is executed from. A container can make the process that enters it execute that file once more
/// (`#!/proc/self/exe`) and open it through /proc/PID/exe (CVE-2019-5736): so it must be one that nobody can write to.
///
/// The program's first instructions (CLinux/entry.c) have seen to that where the caller may mount; see docs/decisions/014.
package enum OwnProgram {
    private static let path = "/proc/self/exe"

    /// Returns when the file cannot be written to; otherwise begins again, with a sealed copy in memory.
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
                + "let it belong to root, or look at vm.memfd_noexec")
    }

    /// A mount of the file alone, as the entry makes it.
    private static var isOnReadOnlyMount: Bool {
        var mounted = statvfs()
        return linux_is_mount_root(AT_FDCWD, path) == 1 && statvfs(path, &mounted) == 0
            && mounted.f_flag & UInt(ST_RDONLY) != 0
    }

    /// Root's file in the hands of an ordinary user, whose containers are nobody but him and his subordinate IDs.
    private static var belongsToOthers: Bool {
        var status = stat()
        guard geteuid() != 0, linux_permitted_capabilities() == 0, stat(path, &status) == 0 else { return false }
        return status.st_uid == 0 && status.st_mode & 0o022 == 0
    }
}
