internal import Flags

/// A command: what may be typed behind its name, and what then happens.
struct Command {
    /// How many words may follow the flags.
    enum Arity {
        case none
        case exactly(Int)
        case atLeast(Int)
        case atMost(Int)
        case between(Int, Int)
    }

    /// What follows the name in the usage line: `[OPTIONS] IMAGE [COMMAND] [ARG...]`.
    var usage: String
    var summary: String
    var flags: [Flag] = []
    var arity: Arity
    /// Whether flags may follow the first argument; false where the rest belongs to a container.
    var interspersed = true
    /// Returns the exit status.
    var run: (Invocation) throws -> Int32
}

/// A name in the tree of commands.
struct CommandEntry {
    enum Target {
        case command(() -> Command)
        case group(summary: String, [CommandEntry])
    }

    var name: String
    var aliases: [String]
    var target: Target

    init(_ name: String, aliases: [String] = [], _ command: @escaping () -> Command) {
        self.name = name
        self.aliases = aliases
        target = .command(command)
    }

    init(_ name: String, group summary: String, _ entries: [CommandEntry]) {
        self.name = name
        aliases = []
        target = .group(summary: summary, entries)
    }

    func answers(to word: String) -> Bool { name == word || aliases.contains(word) }

    var summary: String {
        switch target {
        case .command(let make): make().summary
        case .group(let summary, _): summary
        }
    }
}

/// One call of a command: its flags, its arguments and the way to the daemon.
struct Invocation {
    /// The words that named the command: `gantry container run`.
    var path: String
    var flags: ParsedFlags
    var session: ClientSession

    var arguments: [String] { flags.arguments }

    /// The client of the daemon; connects when first asked something.
    var client: Client {
        get throws { try session.client() }
    }

    /// `message` as the errors of run and create are printed, with the way to the help text.
    func withHelp(_ message: String) -> String {
        "gantry: \(message)\n\nRun '\(path) --help' for more information"
    }
}

extension Command.Arity {
    /// The complaint about `count` arguments, or nil when that many are fine.
    func complaint(_ count: Int) -> String? {
        func plural(_ number: Int) -> String { number == 1 ? "1 argument" : "\(number) arguments" }
        switch self {
        case .none: return count == 0 ? nil : "accepts no arguments"
        case .exactly(let number): return count == number ? nil : "requires \(plural(number))"
        case .atLeast(let number): return count >= number ? nil : "requires at least \(plural(number))"
        case .atMost(let number): return count <= number ? nil : "requires at most \(plural(number))"
        case .between(let least, let most):
            return (least...most).contains(count) ? nil : "requires at least \(least) and at most \(plural(most))"
        }
    }
}
