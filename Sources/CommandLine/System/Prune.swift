internal import Flags
internal import Glibc
internal import JSON

/// `container prune` and `image prune`.
enum Prune {
    static func containers() -> Command {
        Command(
            usage: "[OPTIONS]", summary: "Remove all stopped containers", flags: flags, arity: .none
        ) { call in
            guard try agreed(call, "This will remove all stopped containers.") else { return 0 }
            let answer = try call.client.post("/containers/prune", query: query(call, extra: []))
            let deleted = answer["ContainersDeleted"]?.arrayValue ?? []
            try report("Deleted Containers:", deleted.compactMap(\.stringValue), answer)
            return 0
        }
    }

    static func images() -> Command {
        Command(
            usage: "[OPTIONS]", summary: "Remove unused images",
            flags: [Flag("all", "a", .bool(), "Remove all unused images, not just dangling ones")] + flags, arity: .none
        ) { call in
            let all = call.flags.bool("all")
            let warning =
                all
                ? "This will remove all images without at least one container associated to them."
                : "This will remove all dangling images."
            guard try agreed(call, warning) else { return 0 }
            let answer = try call.client.post(
                "/images/prune", query: query(call, extra: ["dangling=\(all ? "false" : "true")"]))
            let lines = (answer["ImagesDeleted"]?.arrayValue ?? []).map { change in
                if let name = change["Untagged"]?.stringValue, !name.isEmpty { return "untagged: \(name)" }
                return "deleted: \(change["Deleted"]?.stringValue ?? "")"
            }
            try report("Deleted Images:", lines, answer)
            return 0
        }
    }

    private static var flags: [Flag] {
        [
            Flag("filter", nil, .list("filter", check: Filters.refusal), "Which ones, such as until=24h"),
            Flag("force", "f", .bool(), "Do not prompt for confirmation"),
        ]
    }

    private static func query(_ call: Invocation, extra: [String]) -> Client.Query {
        Filters.query(call.flags.list("filter") + extra).map { [("filters", $0)] } ?? []
    }

    private static func report(_ title: String, _ lines: [String], _ answer: JSON) throws(CommandError) {
        if !lines.isEmpty { try Output.write(title + "\n" + lines.map { $0 + "\n" }.joined() + "\n") }
        try Output.line("Total reclaimed space: \(Units.size(answer["SpaceReclaimed"]?.doubleValue ?? 0))")
    }

    private static func agreed(_ call: Invocation, _ warning: String) throws(CommandError) -> Bool {
        if call.flags.bool("force") { return true }
        try Output.write("WARNING! \(warning)\nAre you sure you want to continue? [y/N] ")
        let line = readLine() ?? ""
        return line == "y" || line == "Y"
    }
}
