extension JSON {
    /// The document as UTF-8, written as encoding/json in Go does: no white space without `indent`, and `<`, `>`, `&`,
    /// U+2028 and U+2029 escaped. With `indent` an empty object or array stays on its line.
    package func serialized(indent: String? = nil) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512)
        write(into: &bytes, indent: indent.map { Array($0.utf8) }, depth: 0)
        return bytes
    }

    /// The same as ``serialized(indent:)``, as text.
    package func text(indent: String? = nil) -> String {
        String(decoding: serialized(indent: indent), as: UTF8.self)
    }

    private func write(into bytes: inout [UInt8], indent: [UInt8]?, depth: Int) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let literal): bytes.append(contentsOf: literal.utf8)
        case .string(let value): JSON.write(value, into: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                JSON.breakLine(&bytes, indent, depth + 1)
                element.write(into: &bytes, indent: indent, depth: depth + 1)
            }
            if !elements.isEmpty { JSON.breakLine(&bytes, indent, depth) }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            var isFirst = true
            for (key, value) in object {
                if !isFirst { bytes.append(UInt8(ascii: ",")) }
                isFirst = false
                JSON.breakLine(&bytes, indent, depth + 1)
                JSON.write(key, into: &bytes)
                bytes.append(UInt8(ascii: ":"))
                if indent != nil { bytes.append(UInt8(ascii: " ")) }
                value.write(into: &bytes, indent: indent, depth: depth + 1)
            }
            if !object.isEmpty { JSON.breakLine(&bytes, indent, depth) }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func breakLine(_ bytes: inout [UInt8], _ indent: [UInt8]?, _ depth: Int) {
        guard let indent else { return }
        bytes.append(0x0A)
        for _ in 0..<depth { bytes.append(contentsOf: indent) }
    }

    /// Appends `text` as a JSON string, quotes included, with Go's escapes.
    package static func write(_ text: String, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        defer { bytes.append(UInt8(ascii: "\"")) }
        var text = text
        let isDone = text.withUTF8 { utf8 in
            guard utf8.allSatisfy(isPlain) else { return false }
            bytes.append(contentsOf: utf8)
            return true
        }
        if isDone { return }
        let hexadecimal = Array("0123456789abcdef".utf8)
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5C:
                bytes.append(0x5C)
                bytes.append(UInt8(scalar.value))
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x0D: bytes.append(contentsOf: "\\r".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0x08: bytes.append(contentsOf: "\\b".utf8)
            case 0x0C: bytes.append(contentsOf: "\\f".utf8)
            case 0..<0x20, 0x3C, 0x3E, 0x26:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(hexadecimal[Int(scalar.value >> 4)])
                bytes.append(hexadecimal[Int(scalar.value & 15)])
            case 0x2028: bytes.append(contentsOf: "\\u2028".utf8)
            case 0x2029: bytes.append(contentsOf: "\\u2029".utf8)
            case 0x20..<0x7F: bytes.append(UInt8(scalar.value))
            default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }

    /// Printable ASCII that needs no escape.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x22, 0x26, 0x3C, 0x3E, 0x5C: false
        default: (0x20..<0x7F).contains(byte)
        }
    }
}
