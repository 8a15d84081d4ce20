internal import Flags
internal import Runtime

/// A command's parsed words. Like runc, accepts one dash in place of two.
struct Options {
    private let grammar: Grammar
    private let flags: ParsedFlags

    init(_ words: [String], _ grammar: Grammar) throws(LaunchFailure) {
        self.grammar = grammar
        do throws(FlagError) {
            flags = try ParsedFlags(
                words, flags: grammar.flags, interspersed: !grammar.endsAtFirstWord, syntax: .goFlag)
        } catch {
            throw Self.failure(error, grammar)
        }
        let isRight = grammar.arguments.contains(rest.count) || (grammar.endsAtFirstWord && !rest.isEmpty)
        guard isRight || has("help") else { throw wrongCount }
    }

    private static func failure(_ error: FlagError, _ grammar: Grammar) -> LaunchFailure {
        switch error {
        case .unknown(let word, _):
            LaunchFailure("flag provided but not defined: \(word); see gantry-runtime \(grammar.name) --help")
        case .badValue(let text, let name, _, _):
            LaunchFailure("invalid boolean value \"\(text)\" for flag --\(name)")
        case .badSyntax, .unknownShort, .missingValue: LaunchFailure(error.message)
        }
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

    /// The positional arguments.
    var rest: [String] { flags.arguments }

    /// The last value of a flag.
    func value(_ name: String) -> String? { flags.optional(name) }

    func all(_ name: String) -> [String] { flags.list(name) }

    func has(_ name: String) -> Bool { flags.bool(name) }

    func number(_ name: String) throws(LaunchFailure) -> Int? {
        guard let text = value(name) else { return nil }
        guard let number = Int(text) else { throw LaunchFailure("invalid value \"\(text)\" for flag --\(name)") }
        return number
    }

    /// The container's id, the first positional argument.
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
