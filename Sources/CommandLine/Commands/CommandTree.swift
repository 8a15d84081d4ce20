/// All commands by name. Nothing but the command that is run is built.
enum CommandTree {
    static var entries: [CommandEntry] {
        containers + [
            CommandEntry("version", Version.command),
            CommandEntry("container", group: "Manage containers", containers),
        ]
    }

    private static var containers: [CommandEntry] {
        [
            CommandEntry("run", Run.command),
            CommandEntry("ps", List.command),
            CommandEntry("logs", Logs.command),
        ]
    }
}
