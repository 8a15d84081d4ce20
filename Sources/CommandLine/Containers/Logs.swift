internal import Flags
internal import JSON

/// `gantry logs`.
enum Logs {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS] CONTAINER", summary: "Fetch the logs of a container",
            flags: [
                Flag("details", nil, .bool(), "Show extra details provided to logs"),
                Flag("follow", "f", .bool(), "Follow the output"),
                Flag("since", nil, .string, "Only what came after this time (2013-01-02T13:23:37Z, 42m)"),
                Flag("tail", "n", .string, "Number of lines from the end (default \"all\")"),
                Flag("timestamps", "t", .bool(), "Show timestamps"),
                Flag("until", nil, .string, "Only what came before this time (2013-01-02T13:23:37Z, 42m)"),
            ], arity: .exactly(1)
        ) { call in
            let client = try call.client
            let path = "/containers/\(percentEncoded(call.arguments[0]))"
            // The stream has frames unless the container has a terminal.
            let container = try client.get(path + "/json")
            var query: Client.Query = [("stdout", "1"), ("stderr", "1")]
            for name in ["follow", "timestamps", "details"] where call.flags.bool(name) { query.append((name, "1")) }
            for name in ["since", "until"] where call.flags.isSet(name) {
                query.append((name, try Times.parameter(call.flags.string(name))))
            }
            query.append(("tail", call.flags.optional("tail") ?? "all"))
            let id = container["Id"]?.stringValue ?? call.arguments[0]
            let connection = try client.stream("GET", "/containers/\(id)/logs", query: query)
            let isTerminal = container["Config"]?["Tty"]?.boolValue ?? false
            var demultiplexer = StreamDemultiplexer()
            while let piece = try connection.readPiece() {
                if isTerminal {
                    try Output.write(piece, to: 1)
                } else {
                    try demultiplexer.feed(piece) { stream, bytes throws(CommandError) in
                        try Output.write(bytes, to: stream == 2 ? 2 : 1)
                    }
                }
            }
            return 0
        }
    }
}
