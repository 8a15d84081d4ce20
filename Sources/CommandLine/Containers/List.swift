internal import Flags
internal import JSON

/// `gantry ps`.
enum List {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS]", summary: "List containers",
            flags: [
                Flag("all", "a", .bool(), "Show all containers (default shows just running)"),
                Flag(
                    "filter", "f", .list("filter", check: Filters.refusal), "Filter output based on conditions provided"
                ),
                Flag("format", nil, .string, "Format output: table, json or a Go template"),
                Flag("last", "n", .int, "Show the last n created containers, whatever their state (default -1)"),
                Flag("latest", "l", .bool(), "Show the latest created container, whatever its state"),
                Flag("no-trunc", nil, .bool(), "Don't truncate output"),
                Flag("quiet", "q", .bool(), "Only display container IDs"),
                Flag("size", "s", .bool(), "Display total file sizes"),
            ], arity: .none, run: run)
    }

    private static func run(_ call: Invocation) throws -> Int32 {
        let flags = call.flags
        var last = flags.int("last") ?? -1
        if flags.bool("latest"), !flags.isSet("last") { last = 1 }
        let format = flags.string("format")
        // Sizes cost a walk over files: they are asked for when they are shown.
        let showsSize =
            flags.bool("size") || format.contains(".Size") || format.contains("json .}") || format.contains("json . ")
        var query: Client.Query = []
        if flags.bool("all") { query.append(("all", "1")) }
        if last > 0 { query.append(("limit", String(last))) }
        if showsSize { query.append(("size", "1")) }
        if let filters = Filters.query(flags.list("filter")) { query.append(("filters", filters)) }
        let containers = try call.client.get("/containers/json", query: query).arrayValue ?? []
        let rows = containers.map { ContainerRow($0, isTruncated: !flags.bool("no-trunc")).data }
        let listing = ContainerRow.listing(showsSize: flags.bool("size"))
        try Output.write(listing.text(rows, format: format, isQuiet: flags.bool("quiet")))
        return 0
    }
}
