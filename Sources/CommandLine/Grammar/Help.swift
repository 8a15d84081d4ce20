internal import ByteText

/// The help texts, laid out as `docker` lays out its own.
enum Help {
    static func text(for command: Command, path: String) -> String {
        var text = String("Usage:  \(path) \(command.usage)".trimmingTrailingSpace) + "\n\n\(command.summary)\n"
        let visible = command.flags.filter { !$0.isHidden }.sorted { $0.name < $1.name }
        if !visible.isEmpty { text += "\nOptions:\n" + options(visible) }
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
            + "\nGlobal Options:\n" + options(flags.filter { !$0.isHidden })
            + "\nRun 'gantry COMMAND --help' for more information on a command.\n"
    }

    private static func commands(_ entries: [CommandEntry]) -> String {
        let width = (entries.map(\.name.count).max() ?? 0) + 2
        return entries.sorted { $0.name < $1.name }
            .map { "  \(padded($0.name, to: width))\($0.summary)\n" }.joined()
    }

    private static func options(_ flags: [Flag]) -> String {
        let names = flags.map { flag in
            (flag.short.map { "  -\($0), " } ?? "      ") + "--\(flag.name)"
                + (flag.typeName.isEmpty ? "" : " \(flag.typeName)")
        }
        let width = (names.map(\.count).max() ?? 0) + 3
        return zip(names, flags).map { name, flag in
            var summary = flag.summary
            if case .bool(true) = flag.kind { summary += " (default true)" }
            return padded(name, to: width) + summary + "\n"
        }.joined()
    }
}

extension String {
    /// Without white space at either end.
    var trimmed: String {
        String(trimmingSpace)
    }
}

/// `text` filled with spaces to at least `width` characters.
func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}
