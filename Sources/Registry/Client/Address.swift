internal import ByteText
internal import JSON

/// An absolute `http` or `https` URL, split into parts.
///
/// Accepts only what all parsers read alike: a plain host name or IP address and a valid port.
package struct Address: Equatable, CustomStringConvertible {
    let scheme: String
    /// Host and port, lower case, with the port as written.
    let authority: String
    /// Path and query, beginning with a slash.
    let target: String
    /// Without port and brackets.
    let host: String
    let port: Int

    package init?(_ text: String) {
        guard let colon = text.firstIndex(ofByte: ":"), text[colon...].hasBytePrefix("://") else { return nil }
        scheme = text[..<colon].lowercased()
        let rest = text[text.index(colon, offsetBy: 3)...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        authority = rest[..<end].lowercased()
        let tail = rest[end...].prefix(untilByte: "#")
        target = tail.hasBytePrefix("/") ? String(tail) : "/" + tail
        // User information in a URL leaks credentials easily, so it is refused.
        guard scheme == "http" || scheme == "https", let parts = Self.split(authority), Self.isHost(parts.host),
            parts.host.contains(byte: ":") == authority.hasBytePrefix("["),
            target.utf8.allSatisfy({ $0 >= 32 && $0 != 127 })
        else { return nil }
        host = parts.host
        port = parts.port ?? (scheme == "https" ? 443 : 80)
    }

    package var description: String { "\(scheme)://\(authority)\(target)" }

    var withoutQuery: String { "\(scheme)://\(authority)\(target.prefix(untilByte: "?"))" }

    /// Whether both have the same scheme, host and port, so that credentials for one may be sent to the other.
    func hasSameOrigin(as other: Address) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }

    /// Resolves a Location or Link header, which may be relative (RFC 3986, 5.2).
    func resolve(_ location: String) -> Address? {
        let reference = location.prefix(untilByte: "#")
        if Self.hasScheme(reference) { return Address(String(reference)) }
        if reference.hasBytePrefix("//") { return Address("\(scheme):\(reference)") }
        let (path, query) = reference.cut(at: "?")
        let own = target.cut(at: "?")
        var target = String(own.before)
        var chosen = query
        if path.isEmpty {
            if query == nil { chosen = own.after }
        } else if path.hasBytePrefix("/") {
            target = Self.withoutDots(String(path))
        } else {
            let folder = target[...(target.lastIndex(ofByte: "/") ?? target.startIndex)]
            target = Self.withoutDots("\(folder)\(path)")
        }
        return Address("\(scheme)://\(authority)\(target)\(chosen.map { "?" + $0 } ?? "")")
    }

    /// A letter, then letters, digits, `+`, `-` and `.`, then the colon (RFC 3986, 3.1).
    private static func hasScheme(_ text: Substring) -> Bool {
        guard let colon = text.firstIndex(ofByte: ":"), let first = text.utf8.first, (97...122).contains(first | 32)
        else {
            return false
        }
        return text[..<colon].utf8.allSatisfy {
            (97...122).contains($0 | 32) || (48...57).contains($0) || [43, 45, 46].contains($0)
        }
    }

    /// Removes dot segments, never above the root (RFC 3986, 5.2.4); empty segments stay.
    private static func withoutDots(_ path: String) -> String {
        var kept: [Substring] = []
        let segments = path.split(byte: "/", omittingEmptySubsequences: false).dropFirst()
        for (index, segment) in segments.enumerated() {
            switch segment {
            case ".", "..":
                if segment == "..", !kept.isEmpty { kept.removeLast() }
                // A path that ends in a dot segment names a directory.
                if index == segments.count - 1 { kept.append("") }
            default: kept.append(segment)
            }
        }
        return "/" + kept.joined(separator: "/")
    }

    /// The parts of `host`, `host:port`, `[::1]` or `[::1]:port`; nil when the port is not a number from 1 to 65535.
    static func split(_ authority: String) -> (host: String, port: Int?)? {
        var host = Substring(authority)
        var rest = Substring()
        if authority.hasBytePrefix("["), let bracket = authority.firstIndex(ofByte: "]") {
            host = authority[authority.utf8.index(after: authority.startIndex)..<bracket]
            rest = authority[authority.utf8.index(after: bracket)...]
        } else if let colon = authority.lastIndex(ofByte: ":"), Network.address(authority) == nil {
            host = authority[..<colon]
            rest = authority[colon...]
        }
        if rest.isEmpty { return (String(host), nil) }
        guard rest.first == ":", let port = Int(digits: rest.dropFirst()), (1...65535).contains(port) else {
            return nil
        }
        return (String(host), port)
    }

    /// A valid DNS name or an IP address.
    private static func isHost(_ text: String) -> Bool {
        if text.contains(byte: ":") { return Network.address(text) != nil }
        return !text.isEmpty
            && text.utf8.allSatisfy {
                (48...57).contains($0) || (97...122).contains($0) || $0 == 45 || $0 == 46 || $0 == 95
            }
    }

    /// Percent-encodes everything but unreserved characters, for a query.
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

    /// Percent-decodes; invalid escapes are kept as they are.
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

    /// The URL with one more query parameter.
    func adding(_ name: String, _ value: String) -> Address? {
        Address("\(self)\(target.contains(byte: "?") ? "&" : "?")\(name)=\(Self.escaped(value))")
    }
}

extension String {
    /// `GET` as in Go's error texts: `Get`.
    var capitalizedASCII: String { prefix(1) + dropFirst().lowercased() }
}
