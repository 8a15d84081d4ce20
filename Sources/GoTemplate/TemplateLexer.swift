internal import ByteText
internal import JSON

/// Cuts a template into text and the tokens of its actions (text/template of Go).
struct TemplateLexer {
    enum Token: Equatable {
        case text(String)
        case open
        case close
        case space
        case dot
        case field(String)
        case variable(String)
        case word(String)
        case number(String)
        case string(String)
        case character(Int64)
        case pipe
        case declare
        case assign
        case comma
        case parenthesisOpen
        case parenthesisClose
    }

    struct Item: Equatable {
        var token: Token
        var position: Int
        var end: Int
    }

    private let bytes: [UInt8]
    private var offset = 0
    private(set) var items: [Item] = []

    init(_ text: String) throws(TemplateError) {
        bytes = Array(text.utf8)
        try run()
    }

    func line(at position: Int) -> Int { 1 + bytes[..<min(position, bytes.count)].count { $0 == 10 } }

    func failure(_ message: String, at position: Int) -> TemplateError {
        TemplateError(message: ":\(line(at: position)): \(message)", isSyntax: true)
    }

    func source(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    private func starts(_ text: StaticString, at position: Int) -> Bool {
        text.withUTF8Buffer { bytes[min(position, bytes.count)...].starts(with: $0) }
    }

    private mutating func emit(_ token: Token, from start: Int) {
        items.append(Item(token: token, position: start, end: offset))
    }

    private mutating func run() throws(TemplateError) {
        var trimNext = false
        while offset < bytes.count {
            let start = offset
            while offset < bytes.count, !starts("{{", at: offset) { offset += 1 }
            var text = bytes[start..<offset]
            if trimNext { text = text.drop { TemplateLexer.isSpace($0) } }
            let isTrimmed =
                starts("{{-", at: offset) && offset + 3 < bytes.count && TemplateLexer.isSpace(bytes[offset + 3])
            if isTrimmed { while let last = text.last, TemplateLexer.isSpace(last) { text = text.dropLast() } }
            if !text.isEmpty {
                items.append(Item(token: .text(String(decoding: text, as: UTF8.self)), position: start, end: offset))
            }
            if offset == bytes.count { return }
            let open = offset
            offset += isTrimmed ? 3 : 2
            if let next = try comment(open) {
                trimNext = next
                continue
            }
            items.append(Item(token: .open, position: open, end: offset))
            trimNext = try action(open)
        }
    }

    /// Skips `/* … */}}`; nil when there is no comment.
    private mutating func comment(_ open: Int) throws(TemplateError) -> Bool? {
        var position = offset
        while position < bytes.count, TemplateLexer.isSpace(bytes[position]) { position += 1 }
        guard starts("/*", at: position) else { return nil }
        while position < bytes.count, !starts("*/", at: position) { position += 1 }
        guard position < bytes.count else { throw failure("unclosed comment", at: open) }
        position += 2
        if starts(" -}}", at: position) {
            offset = position + 4
            return true
        }
        guard starts("}}", at: position) else { throw failure("comment ends before closing delimiter", at: open) }
        offset = position + 2
        return false
    }

    /// Reads to the closing braces; returns whether the text behind them is to be trimmed.
    private mutating func action(_ open: Int) throws(TemplateError) -> Bool {
        var depth = 0
        while true {
            guard offset < bytes.count else { throw failure("unclosed action", at: open) }
            let start = offset
            if starts("}}", at: offset) {
                if depth > 0 { throw failure("unclosed left paren", at: open) }
                offset += 2
                emit(.close, from: start)
                return false
            }
            let byte = bytes[offset]
            if TemplateLexer.isSpace(byte) {
                if starts("-}}", at: offset + 1) {
                    if depth > 0 { throw failure("unclosed left paren", at: open) }
                    offset += 4
                    emit(.close, from: start)
                    return true
                }
                while offset < bytes.count, TemplateLexer.isSpace(bytes[offset]), !starts("-}}", at: offset + 1) {
                    offset += 1
                }
                if offset > start { emit(.space, from: start) }
                continue
            }
            try token(byte, start, &depth, open)
        }
    }

    private mutating func token(_ byte: UInt8, _ start: Int, _ depth: inout Int, _ open: Int) throws(TemplateError) {
        offset += 1
        switch byte {
        case UInt8(ascii: "|"): emit(.pipe, from: start)
        case UInt8(ascii: ","): emit(.comma, from: start)
        case UInt8(ascii: "("):
            depth += 1
            emit(.parenthesisOpen, from: start)
        case UInt8(ascii: ")"):
            depth -= 1
            if depth < 0 { throw failure("unexpected right paren", at: start) }
            emit(.parenthesisClose, from: start)
        case UInt8(ascii: "="): emit(.assign, from: start)
        case UInt8(ascii: ":"):
            guard starts("=", at: offset) else { throw failure("expected :=", at: start) }
            offset += 1
            emit(.declare, from: start)
        case UInt8(ascii: "\""): try quotedString(start)
        case UInt8(ascii: "`"):
            while offset < bytes.count, bytes[offset] != byte { offset += 1 }
            guard offset < bytes.count else { throw failure("unterminated raw quoted string", at: start) }
            offset += 1
            emit(.string(source(start + 1..<offset - 1)), from: start)
        case UInt8(ascii: "'"):
            let name = try readQuoted(until: byte, start, "unterminated character constant")
            guard let scalar = name.unicodeScalars.first, name.unicodeScalars.count == 1 else {
                throw failure("malformed character constant: \(source(start..<offset))", at: start)
            }
            emit(.character(Int64(scalar.value)), from: start)
        case UInt8(ascii: "."):
            if offset < bytes.count, TemplateLexer.isDigit(bytes[offset]) { return try number(start) }
            let name = word()
            emit(name.isEmpty ? .dot : .field(name), from: start)
        case UInt8(ascii: "$"): emit(.variable("$" + word()), from: start)
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number(start)
        default:
            guard TemplateLexer.isWord(byte) else {
                let character = source(start..<bytes.count).first.map(String.init) ?? ""
                let code = String(byte, radix: 16, uppercase: true)
                throw failure(
                    "unexpected unrecognized character in action: U+\(String(repeating: "0", count: 4 - code.count))\(code) '\(character)'",
                    at: start)
            }
            _ = word()
            emit(.word(source(start..<offset)), from: start)
        }
    }

    private mutating func word() -> String {
        let start = offset
        while offset < bytes.count, TemplateLexer.isWord(bytes[offset]) { offset += 1 }
        return source(start..<offset)
    }

    private mutating func number(_ start: Int) throws(TemplateError) {
        while offset < bytes.count, TemplateLexer.isWord(bytes[offset]) || bytes[offset] == UInt8(ascii: ".") {
            offset += 1
        }
        let text = source(start..<offset)
        let plain = text.replacing("_", with: "")
        if let value = Int64(plain) {
            emit(.number(String(value)), from: start)
        } else if plain.lowercased().hasBytePrefix("0x"), let value = Int64(plain.dropFirst(bytes: 2), radix: 16) {
            emit(.number(String(value)), from: start)
        } else if Double(plain) != nil {
            emit(.number(plain), from: start)
        } else {
            throw failure("bad number syntax: \(quoted(text))", at: start)
        }
    }

    private mutating func quotedString(_ start: Int) throws(TemplateError) {
        let text = try readQuoted(until: UInt8(ascii: "\""), start, "unterminated quoted string")
        emit(.string(text), from: start)
    }

    /// The text up to the closing quote, its escapes resolved.
    private mutating func readQuoted(until quote: UInt8, _ start: Int, _ complaint: String) throws(TemplateError)
        -> String
    {
        var text: [UInt8] = []
        while offset < bytes.count, bytes[offset] != quote, bytes[offset] != 10 {
            var byte = bytes[offset]
            offset += 1
            if byte == UInt8(ascii: "\\"), offset < bytes.count {
                byte = bytes[offset]
                offset += 1
                switch byte {
                case UInt8(ascii: "n"): text.append(10)
                case UInt8(ascii: "t"): text.append(9)
                case UInt8(ascii: "r"): text.append(13)
                case UInt8(ascii: "x"), UInt8(ascii: "u"):
                    let count = byte == UInt8(ascii: "x") ? 2 : 4
                    let digits = source(offset..<min(offset + count, bytes.count))
                    guard digits.utf8.count == count, let value = UInt32(digits, radix: 16),
                        let scalar = Unicode.Scalar(value)
                    else { throw failure("invalid syntax", at: start) }
                    offset += count
                    if count == 2 {
                        text.append(UInt8(truncatingIfNeeded: value))
                    } else {
                        text += Array(String(scalar).utf8)
                    }
                default: text.append(byte)
                }
            } else {
                text.append(byte)
            }
        }
        guard offset < bytes.count, bytes[offset] == quote else { throw failure(complaint, at: start) }
        offset += 1
        return String(decoding: text, as: UTF8.self)
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 10 || byte == 13 }

    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x5f || byte >= 0x80
    }
}
