internal import ByteText

/// `Content-Type` as Go's mime.ParseMediaType reads it, and refuses it.
package enum ContentType {
    /// A body with a document must say that it is JSON: a web page may send other types anywhere without asking first.
    package static func requireJSON(_ header: String) throws(APIError) {
        if let fault = fault(header) {
            throw .badRequest("malformed Content-Type header (\(header)): mime: \(fault)")
        }
        guard name(header) == "application/json" else {
            throw .badRequest("unsupported Content-Type header (\(header)): must be 'application/json'")
        }
    }

    private static func name(_ header: String) -> String {
        String(trimmed(header.prefix(untilByte: ";"))).lowercased()
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }

    private static func fault(_ header: String) -> String? {
        let name = name(header)
        let type = name.prefix(while: isToken)
        if type.isEmpty { return "no media type" }
        let rest = name.dropFirst(type.count)
        if !rest.isEmpty {
            guard rest.hasBytePrefix("/") else { return "expected slash after first token" }
            let subtype = rest.dropFirst().prefix(while: isToken)
            if subtype.isEmpty { return "expected token after slash" }
            if subtype.count + 1 < rest.count { return "unexpected content after media subtype" }
        }
        var seen: Set<String> = []
        for parameter in header.split(byte: ";", omittingEmptySubsequences: false).dropFirst() {
            let text = trimmed(parameter)
            // One semicolon at the end is forgiven.
            if text.isEmpty { continue }
            let key = text.prefix(while: isToken)
            let value = text.dropFirst(key.count)
            let isQuoted = value.count >= 3 && value.hasBytePrefix("=\"") && value.hasByteSuffix("\"")
            guard !key.isEmpty, value.hasBytePrefix("="),
                isQuoted || (value.count > 1 && value.dropFirst().allSatisfy(isToken))
            else { return "invalid media parameter" }
            guard seen.insert(key.lowercased()).inserted else { return "duplicate parameter name" }
        }
        return nil
    }

    private static func isToken(_ character: Character) -> Bool {
        guard let byte = character.asciiValue, byte > 0x20, byte < 0x7F else { return false }
        return !"()<>@,;:\\\"/[]?=".utf8.contains(byte)
    }
}
