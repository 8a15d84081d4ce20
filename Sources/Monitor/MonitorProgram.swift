internal import CLinux
internal import Glibc
internal import MonitorProtocol
internal import Runtime

/// The `gantry-monitor` face of the runtime's executable.
package enum MonitorProgram {
    /// Serves the socket on ``Handshake/socket`` until its container has ended. `arguments` are the run directory alone.
    package static func run(_ arguments: [String]) -> Int32 {
        guard let directory = arguments.first, fcntl(Handshake.socket, F_GETFD) >= 0 else {
            let text = Array("gantry-monitor is started by gantryd, never by hand\n".utf8)
            _ = write(2, text, text.count)
            return 64
        }
        do throws(LaunchFailure) {
            // However it was started.
            try OwnProgram.protect()
        } catch {
            let text = Array("gantry-monitor: \(error.message)\n".utf8)
            _ = write(2, text, text.count)
            return 70
        }
        dup2(Handshake.socket, 3)
        _ = fcntl(3, F_SETFD, FD_CLOEXEC)
        _ = linux_close_from(4)
        umask(0o077)
        // Wherever the daemon was started: nothing may stay in use for it.
        _ = chdir("/")
        MonitorLoop(control: 3, runDirectory: directory).run()
        return 0
    }
}
