internal import CLinux
internal import Glibc

/// The terminal on standard input in raw mode, for as long as this object is not told to restore it.
final class RawTerminal {
    private var saved = termios()
    private var isRaw = false

    /// Nil when standard input is no terminal.
    init?() {
        guard tcgetattr(0, &saved) == 0 else { return nil }
        var raw = saved
        cfmakeraw(&raw)
        guard tcsetattr(0, TCSANOW, &raw) == 0 else { return nil }
        isRaw = true
    }

    func restore() {
        guard isRaw else { return }
        isRaw = false
        tcsetattr(0, TCSANOW, &saved)
    }

    deinit { restore() }
}

/// Rows and columns of a terminal.
struct WindowSize: Equatable {
    var rows: UInt16
    var columns: UInt16

    /// That of the terminal behind standard output, else input; nil when neither is one or the size is unknown.
    static var current: WindowSize? {
        for descriptor: Int32 in [1, 0] {
            var rows: UInt16 = 0
            var columns: UInt16 = 0
            if linux_window_size(descriptor, &rows, &columns) == 0, rows > 0 || columns > 0 {
                return WindowSize(rows: rows, columns: columns)
            }
        }
        return nil
    }
}
