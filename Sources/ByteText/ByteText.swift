/// Text from outside, taken apart by its UTF-8 bytes.
///
/// A Swift `Character` is a grapheme: `"=\u{301}"` and `"\r\n"` are one each, so `split(separator: "=")` does not find the
/// sign in the first, nor `split(separator: "\n")` the line feed in the second. Everything that reads Docker's formats
/// (paths, variables, references, headers, files of lines) looks at bytes, and so does everything here.
extension StringProtocol {
    /// The first place of an ASCII character.
    @inlinable package func firstIndex(ofByte byte: Unicode.Scalar) -> Index? {
        let wanted = UInt8(ascii: byte)
        return utf8.firstIndex { $0 == wanted }
    }

    /// Whether an ASCII character is in the text, whatever stands behind it.
    @inlinable package func contains(byte: Unicode.Scalar) -> Bool { firstIndex(ofByte: byte) != nil }

    /// Whether the bytes of `part` are somewhere in the text, as Go's `strings.Contains`.
    package func contains(bytes part: some StringProtocol) -> Bool {
        var rest = utf8[...]
        while !rest.isEmpty {
            if rest.starts(with: part.utf8) { return true }
            rest = rest.dropFirst()
        }
        return part.utf8.isEmpty
    }

    /// The parts between an ASCII character, as the standard library's `split(separator:)` does it between graphemes.
    package func split(
        byte: Unicode.Scalar, maxSplits: Int = .max, omittingEmptySubsequences: Bool = true
    ) -> [SubSequence] {
        let wanted = UInt8(ascii: byte)
        var parts: [SubSequence] = []
        var start = startIndex
        var place = startIndex
        while place != endIndex, parts.count < maxSplits {
            let next = utf8.index(after: place)
            if utf8[place] == wanted {
                if place != start || !omittingEmptySubsequences { parts.append(self[start..<place]) }
                start = next
            }
            place = next
        }
        if start != endIndex || !omittingEmptySubsequences { parts.append(self[start...]) }
        return parts
    }
}

extension StringProtocol where SubSequence == Substring {
    /// The last place of an ASCII character.
    @inlinable package func lastIndex(ofByte byte: Unicode.Scalar) -> Index? {
        let wanted = UInt8(ascii: byte)
        return self[...].utf8.lastIndex { $0 == wanted }
    }

    /// What stands before and behind the first of an ASCII character, as Go's `strings.Cut`; nothing behind where there is none.
    @inlinable package func cut(at byte: Unicode.Scalar) -> (before: Substring, after: Substring?) {
        guard let place = firstIndex(ofByte: byte) else { return (self[...], nil) }
        return (self[..<place], self[utf8.index(after: place)...])
    }

    /// The lines as Go's `bufio.ScanLines` gives them: they end at a line feed, a carriage return before it is not theirs, and
    /// the end of the text begins no further line.
    package var lines: [Substring] {
        var parts = split(byte: "\n", omittingEmptySubsequences: false)
        if parts.last?.utf8.isEmpty ?? false { parts.removeLast() }
        return parts.map { line in
            line.utf8.last == 0x0D ? line[..<line.utf8.index(before: line.endIndex)] : line
        }
    }

    /// What stands before the first of an ASCII character; everything where there is none.
    @inlinable package func prefix(untilByte byte: Unicode.Scalar) -> Substring { cut(at: byte).before }

    /// What follows `prefix`, or nil where the text does not begin with its bytes.
    package func dropping(prefix: some StringProtocol) -> Substring? {
        hasBytePrefix(prefix) ? dropFirst(bytes: prefix.utf8.count) : nil
    }

    /// The text without its first bytes. They end where a Unicode scalar does: cut off what was looked at.
    package func dropFirst(bytes count: Int) -> Substring {
        self[(utf8.index(startIndex, offsetBy: count, limitedBy: endIndex) ?? endIndex)...]
    }

    /// The text without its last bytes.
    package func dropLast(bytes count: Int) -> Substring {
        self[..<(self[...].utf8.index(endIndex, offsetBy: -count, limitedBy: startIndex) ?? startIndex)]
    }

    /// Without white space at both ends, scalar by scalar as Go's `strings.TrimSpace`.
    package var trimmingSpace: Substring { trimmingLeadingSpace.trimmingTrailingSpace }

    package var trimmingLeadingSpace: Substring {
        let scalars = self[...].unicodeScalars
        return self[(scalars.firstIndex { !$0.properties.isWhitespace } ?? endIndex)...]
    }

    package var trimmingTrailingSpace: Substring {
        let scalars = self[...].unicodeScalars
        guard let last = scalars.lastIndex(where: { !$0.properties.isWhitespace }) else { return self[..<startIndex] }
        return self[..<scalars.index(after: last)]
    }

    /// The words between white space, as Go's `strings.Fields`.
    package var words: [Substring] {
        var found: [Substring] = []
        var rest = trimmingLeadingSpace
        while !rest.isEmpty {
            let end = rest.unicodeScalars.firstIndex { $0.properties.isWhitespace } ?? rest.endIndex
            found.append(rest[..<end])
            rest = rest[end...].trimmingLeadingSpace
        }
        return found
    }
}

extension StringProtocol {
    /// Whether the text begins with the bytes of `prefix`, as Go's `strings.HasPrefix`.
    @inlinable package func hasBytePrefix(_ prefix: some StringProtocol) -> Bool { utf8.starts(with: prefix.utf8) }

    /// Whether the text ends with the bytes of `suffix`, as Go's `strings.HasSuffix`.
    @inlinable package func hasByteSuffix(_ suffix: some StringProtocol) -> Bool {
        utf8.count >= suffix.utf8.count && utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }
}

extension UInt8 {
    /// 0 to 9 and a to f in either case; Swift's `Character.isHexDigit` takes full-width ones too.
    @inlinable package var isASCIIHexDigit: Bool {
        (0x30...0x39).contains(self) || (0x61...0x66).contains(self) || (0x41...0x46).contains(self)
    }
}
