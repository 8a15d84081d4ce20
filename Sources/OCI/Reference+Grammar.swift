internal import ByteText

// The grammar of distribution/reference, by hand: it runs on untrusted text and on every request.
extension Reference {
    static let defaultDomain = "docker.io"

    /// The first part is a registry only if it cannot be the first word of a repository.
    static func split(_ text: String) -> (domain: String, remainder: String) {
        guard let slash = text.firstIndex(ofByte: "/") else { return (defaultDomain, text) }
        let first = String(text[..<slash])
        let isDomain = isRegistry(first) || hasUppercase(first)
        return isDomain ? (first, String(text[text.utf8.index(after: slash)...])) : (defaultDomain, text)
    }

    /// Properties of characters are slow to find, and a daemon reads thousands of names at its start.
    static func hasUppercase(_ text: String) -> Bool {
        text.utf8.contains { (65...90).contains($0) || $0 >= 0x80 }
            && text.unicodeScalars.contains { $0.properties.isUppercase }
    }

    /// Whether a first part is a host: words of repositories have no dot or colon there.
    package static func isRegistry(_ first: String) -> Bool {
        first == "localhost" || first.utf8.contains { $0 == 46 || $0 == 58 }
    }

    /// A host name, IPv4 address or bracketed IPv6 address, with an optional port.
    static func isDomain(_ text: String) -> Bool {
        var host = Substring(text)
        if text.hasBytePrefix("[") {
            guard let bracket = text.firstIndex(ofByte: "]") else { return false }
            let address = text[text.utf8.index(after: text.startIndex)..<bracket]
            let rest = text[text.utf8.index(after: bracket)...]
            return !address.isEmpty && address.utf8.allSatisfy { $0.isASCIIHexDigit || $0 == 58 }
                && (rest.isEmpty || (rest.hasBytePrefix(":") && isNumber(rest.dropFirst(bytes: 1))))
        }
        if let colon = text.firstIndex(ofByte: ":") {
            guard isNumber(text[text.utf8.index(after: colon)...]) else { return false }
            host = text[..<colon]
        }
        return host.split(byte: ".", omittingEmptySubsequences: false).allSatisfy { label in
            guard let first = label.utf8.first, let last = label.utf8.last else { return false }
            return isAlphanumeric(first) && isAlphanumeric(last)
                && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == 45 }
        }
    }

    /// Words of `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`; such components joined by `/`.
    static func isPath(_ text: String) -> Bool {
        text.split(byte: "/", omittingEmptySubsequences: false).allSatisfy { component in
            var separator: [UInt8] = []
            var afterWord = false
            for byte in component.utf8 {
                if isLowercaseOrDigit(byte) {
                    let isJoined =
                        separator.isEmpty || separator == [46] || separator == [95] || separator == [95, 95]
                        || separator.allSatisfy { $0 == 45 }
                    guard isJoined else { return false }
                    separator = []
                    afterWord = true
                } else if afterWord, byte == 46 || byte == 95 || byte == 45 {
                    separator.append(byte)
                } else {
                    return false
                }
            }
            return afterWord && separator.isEmpty
        }
    }

    /// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`
    static func isTag(_ text: String) -> Bool {
        guard let first = text.utf8.first, isAlphanumeric(first) || first == 95 else { return false }
        return text.utf8.count <= 128
            && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 95 || $0 == 46 || $0 == 45 }
    }

    /// Docker tells a malformed digest from one that has the form but not the length or the algorithm.
    static func reason(forDigest text: String) -> String {
        guard let colon = text.firstIndex(ofByte: ":") else { return "invalid reference format" }
        let algorithm = text[..<colon]
        let digits = text[text.utf8.index(after: colon)...]
        guard let first = algorithm.utf8.first, isLetter(first), digits.utf8.count >= 32,
            digits.utf8.allSatisfy(\.isASCIIHexDigit),
            algorithm.utf8.allSatisfy({ isAlphanumeric($0) || [45, 95, 43, 46].contains($0) })
        else { return "invalid reference format" }
        guard let known = Digest.Algorithm(rawValue: String(algorithm)) else { return "unsupported digest algorithm" }
        return digits.utf8.count == known.length ? "invalid checksum digest format" : "invalid checksum digest length"
    }

    private static func isNumber(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte | 32) && byte < 128 }

    private static func isLowercaseOrDigit(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (97...122).contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLowercaseOrDigit(byte) || (65...90).contains(byte)
    }
}
