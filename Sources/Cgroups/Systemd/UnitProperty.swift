internal import ByteText

/// Converts the annotation `org.systemd.property.NAME`, which has a D-Bus name and a value in GVariant's text format, to an
/// assignment (runc, docs/systemd.md).
package enum UnitProperty {
    /// `NAME=VALUE` for systemd-run(1). Tuples, dictionaries and byte strings cannot be written so.
    package static func assignment(_ name: String, _ text: String) throws(CgroupError) -> String {
        let isName = name.utf8.allSatisfy { (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) }
        guard isName, name.utf8.count >= 3, let words = values(text[...]), !text.contains(byte: "\0") else {
            throw CgroupError(
                "set systemd's property \(name)", "",
                "\(text) is not a string, a number, true, false or a list of these in GVariant's text format")
        }
        // D-Bus properties have times in microseconds; assignments need a unit.
        guard name.hasByteSuffix("USec") else { return name + "=" + words.joined(separator: " ") }
        let times = words.map { $0 == "infinity" ? $0 : $0 + "us" }
        return name.dropLast(4) + "Sec=" + times.joined(separator: " ")
    }

    private static let numberTypes: Set<Substring> = [
        "int16", "uint16", "int32", "uint32", "int64", "uint64", "double", "boolean", "string", "objectpath",
    ]

    private static func values(_ text: Substring) -> [String]? {
        let text = trim(text)
        guard let first = text.first, let last = text.last else { return nil }
        switch first {
        case "[":
            guard last == "]", let items = items(text.dropFirst().dropLast()) else { return nil }
            var result: [String] = []
            for item in items {
                guard let found = values(item) else { return nil }
                result += found
            }
            return result
        case "'", "\"": return string(text).map { [$0] }
        default:
            let parts = text.split(byte: " ", maxSplits: 1)
            if parts.count == 2 {
                let isType = numberTypes.contains(parts[0]) || parts[0].hasBytePrefix("@") && !parts[0].contains("y")
                return isType ? values(parts[1]) : nil
            }
            // The maximum number means "no limit".
            if text == "18446744073709551615" { return ["infinity"] }
            if text == "true" || text == "false" || Double(text) != nil { return [String(text)] }
            return nil
        }
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }

    /// Splits at commas outside of strings; empty for an empty list.
    private static func items(_ text: Substring) -> [Substring]? {
        var result: [Substring] = []
        var quote: Character?
        var start = text.startIndex
        var isEscaped = false
        for index in text.indices {
            let letter = text[index]
            if let open = quote {
                if !isEscaped && letter == open { quote = nil }
                isEscaped = !isEscaped && letter == "\\"
            } else if letter == "'" || letter == "\"" {
                quote = letter
            } else if letter == "," {
                result.append(text[start..<index])
                start = text.utf8.index(after: index)
            }
        }
        guard quote == nil else { return nil }
        return result.isEmpty && trim(text).isEmpty ? [] : result + [text[start...]]
    }

    private static func string(_ text: Substring) -> String? {
        guard let quote = text.first else { return nil }
        var result = ""
        var isEscaped = false
        var isOpen = true
        for letter in text.dropFirst() {
            guard isOpen else { return nil }
            if isEscaped {
                // text: letters would mean control characters, also those of other scripts
                guard !letter.isLetter, !letter.isNumber else { return nil }
                result.append(letter)
                isEscaped = false
            } else if letter == quote {
                isOpen = false
            } else if letter == "\\" {
                isEscaped = true
            } else {
                result.append(letter)
            }
        }
        return isOpen ? nil : result
    }
}
