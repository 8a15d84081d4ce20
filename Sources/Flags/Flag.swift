internal import JSON

/// One flag of a command, from which words are read and help is written.
package struct Flag: Sendable {
    /// What may stand behind the flag. The name is shown in help texts.
    package enum Kind: Sendable {
        /// `--rm`, `--rm=false`; holds the default.
        case bool(Bool = false)
        case string
        case int
        /// May be repeated; each value is checked by `check`, which returns why it is refused.
        case list(_ name: String = "list", check: (@Sendable (String) -> String?)? = nil)
        /// One value with a check.
        case value(_ name: String, check: @Sendable (String) -> String?)
    }

    package let name: String
    package let short: Unicode.Scalar?
    package let kind: Kind
    package let summary: String
    package let isHidden: Bool
    /// Under which name the values are kept: `net` is kept as `network`.
    let canonical: String

    package init(
        _ name: String, _ short: Unicode.Scalar? = nil, _ kind: Kind, _ summary: String, isHidden: Bool = false,
        canonical: String? = nil
    ) {
        self.name = name
        self.short = short
        self.kind = kind
        self.summary = summary
        self.isHidden = isHidden
        self.canonical = canonical ?? name
    }

    /// `-m, --memory` or `--name`, as error messages call it.
    var display: String { short.map { "-\($0), --\(name)" } ?? "--\(name)" }

    package var isBool: Bool { if case .bool = kind { true } else { false } }

    /// Why `text` cannot be the value, in pflag's words, or nil when it can.
    func refusal(of text: String) -> String? {
        switch kind {
        case .bool: Flag.bool(text) == nil ? "strconv.ParseBool: parsing \(quoted(text)): invalid syntax" : nil
        case .int: Int64(text) == nil ? "strconv.ParseInt: parsing \(quoted(text)): invalid syntax" : nil
        case .string: nil
        case .list(_, let check): check.flatMap { $0(text) }
        case .value(_, let check): check(text)
        }
    }

    /// What Go's strconv.ParseBool takes.
    package static func bool(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "TRUE", "true", "True": true
        case "0", "f", "F", "FALSE", "false", "False": false
        default: nil
        }
    }

    /// What help texts call the value; empty for a flag that stands alone.
    var valueName: String {
        switch kind {
        case .bool: ""
        case .string: "string"
        case .int: "int"
        case .list(let name, _): name
        case .value(let name, _): name
        }
    }
}
