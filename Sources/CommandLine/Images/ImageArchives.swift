internal import Flags

/// `save` and `load`.
enum ImageArchives {
    static func save() -> Command {
        Command(
            usage: "[OPTIONS] IMAGE [IMAGE...]",
            summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
            flags: [
                Flag("output", "o", .string, "Write to a file, instead of STDOUT"),
                Flag("platform", nil, .string, "Save only the given platform variant"),
            ], arity: .atLeast(1)
        ) { call in
            var query: Client.Query = call.arguments.map { ("names", $0) }
            if call.flags.isSet("platform") { query.append(("platform", call.flags.string("platform"))) }
            try ArchiveOutput.write(to: call.flags.string("output"), what: "save image") { () throws(CommandError) in
                try call.session.client().stream("GET", "/images/get", query: query)
            }
            return 0
        }
    }

    static func load() -> Command {
        Command(
            usage: "[OPTIONS]", summary: "Load an image from a tar archive or STDIN",
            flags: [
                Flag("input", "i", .string, "Read from tar archive file, instead of STDIN"),
                Flag("platform", nil, .string, "Load only the given platform variant"),
                Flag("quiet", "q", .bool(), "Suppress the load output"),
            ], arity: .none
        ) { call in
            let source = call.flags.string("input")
            if source.isEmpty, Output.isTerminal(0) {
                throw CommandError("requested load from stdin, but stdin is empty")
            }
            // Without a terminal nobody watches layers go by.
            let isQuiet = call.flags.bool("quiet") || !Output.isTerminal(1)
            var query: Client.Query = [("quiet", isQuiet ? "1" : "0")]
            if call.flags.isSet("platform") { query.append(("platform", call.flags.string("platform"))) }
            let connection = try ArchiveUpload.upload(
                source.isEmpty ? "-" : source, to: "/images/load", query, call.client)
            var progress = ProgressDisplay(output: 1)
            try progress.show(connection)
            return 0
        }
    }
}
