internal import ByteText
internal import Flags

/// The help texts, laid out as `docker` lays out its own.
enum Help {
    static func text(for command: Command, path: String) -> String {
        var text = String("Usage:  \(path) \(command.usage)".trimmingTrailingSpace) + "\n\n\(command.summary)\n"
        let visible = command.flags.filter { !$0.isHidden }.sorted { $0.name < $1.name }
        if !visible.isEmpty { text += "\nOptions:\n" + FlagTable.text(visible) }
        return text
    }

    static func text(forGroup entries: [CommandEntry], summary: String, path: String) -> String {
        "Usage:  \(path) COMMAND\n\n\(summary)\n\nCommands:\n" + commands(entries)
            + "\nRun '\(path) COMMAND --help' for more information on a command.\n"
    }

    static func overview(_ entries: [CommandEntry], flags: [Flag]) -> String {
        func isGroup(_ entry: CommandEntry) -> Bool { if case .group = entry.target { true } else { false } }
        return "Usage:  gantry [OPTIONS] COMMAND\n\nRuns containers; understands everything that docker users type.\n"
            + "\nManagement Commands:\n" + commands(entries.filter(isGroup))
            + "\nCommands:\n" + commands(entries.filter { !isGroup($0) })
            + "\nGlobal Options:\n" + FlagTable.text(flags)
            + "\nRun 'gantry COMMAND --help' for more information on a command.\n"
    }

    private static func commands(_ entries: [CommandEntry]) -> String {
        FlagTable.columns(entries.sorted { $0.name < $1.name }.map { ($0.name, $0.summary) }, indent: 2, gap: 2)
    }
}
