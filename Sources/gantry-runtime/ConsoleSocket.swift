internal import CLinux
internal import Glibc
internal import Linux
internal import Runtime

/// Sends a terminal's controlling side to whoever listens at `--console-socket`.
enum ConsoleSocket {
    static func send(_ terminal: Int32, to path: String) throws(LaunchFailure) {
        let handle = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard handle >= 0 else { throw Files.failure("open the console socket") }
        defer { close(handle) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw LaunchFailure("console socket \(path): the path is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(handle, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Files.failure("connect to the console socket \(path)") }
        let name = Array("/dev/ptmx".utf8)
        var descriptor = terminal
        let sent = linux_send_message(handle, name, name.count, &descriptor, 1, 0)
        guard sent > 0 else {
            throw LaunchFailure("send the terminal to \(path): \(SystemError("", code: Int32(-sent)).reason)")
        }
    }
}

/// Stands between the caller's terminal and a container's while a foreground process runs.
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
        var size = winsize()
        if ioctl(0, UInt(TIOCGWINSZ), &size) == 0 { _ = linux_terminal_resize(terminal, size.ws_col, size.ws_row) }
    }

    /// Copies until the process has ended and its output is read.
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
