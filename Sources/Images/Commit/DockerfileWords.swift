internal import ByteText

/// The words of a Dockerfile line and the variables in them, as Docker's parser and its `shell.Lex` read them.
enum DockerfileWords {
    /// Words between white space; quotes and backslashes hold a word together and stay in it.
    static func split(_ text: String) -> [String] {
        var words: [String] = []
        var word = String.UnicodeScalarView()
        var quote: Unicode.Scalar?
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if isEscaped {
                isEscaped = false
            } else if scalar == "\\", quote != "'" {
                isEscaped = true
            } else if let open = quote {
                if scalar == open { quote = nil }
            } else if scalar == "'" || scalar == "\"" {
                quote = scalar
            } else if scalar.properties.isWhitespace {
                if !word.isEmpty { words.append(String(word)) }
                word = String.UnicodeScalarView()
                continue
            }
            word.append(scalar)
        }
        if !word.isEmpty { words.append(String(word)) }
        return words
    }

    /// The word without its quotes and backslashes, and with `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}` replaced:
    /// not between single quotes.
    static func expand(_ word: String, _ environment: [String]) throws(ImageError) -> String {
        var lexer = Lexer(rest: Array(word.unicodeScalars)[...], word: word, environment: environment)
        return try lexer.text(until: nil)
    }

    private struct Lexer {
        var rest: ArraySlice<Unicode.Scalar>
        let word: String
        let environment: [String]

        /// Nesting is bounded: each level is a call.
        private var depth = 0

        init(rest: ArraySlice<Unicode.Scalar>, word: String, environment: [String]) {
            (self.rest, self.word, self.environment) = (rest, word, environment)
        }

        mutating func text(until end: Unicode.Scalar?) throws(ImageError) -> String {
            var result = String.UnicodeScalarView()
            var isQuoted = false
            while let scalar = rest.popFirst() {
                if scalar == end, !isQuoted { return String(result) }
                switch scalar {
                case "'" where !isQuoted:
                    while let inner = rest.popFirst(), inner != "'" { result.append(inner) }
                case "\"": isQuoted.toggle()
                case "\\":
                    guard let next = rest.popFirst() else { break }
                    // Between double quotes a backslash is one unless it has something to hold back.
                    if isQuoted, next != "\"", next != "$", next != "\\" { result.append(scalar) }
                    result.append(next)
                case "$": result.append(contentsOf: try variable().unicodeScalars)
                default: result.append(scalar)
                }
            }
            if end != nil { throw .invalidArgument("failed to process \"\(word)\": syntax error: missing '}'") }
            return String(result)
        }

        private mutating func variable() throws(ImageError) -> String {
            guard rest.first == "{" else {
                let name = name()
                return name.isEmpty ? "$" : value(name) ?? ""
            }
            rest.removeFirst()
            depth += 1
            defer { depth -= 1 }
            let name = name()
            guard !name.isEmpty, depth < 100 else {
                throw .invalidArgument("failed to process \"\(word)\": bad substitution")
            }
            let found = value(name)
            var sign = rest.popFirst()
            if sign == "}" { return found ?? "" }
            let countsEmpty = sign == ":"
            if countsEmpty { sign = rest.popFirst() }
            let isSet = countsEmpty ? !(found ?? "").isEmpty : found != nil
            switch sign {
            case "-":
                let other = try text(until: "}")
                return isSet ? found ?? "" : other
            case "+":
                let other = try text(until: "}")
                return isSet ? other : ""
            case "?":
                let reason = try text(until: "}")
                if isSet { return found ?? "" }
                throw .invalidArgument(
                    "failed to process \"\(word)\": \(name): \(reason.isEmpty ? "not allowed to be unset" : reason)")
            default:
                throw .invalidArgument("failed to process \"\(word)\": unsupported modifier in substitution")
            }
        }

        private mutating func name() -> String {
            var name = String.UnicodeScalarView()
            while let next = rest.first, next == "_" || next.isASCII && next.properties.isAlphabetic || isDigit(next) {
                name.append(next)
                rest.removeFirst()
                // `$1x` is the variable 1.
                if name.count == 1, isDigit(next) { break }
            }
            return String(name)
        }

        private func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

        private func value(_ name: String) -> String? {
            environment.last { $0.hasBytePrefix(name + "=") }?.dropping(prefix: name + "=").map { String($0) }
        }
    }
}
