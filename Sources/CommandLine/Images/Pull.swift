internal import ByteText
internal import Flags
internal import JSON

/// `gantry pull`.
enum Pull {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS] NAME[:TAG|@DIGEST]", summary: "Download an image from a registry",
            flags: [
                Flag("all-tags", "a", .bool(), "Download all tagged images of the repository"),
                Flag("disable-content-trust", nil, .bool(true), "", isHidden: true),
                Flag("platform", nil, .string, "Platform, when the image has several"),
                Flag("quiet", "q", .bool(), "Print only the name of the image"),
            ], arity: .exactly(1)
        ) { call in
            let name = call.arguments[0]
            let all = call.flags.bool("all-tags")
            try Names.refuseEmptyTag(name)
            if all, Names.tag(of: name) != nil || name.contains(byte: "@") {
                throw CommandError("tag can't be used with --all-tags/-a")
            }
            if name.isEmpty || name.unicodeScalars.contains(where: \.properties.isWhitespace) {
                throw CommandError("invalid reference format")
            }
            let isQuiet = call.flags.bool("quiet")
            if !all, !isQuiet, Names.tag(of: name) == nil, !name.contains(byte: "@") {
                try Output.line("Using default tag: latest")
            }
            try Pulling.pull(
                name, platform: call.flags.string("platform"), allTags: all, session: call.session,
                output: isQuiet ? nil : 1)
            try Output.line(all ? Names.split(Names.canonical(name)).name : Names.canonical(name))
            return 0
        }
    }
}

/// Asking the daemon for an image and showing how it goes.
enum Pulling {
    /// `output` is the descriptor that progress goes to, or nil for none.
    static func pull(
        _ name: String, platform: String, allTags: Bool = false, session: ClientSession, output: Int32?
    ) throws(CommandError) {
        let (image, tag) = Names.split(name)
        var query: Client.Query = [("fromImage", image)]
        if !allTags { query.append(("tag", tag)) }
        if !platform.isEmpty { query.append(("platform", platform)) }
        let client = try session.client()
        let connection = try client.stream(
            "POST", "/images/create", query: query, headers: session.registryHeaders(for: name))
        var progress = ProgressDisplay(output: output)
        try progress.show(connection)
        client.keep(connection)
    }
}
