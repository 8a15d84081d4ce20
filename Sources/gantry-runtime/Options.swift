internal import ByteText
internal import Runtime

/// A command line in runc's manner: `--name value`, `--name=value`, `-n value`; one dash is as good as two.
struct Options {
    private let grammar: Grammar
    /// By the flags' first names, in the order of the command line.
    private var names: [String] = []
    private var values: [String] = []
    private(set) var rest: [String] = []

    init(_ words: [String], _ grammar: Grammar) throws(LaunchFailure) {
        self.grammar = grammar
        var index = 0
        while index < words.count {
            let word = words[index]
            index += 1
            guard word.hasBytePrefix("-"), word != "-" else {
                rest.append(word)
                if grammar.endsAtFirstWord {
                    rest += words[index...]
                    break
                }
                continue
            }
            if word == "--" {
                rest += words[index...]
                break
            }
            let body = word.hasBytePrefix("--") ? word.dropFirst(bytes: 2) : word.dropFirst(bytes: 1)
            let parts = body.split(byte: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let flag = grammar.flag(parts[0]), let key = flag.names.first else {
                throw LaunchFailure("flag provided but not defined: \(word); see gantry-runtime \(grammar.name) --help")
            }
            if flag.value == nil {
                let value = parts.count > 1 ? String(parts[1]) : "true"
                guard let isOn = Self.truth(value) else {
                    throw LaunchFailure("invalid boolean value \"\(value)\" for flag --\(key)")
                }
                values.append(isOn ? "true" : "false")
            } else if parts.count > 1 {
                values.append(String(parts[1]))
            } else {
                guard index < words.count else { throw LaunchFailure("flag needs an argument: --\(key)") }
                values.append(words[index])
                index += 1
            }
            names.append(key)
        }
        let isRight = grammar.arguments.contains(rest.count) || (grammar.endsAtFirstWord && !rest.isEmpty)
        guard isRight || has("help") else { throw wrongCount }
    }

    private var wrongCount: LaunchFailure {
        let count = grammar.arguments.lowerBound
        let rule =
            grammar.arguments.upperBound == count
            ? "exactly \(count)"
            : rest.count < count ? "a minimum of \(count)" : "a maximum of \(grammar.arguments.upperBound)"
        return LaunchFailure(
            "\"\(grammar.name)\" requires \(rule) argument(s), not \(rest.count); "
                + "see gantry-runtime \(grammar.name) --help")
    }

    /// What Go's ParseBool takes, as runc's users may have written it.
    private static func truth(_ text: String) -> Bool? {
        if ["1", "t", "T", "true", "True", "TRUE"].contains(text) { return true }
        return ["0", "f", "F", "false", "False", "FALSE"].contains(text) ? false : nil
    }

    /// The last value of a flag, by its first name.
    func value(_ name: String) -> String? { names.lastIndex(of: name).map { values[$0] } }

    func all(_ name: String) -> [String] { names.indices.filter { names[$0] == name }.map { values[$0] } }

    func has(_ name: String) -> Bool { value(name) == "true" }

    func number(_ name: String) throws(LaunchFailure) -> Int? {
        guard let text = value(name) else { return nil }
        guard let number = Int(text) else { throw LaunchFailure("invalid value \"\(text)\" for flag --\(name)") }
        return number
    }

    /// The container's name, the first plain word.
    func identifier() throws(LaunchFailure) -> String {
        let id = rest.first ?? ""
        let plain = id.utf8.allSatisfy { byte in
            (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
                || byte == 0x2b || byte == 0x2d || byte == 0x2e || byte == 0x5f
        }
        guard plain, !id.isEmpty, id != ".", id != "..", id.utf8.count <= 1024 else {
            throw LaunchFailure("invalid container ID \"\(id)\": only letters, digits and _ + - . are allowed")
        }
        return id
    }
}
