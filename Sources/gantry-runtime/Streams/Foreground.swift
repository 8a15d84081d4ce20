internal import CLinux
internal import Glibc
internal import Runtime

/// Waits for a process that this command started.
enum Foreground {
    private nonisolated(unsafe) static var child: Int32 = -1
    private nonisolated(unsafe) static var terminal: Int32 = -1

    private static let forwarded = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGALRM]

    /// Blocks signals until ``wait(_:terminal:)`` forwards them, because the program may run before that call.
    static func holdSignals() { change(SIG_BLOCK) }

    private static func change(_ how: Int32) {
        var set = sigset_t()
        sigemptyset(&set)
        for number in forwarded { sigaddset(&set, number) }
        sigprocmask(how, &set, nil)
    }

    /// Uses the size of the caller's terminal from the start, unless the bundle sets one.
    static func giveSize(to process: inout ProcessSpec) {
        var size = winsize()
        guard process.tty, process.columns == 0, ioctl(0, UInt(TIOCGWINSZ), &size) == 0 else { return }
        (process.columns, process.rows) = (size.ws_col, size.ws_row)
    }

    /// Returns the exit code; forwards signals to the process.
    static func wait(_ pidfd: Int32, terminal: Int32) -> Int32 {
        child = pidfd
        for number in forwarded {
            signal(number) { number in _ = linux_pidfd_send_signal(Foreground.child, number) }
        }
        change(SIG_UNBLOCK)
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
