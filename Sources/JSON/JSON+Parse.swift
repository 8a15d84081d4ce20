extension JSON {
    /// Parses one document; anything but white space behind it is an error, as are nesting beyond `maximumDepth`, control
    /// characters in strings and texts that are not UTF-8.
    ///
    /// - Parameter refusesDuplicates: whether an object with two members of one name is an error. Requests are read so: who
    ///   checked them on the way may have looked at the other one.
    package static func parse(
        _ bytes: [UInt8], maximumDepth: Int = 512, refusesDuplicates: Bool = false
    ) throws(JSONError) -> JSON {
        var parser = JSONParser(bytes: bytes, depthLeft: maximumDepth, refusesDuplicates: refusesDuplicates)
        let value = try parser.value()
        parser.skipWhiteSpace()
        guard parser.isAtEnd else { throw parser.unexpected("after the document") }
        return value
    }

    package static func parse(
        _ text: String, maximumDepth: Int = 512, refusesDuplicates: Bool = false
    ) throws(JSONError) -> JSON {
        try parse(Array(text.utf8), maximumDepth: maximumDepth, refusesDuplicates: refusesDuplicates)
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    var depthLeft: Int
    let refusesDuplicates: Bool
    var position = 0

    init(bytes: [UInt8], depthLeft: Int, refusesDuplicates: Bool) {
        self.bytes = bytes
        self.depthLeft = depthLeft
        self.refusesDuplicates = refusesDuplicates
    }

    var isAtEnd: Bool { position == bytes.count }

    func unexpected(_ place: String) -> JSONError {
        guard position < bytes.count else { return JSONError("unexpected end of JSON input") }
        let character = Character(Unicode.Scalar(bytes[position]))
        return JSONError("invalid character '\(character)' \(place) (byte \(position))")
    }

    mutating func skipWhiteSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    mutating func value() throws(JSONError) -> JSON {
        skipWhiteSpace()
        guard position < bytes.count else { throw unexpected("") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        for offset in 0..<word.utf8CodeUnitCount {
            guard position < bytes.count, bytes[position] == word.utf8Start[offset] else {
                throw unexpected("in literal \(word)")
            }
            position += 1
        }
        return value
    }

    private mutating func enter() throws(JSONError) {
        depthLeft -= 1
        if depthLeft < 0 { throw JSONError("JSON is nested too deeply") }
        position += 1
    }

    private mutating func object() throws(JSONError) -> JSON {
        try enter()
        var object = JSONObject()
        skipWhiteSpace()
        if take(UInt8(ascii: "}")) {
            depthLeft += 1
            return .object(object)
        }
        while true {
            skipWhiteSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw unexpected("looking for the name of an object's member")
            }
            let key = try string()
            if refusesDuplicates, object[key] != nil {
                throw JSONError("an object has two members \(JSON.string(key).text()) (byte \(position))")
            }
            skipWhiteSpace()
            guard take(UInt8(ascii: ":")) else { throw unexpected("after the name of an object's member") }
            object[key] = try value()
            skipWhiteSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "}")) else { throw unexpected("after an object's member") }
            depthLeft += 1
            return .object(object)
        }
    }

    private mutating func array() throws(JSONError) -> JSON {
        try enter()
        var elements: [JSON] = []
        skipWhiteSpace()
        if take(UInt8(ascii: "]")) {
            depthLeft += 1
            return .array(elements)
        }
        while true {
            elements.append(try value())
            skipWhiteSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "]")) else { throw unexpected("after an array's element") }
            depthLeft += 1
            return .array(elements)
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        return .number(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
        if position == start { throw unexpected("looking for the beginning of a value") }
    }

    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let text = String(decoding: bytes[start..<position], as: UTF8.self)
                position += 1
                return text
            case UInt8(ascii: "\\"):
                return try escapedString(from: start)
            case 0..<0x20:
                throw unexpected("in a string")
            default:
                position += 1
            }
        }
        throw unexpected("in a string")
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var text = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20:
                position -= 1
                throw unexpected("in a string")
            default: text.append(byte)
            }
        }
        throw unexpected("in a string")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        guard position < bytes.count else { throw unexpected("in a string") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try fourDigits()
            if (0xD800..<0xDC00).contains(code) {
                // The second half of a surrogate pair, if it follows; a lone half becomes U+FFFD.
                let mark = position
                if take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
                    let low = try fourDigits()
                    if (0xDC00..<0xE000).contains(low) {
                        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                    } else {
                        position = mark
                    }
                } else {
                    position = mark
                }
            }
            text.append(contentsOf: String(Unicode.Scalar(code) ?? "\u{FFFD}").utf8)
        default:
            position -= 1
            throw unexpected("in an escape sequence")
        }
    }

    private mutating func fourDigits() throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count, let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue,
                bytes[position] < 0x80
            else { throw unexpected("in a \\u escape sequence") }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
