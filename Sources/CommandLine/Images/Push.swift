internal import ByteText
internal import Flags
internal import JSON

/// `gantry push`.
enum Push {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS] NAME[:TAG]", summary: "Upload an image to a registry",
            flags: [
                Flag("all-tags", "a", .bool(), "Push all tags of an image to the repository"),
                Flag("disable-content-trust", nil, .bool(true), "", isHidden: true),
                Flag("platform", nil, .string, "Platform, when the image has several"),
                Flag("quiet", "q", .bool(), "Suppress verbose output"),
            ], arity: .exactly(1)
        ) { call in
            let name = call.arguments[0]
            let all = call.flags.bool("all-tags")
            let isQuiet = call.flags.bool("quiet")
            try Names.refuseEmptyTag(name)
            if all, Names.tag(of: name) != nil || name.contains(byte: "@") {
                throw CommandError("tag can't be used with --all-tags/-a")
            }
            if name.isEmpty || name.unicodeScalars.contains(where: \.properties.isWhitespace) {
                throw CommandError("invalid reference format")
            }
            let (image, tag) = Names.split(name)
            if !all, !isQuiet, Names.tag(of: name) == nil, !name.contains(byte: "@") {
                try Output.line("Using default tag: latest")
            }
            var query: Client.Query = []
            if !all { query.append(("tag", tag)) }
            let connection = try call.client.stream(
                "POST", "/images/\(Names.path(image))/push", query: query,
                headers: call.session.registryHeaders(for: name))
            var progress = ProgressDisplay(output: isQuiet ? nil : 1)
            try progress.show(connection)
            if isQuiet { try Output.line(all ? Names.split(Names.canonical(name)).name : Names.canonical(name)) }
            return 0
        }
    }
}
