internal import JSON

/// Why words are no flags of a command.
package enum FlagError: Error, Equatable {
    /// `--=x`, `---x`.
    case badSyntax(String)
    /// No flag has this name. `word` is as it was typed, with its dashes; `near` a flag that has almost this name.
    case unknown(word: String, near: String?)
    /// No flag has this letter.
    case unknownShort(letter: Unicode.Scalar, word: String)
    /// The value is missing. `flag` is `--name`, or `'p' in -p`.
    case missingValue(flag: String)
    /// The value is refused. `flag` is as pflag calls it: `-m, --memory`.
    case badValue(String, name: String, flag: String, reason: String)

    /// In pflag's words, the first lines of what `docker` prints; the caller adds the usage.
    package var message: String {
        switch self {
        case .badSyntax(let word): "bad flag syntax: \(word)"
        case .unknown(let word, let near):
            "unknown flag: \(word)" + (near.map { "\n\ndid you mean --\($0)?" } ?? "")
        case .unknownShort(let letter, let word): "unknown shorthand flag: '\(letter)' in \(word)"
        case .missingValue(let flag): "flag needs an argument: \(flag)"
        case .badValue(let text, _, let flag, let reason):
            "invalid argument \(quoted(text)) for \"\(flag)\" flag: \(reason)"
        }
    }
}
