internal import Glibc
internal import Linux
internal import Logging
internal import OCI

/// One record a line on standard error: time, level and message, as `key=value`.
struct StandardErrorLog: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    init(level: Logger.Level) {
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line =
            "time=\"\(Timestamp.now().text(nanoseconds: .six))\" level=\(Self.name(event.level)) msg=\(Self.quoted("\(event.message)"))"
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(Self.quoted("\(value)"))" }
        // One write(2) for a line: records of several threads do not mix.
        let bytes = Array((line + "\n").utf8)
        _ = write(2, bytes, bytes.count)
    }

    private static func name(_ level: Logger.Level) -> String {
        switch level {
        case .warning: "warn"
        case .critical: "fatal"
        case .notice: "info"
        default: level.rawValue
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\n": quoted += "\\n"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        // A line of the log is read on terminals, and names clients' and containers' words.
        return TerminalText.escaped(quoted, keepsLines: false) + "\""
    }
}
