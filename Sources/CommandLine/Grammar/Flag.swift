/// One flag of a command, in the grammar that `docker` users type (that of the pflag library).
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

    let name: String
    let short: Character?
    let kind: Kind
    let summary: String
    let isHidden: Bool
    /// Under which name the values are kept: `net` is kept as `network`.
    let canonical: String

    package init(
        _ name: String, _ short: Character? = nil, _ kind: Kind, _ summary: String, isHidden: Bool = false,
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

    var isBool: Bool { if case .bool = kind { true } else { false } }

    /// Why `text` cannot be the value, in pflag's words, or nil when it can.
    func refusal(of text: String) -> String? {
        let reason: String?
        switch kind {
        case .bool:
            reason = Flag.bool(text) == nil ? "strconv.ParseBool: parsing \(quoted(text)): invalid syntax" : nil
        case .int:
            reason = Int64(text) == nil ? "strconv.ParseInt: parsing \(quoted(text)): invalid syntax" : nil
        case .string: reason = nil
        case .list(_, let check): reason = check.flatMap { $0(text) }
        case .value(_, let check): reason = check(text)
        }
        return reason.map { "invalid argument \(quoted(text)) for \"\(display)\" flag: \($0)" }
    }

    /// What Go's strconv.ParseBool takes.
    static func bool(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "TRUE", "true", "True": true
        case "0", "f", "F", "FALSE", "false", "False": false
        default: nil
        }
    }

    var typeName: String {
        switch kind {
        case .bool: ""
        case .string: "string"
        case .int: "int"
        case .list(let name, _): name
        case .value(let name, _): name
        }
    }
}

/// `text` in double quotes, escaped as Go's %q does for what people type.
func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        case "\r": result += "\\r"
        case _ where scalar.value < 0x20 || scalar.value == 0x7f:
            let digits = String(scalar.value, radix: 16)
            result += "\\x" + (digits.count < 2 ? "0" : "") + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
