internal import CLinux
internal import Glibc

/// Copies between the caller's terminal and the container's while a foreground process runs.
final class TerminalRelay {
    private let terminal: Int32
    private var saved = termios()
    private let isTerminal: Bool

    init(_ terminal: Int32) {
        self.terminal = terminal
        isTerminal = tcgetattr(0, &saved) == 0
        guard isTerminal else { return }
        var raw = saved
        cfmakeraw(&raw)
        tcsetattr(0, TCSANOW, &raw)
        Self.resize(terminal)
    }

    /// Sets the terminal's size to that of the caller's.
    static func resize(_ terminal: Int32) {
        var size = winsize()
        if ioctl(0, UInt(TIOCGWINSZ), &size) == 0 { _ = linux_terminal_resize(terminal, size.ws_col, size.ws_row) }
    }

    /// Runs until the process has exited and its output is read.
    func run(until pidfd: Int32) {
        var buffer = [UInt8](repeating: 0, count: 32768)
        var watchesInput = true
        while true {
            var polls = [
                pollfd(fd: terminal, events: Int16(POLLIN), revents: 0),
                pollfd(fd: watchesInput ? 0 : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&polls, 3, -1) > 0 || errno == EINTR else { return }
            if polls[0].revents != 0 {
                let count = read(terminal, &buffer, buffer.count)
                if count > 0 { copy(buffer, count, to: 1) } else if errno != EAGAIN && errno != EINTR { return }
                continue
            }
            if polls[2].revents != 0 { return }
            if polls[1].revents != 0 {
                let count = read(0, &buffer, buffer.count)
                if count > 0 { copy(buffer, count, to: terminal) } else { watchesInput = false }
            }
        }
    }

    private func copy(_ bytes: [UInt8], _ count: Int, to target: Int32) {
        var offset = 0
        while offset < count {
            let written = bytes.withUnsafeBytes { write(target, $0.baseAddress.map { $0 + offset }, count - offset) }
            if written > 0 { offset += written } else if errno != EINTR && errno != EAGAIN { return }
        }
    }

    deinit { if isTerminal { tcsetattr(0, TCSANOW, &saved) } }
}
