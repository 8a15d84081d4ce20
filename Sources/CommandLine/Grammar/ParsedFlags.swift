internal import ByteText

/// The values that stood behind a command's flags, and the words that were no flags.
package struct ParsedFlags: Sendable {
    private(set) var values: [String: [String]] = [:]
    package private(set) var arguments: [String] = []
    package private(set) var wantsHelp = false
    private var defaults: [String: Bool] = [:]

    init() {}

    /// Reads `words` by the rules of pflag: `--name=x`, `--name x`, `-n x`, `-nx`, `-n=x`, `-it`, `--rm=false`, `--`.
    ///
    /// With `interspersed` false everything from the first word that is no flag belongs to `arguments`.
    /// The error's message is the first line of what is printed; the caller adds the usage.
    package init(_ words: some Sequence<String>, flags: [Flag], interspersed: Bool) throws(CommandError) {
        for flag in flags {
            if case .bool(true) = flag.kind { defaults[flag.canonical] = true }
        }
        var rest = Array(words)[...]
        while let word = rest.popFirst() {
            if word == "--" {
                arguments += rest
                return
            } else if word.hasBytePrefix("--") {
                try takeLong(word.dropFirst(2), flags, &rest)
            } else if word.hasBytePrefix("-"), word.count > 1 {
                try takeShort(word.dropFirst(), flags, &rest)
            } else {
                arguments.append(word)
                if !interspersed {
                    arguments += rest
                    return
                }
            }
            if wantsHelp { return }
        }
    }

    private mutating func takeLong(
        _ body: Substring, _ flags: [Flag], _ rest: inout ArraySlice<String>
    ) throws(CommandError) {
        let parts = body.split(byte: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        if name.isEmpty || name.hasBytePrefix("-") {
            throw CommandError("bad flag syntax: --\(body)", status: 125)
        }
        guard let flag = flags.first(where: { $0.name == name }) else {
            if name == "help" {
                wantsHelp = true
                return
            }
            let near = nearest(to: name, among: flags.lazy.filter { !$0.isHidden }.map(\.name))
            let hint = near.map { "\n\ndid you mean --\($0)?" } ?? ""
            throw CommandError("unknown flag: --\(name)\(hint)", status: 125)
        }
        if parts.count == 2 {
            try store(String(parts[1]), flag)
        } else if flag.isBool {
            try store("true", flag)
        } else if let value = rest.popFirst() {
            try store(value, flag)
        } else {
            throw CommandError("flag needs an argument: --\(name)", status: 125)
        }
    }

    private mutating func takeShort(
        _ cluster: Substring, _ flags: [Flag], _ rest: inout ArraySlice<String>
    ) throws(CommandError) {
        var letters = cluster
        while let letter = letters.popFirst() {
            guard let flag = flags.first(where: { $0.short == letter }) else {
                if letter == "h" {
                    wantsHelp = true
                    return
                }
                throw CommandError("unknown shorthand flag: '\(letter)' in -\(cluster)", status: 125)
            }
            if letters.first == "=" {
                return try store(String(letters.dropFirst()), flag)
            } else if flag.isBool {
                try store("true", flag)
            } else if !letters.isEmpty {
                return try store(String(letters), flag)
            } else if let value = rest.popFirst() {
                return try store(value, flag)
            } else {
                throw CommandError("flag needs an argument: '\(letter)' in -\(cluster)", status: 125)
            }
        }
    }

    private mutating func store(_ text: String, _ flag: Flag) throws(CommandError) {
        if let refusal = flag.refusal(of: text) { throw CommandError(refusal, status: 125) }
        if case .list = flag.kind {
            values[flag.canonical, default: []].append(text)
        } else {
            values[flag.canonical] = [text]
        }
    }

    /// Whether the flag stood on the command line.
    package func isSet(_ name: String) -> Bool { values[name] != nil }

    package func bool(_ name: String) -> Bool {
        values[name]?.last.flatMap(Flag.bool) ?? defaults[name] ?? false
    }

    /// The last value, or "" when the flag was not given.
    package func string(_ name: String) -> String { values[name]?.last ?? "" }

    func optional(_ name: String) -> String? { values[name]?.last }

    package func int(_ name: String) -> Int64? { values[name]?.last.flatMap { Int64($0) } }

    package func list(_ name: String) -> [String] { values[name] ?? [] }
}
