package import JSON
internal import Linux

/// Shows a daemon's stream of progress messages: a line per layer on a terminal, else a line per event.
struct ProgressDisplay {
    private let output: Int32?
    private let isTerminal: Bool
    /// Layers in the order their lines stand on the screen.
    private var lines: [(id: String, progress: TransferProgress)] = []

    init(output: Int32?) {
        self.output = output
        isTerminal = output.map(Output.isTerminal) ?? false
    }

    /// Reads to the end; a message that carries an error is thrown.
    mutating func show(_ connection: ClientConnection, onAux: (JSON) throws(CommandError) -> Void = { _ in })
        throws(CommandError)
    {
        var documents = DocumentStream()
        while let piece = try connection.readPiece() {
            for message in try documents.feed(piece) {
                if let error = message["errorDetail"]?["message"]?.stringValue ?? message["error"]?.stringValue {
                    throw CommandError(error)
                }
                if let aux = message["aux"], !aux.isNull {
                    try onAux(aux)
                } else {
                    try show(message)
                }
            }
        }
    }

    private mutating func show(_ message: JSON) throws(CommandError) {
        guard let output else { return }
        if let stream = message["stream"]?.stringValue {
            return try Output.write(Array(TerminalText.escaped(stream).utf8), to: output)
        }
        guard let status = message["status"]?.stringValue else { return }
        let id = message["id"]?.stringValue ?? ""
        let label = TerminalText.escaped("\(id.isEmpty ? "" : id + ": ")\(status)", keepsLines: false)
        let detail = message["progressDetail"]
        let (current, total) = (detail?["current"]?.intValue ?? 0, detail?["total"]?.intValue ?? 0)
        if !isTerminal {
            if current <= 0, total <= 0 { try Output.write(Array("\(label)\n".utf8), to: output) }
            return
        }
        guard !id.isEmpty, detail != nil else {
            // What comes below this line starts anew: the next image may have the same layers.
            lines = []
            return try Output.write(Array("\(label)\n".utf8), to: output)
        }
        let known = lines.firstIndex { $0.id == id }
        let index = known ?? lines.count
        if known == nil {
            lines.append((id, TransferProgress()))
            try Output.write([0x0a], to: output)
        }
        let columns = (WindowSize.current?.columns).map(Int.init) ?? 80
        let counts = lines[index].progress.text(
            status, current, total, at: monotonicNanoseconds(), room: columns - label.utf8.count - 2)
        // A line that is longer than the screen is wide would be two.
        let text = String("\(label) \(counts)".prefix(max(1, columns - 1)))
        let up = lines.count - index
        try Output.write(Array("\u{1b}[\(up)A\u{1b}[2K\r\(text)\r\u{1b}[\(up)B".utf8), to: output)
    }
}

/// How far a layer is on its way, how fast it goes and how long it will take.
package struct TransferProgress {
    private var status = ""
    private var start: Int64 = 0
    /// Bytes that were there at the start: an interrupted transfer goes on.
    private var first: Int64 = 0

    package init() {}

    /// `[=====>      ]  1.2MB/3.4MB  2MB/s 1s`, as much of it as there is room for; "" when nothing is counted. `now` is
    /// in nanoseconds.
    package mutating func text(
        _ status: String, _ current: Int64, _ total: Int64, at now: Int64, room: Int
    ) -> String {
        if status != self.status || current < first { (self.status, start, first) = (status, now, current) }
        if current <= 0, total <= 0 { return "" }
        let bytes = Units.size(Double(current))
        let done = String(repeating: " ", count: max(0, 8 - bytes.count)) + bytes
        if total <= 0 { return done }
        let counts = current > total ? done : "\(done)/\(Units.size(Double(total)))"
        var parts = [counts]
        let seconds = Double(now.saturatingSubtract(start)) / 1e9
        // The first moments say little.
        if seconds >= 1, current > first, current < total {
            let rate = (Double(current) - Double(first)) / seconds
            let left = Int(saturating: ((Double(total) - Double(current)) / rate).rounded(.up))
            parts.append("\(Units.size(rate))/s \(Self.duration(left))")
        }
        let text = parts.joined(separator: "  ")
        let width = min(50, room - text.utf8.count - 4)
        if width < 10 { return text }
        let filled = max(0, min(width, Int(saturating: Double(current) / Double(total) * Double(width))))
        return "[\(String(repeating: "=", count: filled))>\(String(repeating: " ", count: width - filled))] \(text)"
    }

    /// As Go writes it: `1m5s`.
    private static func duration(_ seconds: Int) -> String {
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        return (hours > 0 ? "\(hours)h" : "") + (seconds >= 60 ? "\(minutes)m" : "") + "\(seconds % 60)s"
    }
}

/// JSON documents one after the other, with or without newlines between them, cut anywhere.
package struct DocumentStream {
    private var buffer: [UInt8] = []
    private var scanned = 0
    private var depth = 0
    private var isInString = false
    private var isEscaped = false

    package init() {}

    /// The documents that `bytes` completed. Only objects stand in these streams.
    package mutating func feed(_ bytes: [UInt8]) throws(CommandError) -> [JSON] {
        buffer += bytes
        var documents: [JSON] = []
        var start = 0
        while scanned < buffer.count {
            let byte = buffer[scanned]
            scanned += 1
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == 0x5c {
                    isEscaped = true
                } else if byte == 0x22 {
                    isInString = false
                }
                continue
            }
            switch byte {
            case 0x22: isInString = true
            case 0x7b, 0x5b: depth += 1
            case 0x7d, 0x5d:
                depth -= 1
                if depth == 0 {
                    documents.append(try Client.parse(Array(buffer[start..<scanned])))
                    start = scanned
                }
            default: break
            }
        }
        buffer.removeFirst(start)
        scanned -= start
        return documents
    }
}
