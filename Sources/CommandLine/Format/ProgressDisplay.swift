package import JSON

/// Shows a daemon's stream of progress messages: a line per layer on a terminal, else a line per event.
struct ProgressDisplay {
    private let output: Int32?
    private let isTerminal: Bool
    /// Layers in the order their lines stand on the screen.
    private var lines: [String] = []

    init(output: Int32?) {
        self.output = output
        isTerminal = output.map(Output.isTerminal) ?? false
    }

    /// Reads to the end; a message that carries an error is thrown.
    mutating func show(_ connection: Connection, onAux: (JSON) throws(CommandError) -> Void = { _ in })
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
        if let stream = message["stream"]?.stringValue { return try Output.write(Array(stream.utf8), to: output) }
        guard let status = message["status"]?.stringValue else { return }
        let id = message["id"]?.stringValue ?? ""
        let bar = message["progressDetail"].map { ProgressDisplay.bar($0) } ?? ""
        if !isTerminal {
            if bar.isEmpty { try Output.write(Array("\(id.isEmpty ? "" : id + ": ")\(status)\n".utf8), to: output) }
            return
        }
        guard !id.isEmpty, message["progressDetail"] != nil else {
            return try Output.write(Array("\(id.isEmpty ? "" : id + ": ")\(status)\n".utf8), to: output)
        }
        let text = "\(id): \(status)\(bar.isEmpty ? "" : " " + bar)"
        if let index = lines.firstIndex(of: id) {
            let up = lines.count - index
            try Output.write(Array("\u{1b}[\(up)A\u{1b}[2K\r\(text)\r\u{1b}[\(up)B".utf8), to: output)
        } else {
            lines.append(id)
            try Output.write(Array("\u{1b}[2K\r\(text)\n".utf8), to: output)
        }
    }

    /// `[=====>      ]  1.2MB/3.4MB`, or "" when the message counts nothing.
    static func bar(_ detail: JSON) -> String {
        guard let current = detail["current"]?.intValue, current > 0 else { return "" }
        let done = Units.size(Double(current))
        guard let total = detail["total"]?.intValue, total > 0 else { return done }
        let columns = (WindowSize.current?.columns).map(Int.init) ?? 80
        let room = Units.size(Double(total))
        let numbers = "\(padded("", to: 8 - done.count))\(done)/\(room)"
        if columns <= 110 && columns < 70 { return numbers }
        let filled = min(50, Int(Double(current) / Double(total) * 50))
        let arrow = filled < 50 ? ">" : ""
        return
            "[\(String(repeating: "=", count: filled))\(arrow)\(padded("", to: 50 - filled - arrow.count))] \(numbers)"
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
