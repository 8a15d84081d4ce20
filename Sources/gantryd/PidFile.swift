internal import Glibc
internal import Linux

/// A locked file with this process's number in it, gone with its owner. The kernel drops the lock with the process,
/// however it ends.
final class PidFile: Sendable {
    private let path: String
    private let file: SharedDescriptor

    private init(_ path: String, _ file: SharedDescriptor) {
        self.path = path
        self.file = file
    }

    deinit {
        unlink(path)
    }

    /// Refuses when another process holds the lock.
    static func take(_ path: String) throws(DaemonError) -> PidFile {
        let file: SharedDescriptor
        do {
            file = SharedDescriptor(
                try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode: 0o600))
        } catch {
            let hint = error.code == ELOOP ? "; it is a link, which somebody else may have put there: remove it" : ""
            throw DaemonError("cannot make the pid file: \(error)\(hint)")
        }
        // What is cut and written below is ours, also where others may make files.
        var status = stat()
        guard fstat(file.raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(),
            status.st_nlink == 1
        else {
            throw DaemonError("\(path) is not a file of this daemon's own; remove it, or choose another with --pidfile")
        }
        // Whoever can open a file can lock it, and a daemon that finds it locked does not start: not for other users.
        guard fchmod(file.raw, 0o600) == 0 else {
            throw DaemonError("cannot set the mode of \(path): \(SystemError("chmod", code: errno).reason)")
        }
        guard flock(file.raw, LOCK_EX | LOCK_NB) == 0 else {
            var text = [UInt8](repeating: 0, count: 16)
            let count = pread(file.raw, &text, text.count, 0)
            let pid = String(decoding: text[..<max(0, count)].filter { (0x30...0x39).contains($0) }, as: UTF8.self)
            throw DaemonError(
                "another gantryd\(pid.isEmpty ? "" : " (pid \(pid))") holds \(path); stop it, or give this one its own "
                    + "--data-root, --exec-root, --pidfile and --host")
        }
        let text = Array("\(getpid())\n".utf8)
        guard ftruncate(file.raw, 0) == 0, pwrite(file.raw, text, text.count, 0) == text.count else {
            throw DaemonError("cannot write \(path): \(SystemError("write", code: errno).reason)")
        }
        return PidFile(path, file)
    }
}
