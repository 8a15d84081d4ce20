internal import Flags

/// What a command takes, from which its words are read and its help is written.
struct Grammar {
    var name: String
    var summary: String
    var usage: String
    var flags: [Flag]
    /// How many plain words.
    var arguments: ClosedRange<Int>
    /// Everything behind the first plain word belongs to somebody else: the program of `exec`, the options of ps.
    var endsAtFirstWord = false

    /// The help text; `commands` are listed in front of the flags.
    func help(commands: [(String, String)] = []) -> String {
        let title = name.isEmpty ? "gantry-runtime" : "gantry-runtime \(name)"
        var text = "NAME:\n   \(title) - \(summary)\n\nUSAGE:\n   gantry-runtime \(usage)\n"
        if !commands.isEmpty { text += "\nCOMMANDS:\n" + FlagTable.columns(commands, indent: 3, gap: 2) }
        if !flags.isEmpty { text += "\nOPTIONS:\n" + FlagTable.text(flags, syntax: .goFlag) }
        return text
    }
}

extension Flag {
    /// Stands alone.
    static func toggle(
        _ name: String, _ short: Unicode.Scalar? = nil, help: String = "", isShown: Bool = true
    ) -> Flag {
        Flag(name, short, .bool(), help, isHidden: !isShown)
    }

    /// Takes the next word, or what stands behind `=`.
    static func valued(
        _ name: String, _ short: Unicode.Scalar? = nil, help: String = "", isShown: Bool = true
    ) -> Flag {
        Flag(name, short, .list("value"), help, isHidden: !isShown)
    }
}
