/// All commands by name. Nothing but the command that is run is built.
enum CommandTree {
    static var entries: [CommandEntry] {
        containers + [
            CommandEntry("ps", List.command),
            CommandEntry("images", Images.command),
            CommandEntry("pull", Pull.command),
            CommandEntry("push", Push.command),
            CommandEntry("search", Search.command),
            CommandEntry("login", Login.command),
            CommandEntry("logout", Login.logout),
            CommandEntry("import", ImageChanges.importing),
            CommandEntry("save", ImageArchives.save),
            CommandEntry("load", ImageArchives.load),
            CommandEntry("rmi", ImageChanges.remove),
            CommandEntry("tag", ImageChanges.tag),
            CommandEntry("history", ImageChanges.history),
            CommandEntry("inspect", Inspect.command),
            CommandEntry("events", Events.command),
            CommandEntry("info", SystemCommands.info),
            CommandEntry("version", Version.command),
            CommandEntry(
                "container", group: "Manage containers",
                containers + [
                    CommandEntry("ls", aliases: ["ps", "list"], List.command),
                    CommandEntry("inspect", Inspect.container),
                    CommandEntry("prune", Prune.containers),
                ]),
            CommandEntry(
                "image", group: "Manage images",
                [
                    CommandEntry("ls", aliases: ["list"], Images.command),
                    CommandEntry("rm", aliases: ["remove"], ImageChanges.remove),
                    CommandEntry("inspect", Inspect.image),
                    CommandEntry("pull", Pull.command),
                    CommandEntry("push", Push.command),
                    CommandEntry("tag", ImageChanges.tag),
                    CommandEntry("import", ImageChanges.importing),
                    CommandEntry("save", ImageArchives.save),
                    CommandEntry("load", ImageArchives.load),
                    CommandEntry("history", ImageChanges.history),
                    CommandEntry("prune", Prune.images),
                ]),
            CommandEntry("manifest", group: "Manage image manifests and manifest lists", ManifestCommands.commands),
            CommandEntry(
                "network", group: "Manage networks",
                [
                    CommandEntry("ls", aliases: ["list"], Networks.list),
                    CommandEntry("inspect", Inspect.network),
                ]),
            CommandEntry(
                "system", group: "Manage the daemon",
                [
                    CommandEntry("info", SystemCommands.info),
                    CommandEntry("events", Events.command),
                    CommandEntry("df", SystemCommands.diskUsage),
                ]),
        ]
    }

    /// The commands that stand at the top and below `container` alike.
    private static var containers: [CommandEntry] {
        [
            CommandEntry("run", Run.command),
            CommandEntry("create", Create.command),
            CommandEntry("start", Start.command),
            CommandEntry("stop", Lifecycle.stop),
            CommandEntry("kill", Lifecycle.kill),
            CommandEntry("restart", Lifecycle.restart),
            CommandEntry("rm", aliases: ["remove"], Lifecycle.remove),
            CommandEntry("logs", Logs.command),
            CommandEntry("exec", Exec.command),
            CommandEntry("attach", Attach.command),
            CommandEntry("wait", Lifecycle.wait),
            CommandEntry("top", Top.command),
            CommandEntry("port", Top.port),
            CommandEntry("pause", Lifecycle.pause),
            CommandEntry("unpause", Lifecycle.unpause),
            CommandEntry("rename", Lifecycle.rename),
            CommandEntry("update", Lifecycle.update),
            CommandEntry("diff", ContainerArchives.diff),
            CommandEntry("export", ContainerArchives.export),
            CommandEntry("commit", ContainerArchives.commit),
        ]
    }
}
