internal import Glibc
internal import Linux

/// Writing to the standard streams, unbuffered: a container's output and ours keep their order.
///
/// What is written as text is ours and never reaches a terminal with control characters in it (``TerminalText``); bytes are a
/// container's own output, or ours with positions on the screen, and go as they are.
enum Output {
    static func write(_ text: String) throws(CommandError) {
        // Into files and pipes go Docker's bytes.
        try write(Array((isTerminal(1) ? TerminalText.escaped(text) : text).utf8), to: 1)
    }

    static func line(_ text: String) throws(CommandError) { try write(text + "\n") }

    /// Complaints never fail: there is nowhere left to complain to.
    static func complain(_ text: String) {
        _ = try? write(Array((TerminalText.escaped(text) + "\n").utf8), to: 2)
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) throws(CommandError) {
        try write(bytes[...], to: descriptor)
    }

    static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) throws(CommandError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Somebody else made the shared open file non-blocking.
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&entry, 1, -1)
            } else if errno != EINTR {
                throw CommandError(
                    "\(SystemError("write", descriptor == 1 ? "/dev/stdout" : "/dev/stderr", code: errno))")
            }
        }
    }

    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
}
