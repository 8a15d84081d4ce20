/// An absolute `http` or `https` address in parts.
package struct Address: Equatable, CustomStringConvertible {
    let scheme: String
    /// Lower case, with the port as written.
    let authority: String
    /// Path and query, from the slash.
    let target: String

    package init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { return nil }
        scheme = text[..<colon].lowercased()
        let rest = text[text.index(colon, offsetBy: 3)...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        authority = rest[..<end].lowercased()
        // User information in an address is how credentials get lost.
        guard scheme == "http" || scheme == "https", !authority.isEmpty, !authority.contains("@") else { return nil }
        let tail = rest[end...].prefix { $0 != "#" }
        target = tail.hasPrefix("/") ? String(tail) : "/" + tail
    }

    package var description: String { "\(scheme)://\(authority)\(target)" }

    var withoutQuery: String { "\(scheme)://\(authority)\(target.prefix { $0 != "?" })" }

    /// Whether both are the same service: what is secret for one may go to the other.
    func hasSameOrigin(as other: Address) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }

    /// Without port and brackets.
    var host: String { Self.split(authority).host }

    var port: Int { Self.split(authority).port ?? (scheme == "https" ? 443 : 80) }

    /// A location header, which may be relative.
    func resolve(_ location: String) -> Address? {
        if location.hasPrefix("//") { return Address("\(scheme):\(location)") }
        if location.hasPrefix("/") { return Address("\(scheme)://\(authority)\(location)") }
        if location.hasPrefix("?") {
            return Address("\(scheme)://\(authority)\(target.prefix { $0 != "?" })\(location)")
        }
        return Address(location)
    }

    static func split(_ authority: String) -> (host: String, port: Int?) {
        if authority.hasPrefix("["), let bracket = authority.firstIndex(of: "]") {
            let host = String(authority[authority.index(after: authority.startIndex)..<bracket])
            return (host, Int(authority[authority.index(after: bracket)...].dropFirst()))
        }
        guard let colon = authority.lastIndex(of: ":") else { return (authority, nil) }
        return (String(authority[..<colon]), Int(authority[authority.index(after: colon)...]))
    }

    /// For a query: everything but unreserved characters escaped.
    static func escaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95, 126: bytes.append(byte)
            default: bytes += [37, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The opposite of ``escaped(_:)``; what is no escape stays.
    static func unescaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 37, rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// With one more parameter in the query.
    func adding(_ name: String, _ value: String) -> Address? {
        Address("\(self)\(target.contains("?") ? "&" : "?")\(name)=\(Self.escaped(value))")
    }
}

extension String {
    /// `GET` as Go's errors have it: `Get`.
    var capitalizedASCII: String { prefix(1) + dropFirst().lowercased() }
}
