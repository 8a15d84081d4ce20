/// Which of Go's two flag libraries a program's users know.
package enum FlagSyntax: Sendable {
    /// `docker` and `dockerd`: `--name=x`, `--name x`, `-n x`, `-nx`, `-n=x`, `-it`, `--rm=false`.
    case pflag
    /// `runc`: one dash is as good as two, and letters do not stand together.
    case goFlag
}

/// The values that stood behind a command's flags, and the words that were no flags.
package struct ParsedFlags: Sendable {
    /// By the flags' canonical names, in the order of the command line.
    private var found: [(name: String, value: String)] = []
    private var onByDefault: [String] = []
    package private(set) var arguments: [String] = []
    /// `--help` or `-h` stood there and is no flag of the table.
    package private(set) var wantsHelp = false

    /// Reads `words`. `--` ends the flags; with `interspersed` false the first word that is no flag ends them too.
    package init(
        _ words: some Sequence<String>, flags: [Flag], interspersed: Bool, syntax: FlagSyntax = .pflag
    ) throws(FlagError) {
        for flag in flags {
            if case .bool(true) = flag.kind { onByDefault.append(flag.canonical) }
        }
        var rest = Array(words)[...]
        while let word = rest.popFirst() {
            // Bytes, as Go has them: a combining mark behind a dash or an equals sign does not hide it.
            let dashes = word.utf8.prefix(2).prefix { $0 == UInt8(ascii: "-") }.count
            if dashes == 2, word.utf8.count == 2 {
                arguments += rest
                return
            } else if dashes == 2 || dashes == 1 && word.utf8.count > 1 && syntax == .goFlag {
                try takeLong(word, dashes, flags, syntax, &rest)
            } else if dashes == 1, word.utf8.count > 1 {
                try takeShort(word, flags, &rest)
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
        _ word: String, _ dashes: Int, _ flags: [Flag], _ syntax: FlagSyntax, _ rest: inout ArraySlice<String>
    ) throws(FlagError) {
        let body = word.utf8.dropFirst(dashes)
        let equals = body.firstIndex(of: UInt8(ascii: "="))
        let name = String(decoding: body[..<(equals ?? body.endIndex)], as: UTF8.self)
        if syntax == .pflag, name.isEmpty || name.utf8.first == UInt8(ascii: "-") { throw .badSyntax(word) }
        guard let flag = flags.first(where: { $0.isCalled(name, syntax) }) else {
            if name == "help" {
                wantsHelp = true
                return
            }
            if syntax == .goFlag { throw .unknown(word: word, near: nil) }
            let near = nearest(to: name, among: flags.lazy.filter { !$0.isHidden }.map(\.name))
            throw .unknown(word: "--" + name, near: near)
        }
        if let equals {
            try store(String(decoding: body[body.index(after: equals)...], as: UTF8.self), flag)
        } else if flag.isBool {
            try store("true", flag)
        } else if let value = rest.popFirst() {
            try store(value, flag)
        } else {
            throw .missingValue(flag: "--" + flag.name)
        }
    }

    private mutating func takeShort(
        _ word: String, _ flags: [Flag], _ rest: inout ArraySlice<String>
    ) throws(FlagError) {
        var letters = word.unicodeScalars.dropFirst()
        while let letter = letters.first {
            // As pflag: without the letters that were understood.
            let word = "-" + String(letters)
            letters.removeFirst()
            guard let flag = flags.first(where: { $0.short == letter }) else {
                if letter == "h" {
                    wantsHelp = true
                    return
                }
                throw .unknownShort(letter: letter, word: word)
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
                throw .missingValue(flag: "'\(letter)' in \(word)")
            }
        }
    }

    private mutating func store(_ text: String, _ flag: Flag) throws(FlagError) {
        if let reason = flag.refusal(of: text) {
            throw .badValue(text, name: flag.name, flag: flag.display, reason: reason)
        }
        found.append((flag.canonical, text))
    }

    /// Whether the flag stood on the command line.
    package func isSet(_ name: String) -> Bool { found.contains { $0.name == name } }

    package func bool(_ name: String) -> Bool {
        optional(name).flatMap(Flag.bool) ?? onByDefault.contains(name)
    }

    /// The last value, or "" when the flag was not given.
    package func string(_ name: String) -> String { optional(name) ?? "" }

    /// The last value.
    package func optional(_ name: String) -> String? { found.last { $0.name == name }?.value }

    package func int(_ name: String) -> Int64? { optional(name).flatMap { Int64($0) } }

    /// Every value, in the order of the command line.
    package func list(_ name: String) -> [String] { found.compactMap { $0.name == name ? $0.value : nil } }
}

extension Flag {
    fileprivate func isCalled(_ name: String, _ syntax: FlagSyntax) -> Bool {
        self.name == name || syntax == .goFlag && short.map { String($0) == name } ?? false
    }
}
