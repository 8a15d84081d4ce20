/// Text from images, registries, containers and daemons on its way to a terminal, which would obey the control characters in it:
/// change its title, hide what stands before, or type for its user.
package enum TerminalText {
    /// `text` with control characters written as JSON writes them (`\u001b`), so that a document stays one.
    ///
    /// - Parameter keepsLines: whether line feeds and tabs stay; in a cell of a table and in a line of a log they would make
    ///   another.
    package static func escaped(_ text: String, keepsLines: Bool = true) -> String {
        // Nearly always there is nothing to do.
        guard text.utf8.contains(where: { $0 < 0x20 || $0 >= 0x7F }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if isHarmful(scalar), !(keepsLines && (scalar == "\n" || scalar == "\t")) {
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// C0, DEL, C1 (U+009B begins a sequence as ESC [ does), line separators, and what turns the direction of text around.
    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x61C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
