internal import CLinux
internal import Glibc
internal import Linux
internal import MonitorProtocol

/// Starts monitors. The executable is run from a read-only detached mount of itself, so that no container can
/// overwrite it through /proc/PID/exe (CVE-2019-5736); a monitor would otherwise see to that itself, at each start.
package struct MonitorSpawner: Sendable {
    private let executable: SharedDescriptor

    /// `executable` is the path of `gantry-runtime`. Without the right to mount, the file itself is used.
    package init(executable: String) throws(MonitorError) {
        do {
            if let file = try Self.readOnly(executable) {
                self.executable = SharedDescriptor(try Self.aboveStreams(file))
            } else {
                let file = try Descriptor.open(executable, linux_O_PATH)
                self.executable = SharedDescriptor(try Self.aboveStreams(file))
            }
        } catch {
            throw MonitorError("start", error)
        }
    }

    /// The file on a read-only mount of its own; nil without the right to mount.
    private static func readOnly(_ path: String) throws(SystemError) -> Descriptor? {
        let tree = linux_open_tree(AT_FDCWD, path, linux_OPEN_TREE_CLONE)
        guard tree >= 0 else { return nil }
        let mount = Descriptor(owning: tree)
        guard linux_mount_setattr(mount.raw, "", linux_AT_EMPTY_PATH, linux_MOUNT_ATTR_RDONLY, 0, 0) == 0 else {
            return nil
        }
        // Opened again: with the end of the first descriptor the mount leaves its namespace, and mount_setattr(2) by a container
        // that may mount can no longer make it writable through /proc/PID/exe.
        return try Descriptor.open("/proc/self/fd/\(mount.raw)", linux_O_PATH)
    }

    /// The socket takes ``Handshake/socket`` in the new process before the file is executed.
    private static func aboveStreams(_ file: borrowing Descriptor) throws(SystemError) -> Descriptor {
        let number = file.raw
        return Descriptor(owning: try retrying("fcntl") { fcntl(number, F_DUPFD_CLOEXEC, 10) })
    }

    /// Starts a monitor for the container whose small files are in `runDirectory` (made by the caller, mode 0700).
    /// Returns at once; the monitor boots meanwhile.
    package func spawn(runDirectory: String) throws(MonitorError) -> MonitorLink {
        let pair: LocalSocketPair
        do {
            pair = try LocalSocketPair(Int32(SOCK_SEQPACKET.rawValue))
        } catch {
            throw MonitorError("start", error)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        posix_spawn_file_actions_adddup2(&actions, pair.second.raw, Handshake.socket)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        // POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID
        posix_spawnattr_setflags(&attributes, 0x04 | 0x08 | 0x80)
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("gantry-monitor"), strdup(runDirectory), nil]
        defer { for argument in arguments { free(argument) } }
        let environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var pid: pid_t = 0
        let result = posix_spawn(
            &pid, "/proc/self/fd/\(executable.raw)", &actions, &attributes, arguments, environment)
        guard result == 0 else {
            throw MonitorError("start", SystemError("posix_spawn", "gantry-runtime", code: result))
        }
        let process = linux_pidfd_open(pid)
        // It is of this release, and reads everything in its order: nothing waits for its answer.
        let link = MonitorLink(
            pair.takeFirst(), process: process >= 0 ? Descriptor(owning: process) : nil, dialect: .tagged)
        link.greet()
        return link
    }
}
