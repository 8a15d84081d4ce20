internal import Flags

/// The words a command accepts; used for parsing and for the help text.
struct Grammar {
    var name: String
    var summary: String
    var usage: String
    var flags: [Flag]
    /// The number of positional arguments.
    var arguments: ClosedRange<Int>
    /// The first positional argument ends the flags: the rest belongs to the program of `exec` or to ps.
    var endsAtFirstWord = false

    /// The help text; `commands` are listed before the flags.
    func help(commands: [(String, String)] = []) -> String {
        let title = name.isEmpty ? "gantry-runtime" : "gantry-runtime \(name)"
        var text = "NAME:\n   \(title) - \(summary)\n\nUSAGE:\n   gantry-runtime \(usage)\n"
        if !commands.isEmpty { text += "\nCOMMANDS:\n" + FlagTable.columns(commands, indent: 3, gap: 2) }
        if !flags.isEmpty { text += "\nOPTIONS:\n" + FlagTable.text(flags, syntax: .goFlag) }
        return text
    }
}

extension Flag {
    /// A flag without a value.
    static func toggle(
        _ name: String, _ short: Unicode.Scalar? = nil, help: String = "", isShown: Bool = true
    ) -> Flag {
        Flag(name, short, .bool(), help, isHidden: !isShown)
    }

    /// A flag whose value is the next word or follows `=`.
    static func valued(
        _ name: String, _ short: Unicode.Scalar? = nil, help: String = "", isShown: Bool = true
    ) -> Flag {
        Flag(name, short, .list("value"), help, isHidden: !isShown)
    }
}
