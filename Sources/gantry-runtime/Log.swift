internal import Glibc
internal import Linux
internal import JSON
internal import Monitor
internal import OCI

/// The log's destination and format: runc's two formats, which conmon and containerd read.
struct Log {
    enum Level: Int, Comparable {
        case error, warning, info, debug

        var name: String { String(describing: self) }

        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

        init?(_ name: String) {
            switch name {
            case "panic", "fatal", "error": self = .error
            case "warn", "warning": self = .warning
            case "info": self = .info
            case "debug", "trace": self = .debug
            default: return nil
            }
        }
    }

    /// nil is standard error.
    var path: String?
    var isJSON = false
    var level = Level.info

    /// Logs the failure of the command. If the log is a file, also writes to standard error.
    func fail(_ message: String) {
        write(.error, message)
        if path != nil { Self.put("\(TerminalText.escaped(message))\n", 2) }
    }

    func write(_ level: Level, _ message: String) {
        guard level <= self.level else { return }
        let time = Timestamp(seconds: Timestamp.now().seconds).description
        let line: String
        if isJSON {
            let record: JSON = ["level": .string(level.name), "msg": .string(message), "time": .string(time)]
            line = record.text() + "\n"
        } else {
            line = "time=\"\(time)\" level=\(level.name) msg=\(quoted(message))\n"
        }
        guard let path else { return Self.put(line, 2) }
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { return Self.put(line, 2) }
        defer { close(file) }
        Self.put(line, file)
    }

    private static func put(_ text: String, _ file: Int32) { _ = Glibc.write(file, text, text.utf8.count) }
}
