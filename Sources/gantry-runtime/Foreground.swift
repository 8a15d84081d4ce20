internal import CLinux
internal import Glibc

/// Waiting for a process that this command started.
enum Foreground {
    private nonisolated(unsafe) static var child: Int32 = -1
    private nonisolated(unsafe) static var terminal: Int32 = -1

    /// The exit code; signals that arrive here go to the process.
    static func wait(_ pidfd: Int32, terminal: Int32) -> Int32 {
        child = pidfd
        for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGALRM] {
            signal(number) { number in _ = linux_pidfd_send_signal(Foreground.child, number) }
        }
        if terminal >= 0 {
            Self.terminal = terminal
            signal(SIGWINCH) { _ in TerminalRelay.resize(Foreground.terminal) }
            TerminalRelay(terminal).run(until: pidfd)
        }
        var value: Int32 = 0
        let result = linux_wait_blocking(pidfd, &value)
        return result == 2 ? 128 + value : result == 1 ? value : 255
    }
}
