internal import ByteText

/// The target of a request: path and query, both percent-decoded.
package struct RequestTarget: Sendable {
    /// As received.
    package let raw: String
    /// Decoded; `*` for `OPTIONS *`.
    package let path: String
    /// Decoded pairs in order; a key without `=` has the empty value.
    package let query: [(name: String, value: String)]

    /// The first value of `name` in the query.
    package subscript(name: String) -> String? {
        query.first { $0.name == name }?.value
    }

    /// Every value of `name` in the query.
    package func all(_ name: String) -> [String] {
        query.filter { $0.name == name }.map(\.value)
    }

    /// Parses origin form (`/a?b`), absolute form (`http://host/a?b`) and `*`.
    package init(_ raw: String) throws(HTTPError) {
        self.raw = raw
        var rest = raw[...]
        if raw == "*" {
            path = raw
            query = []
            return
        }
        if !raw.hasBytePrefix("/") {
            guard let scheme = ["http://", "https://"].first(where: { raw.lowercased().hasBytePrefix($0) }) else {
                throw .malformed("target \(raw.prefix(64))")
            }
            rest = raw.dropFirst(scheme.count)
            rest = rest[(rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex)...]
            if !rest.hasBytePrefix("/") { rest = ("/" + rest)[...] }
        }
        if let fragment = rest.firstIndex(ofByte: "#") { rest = rest[..<fragment] }
        let mark = rest.firstIndex(ofByte: "?")
        path = try Self.decoded(rest[..<(mark ?? rest.endIndex)], plusIsSpace: false)
        var pairs: [(name: String, value: String)] = []
        if let mark {
            for piece in rest[rest.utf8.index(after: mark)...].split(byte: "&") {
                let equals = piece.firstIndex(ofByte: "=")
                let name = try Self.decoded(piece[..<(equals ?? piece.endIndex)], plusIsSpace: true)
                let value =
                    try equals.map { (index) throws(HTTPError) in
                        try Self.decoded(piece[piece.utf8.index(after: index)...], plusIsSpace: true)
                    } ?? ""
                pairs.append((name: name, value: value))
            }
        }
        query = pairs
    }

    private static func decoded(_ text: Substring, plusIsSpace: Bool) throws(HTTPError) -> String {
        guard text.utf8.contains(where: { $0 == 0x25 || (plusIsSpace && $0 == 0x2B) }) else { return String(text) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            if byte == 0x2B && plusIsSpace {
                bytes.append(0x20)
            } else if byte != 0x25 {
                bytes.append(byte)
            } else {
                guard let high = iterator.next().flatMap(hexValue), let low = iterator.next().flatMap(hexValue) else {
                    throw .malformed("percent escape in \(text.prefix(64))")
                }
                bytes.append(high << 4 | low)
            }
        }
        guard !bytes.contains(0), let decoded = String(validating: bytes, as: UTF8.self) else {
            throw .malformed("target is not UTF-8 text")
        }
        return decoded
    }
}

func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
}
