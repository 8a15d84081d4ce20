internal import Flags
internal import JSON

/// `gantry start`, and `gantry attach`, which joins what runs already.
enum Start {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS] CONTAINER [CONTAINER...]", summary: "Start one or more stopped containers",
            flags: [
                Flag("attach", "a", .bool(), "Attach STDOUT/STDERR and forward signals"),
                Flag("detach-keys", nil, .string, "Keys that leave the container running"),
                Flag("interactive", "i", .bool(), "Attach container's STDIN"),
            ], arity: .atLeast(1), run: run)
    }

    private static func run(_ call: Invocation) throws -> Int32 {
        let flags = call.flags
        guard flags.bool("attach") || flags.bool("interactive") else {
            let client = try call.client
            var complaints: [String] = []
            var failed: [String] = []
            for name in call.arguments {
                do throws(CommandError) {
                    try client.call("POST", Lifecycle.path(name) + "/start")
                    try Output.line(name)
                } catch {
                    if error.isUnreachable { throw error }
                    complaints.append(error.message)
                    failed.append(name)
                }
            }
            if failed.isEmpty { return 0 }
            throw CommandError(
                complaints.joined(separator: "\n") + "\nError: failed to start containers: "
                    + failed.joined(separator: ", "))
        }
        if call.arguments.count > 1 { throw CommandError("you cannot start and attach multiple containers at once") }
        return try attached(call)
    }

    private static func attached(_ call: Invocation) throws -> Int32 {
        let client = try call.client
        let container = try client.get(Lifecycle.path(call.arguments[0]) + "/json")
        let id = container["Id"]?.stringValue ?? call.arguments[0]
        let isTerminal = container["Config"]?["Tty"]?.boolValue ?? false
        let wantsInput = call.flags.bool("interactive") && (container["Config"]?["OpenStdin"]?.boolValue ?? false)
        let removes = container["HostConfig"]?["AutoRemove"]?.boolValue ?? false
        if wantsInput, isTerminal, !Output.isTerminal(0) { throw CommandError("the input device is not a TTY") }

        let stream = try client.beginHijack(
            "/containers/\(id)/attach", query: Attach.query(call.flags, input: wantsInput))
        let waiting = try client.beginStream(
            "POST", "/containers/\(id)/wait", query: [("condition", removes ? "removed" : "next-exit")])
        try client.finishHijack(stream)
        try client.finishStream(waiting)
        let attachment = Attachment(
            client: client, connection: stream, isTerminal: isTerminal, input: wantsInput, output: true, errors: true,
            detachKeys: call.flags.optional("detach-keys"), resizePath: "/containers/\(id)/resize",
            killPath: isTerminal ? nil : "/containers/\(id)/kill")
        let signals = try attachment.signals()
        try client.call("POST", "/containers/\(id)/start")
        if try attachment.run(signals: signals) == .detached { return 0 }
        return try attachment.exitStatus(from: waiting, signals: signals)
    }
}

/// `gantry attach`.
enum Attach {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS] CONTAINER",
            summary: "Attach local standard input, output, and error streams to a running container",
            flags: [
                Flag("detach-keys", nil, .string, "Keys that leave the container running"),
                Flag("no-stdin", nil, .bool(), "Do not attach STDIN"),
                Flag("sig-proxy", nil, .bool(true), "Pass signals on to the process"),
            ], arity: .exactly(1), run: run)
    }

    static func query(_ flags: ParsedFlags, input: Bool) -> Client.Query {
        var query: Client.Query = [("stream", "1"), ("stdout", "1"), ("stderr", "1")]
        if input { query.append(("stdin", "1")) }
        if flags.isSet("detach-keys") { query.append(("detachKeys", flags.string("detach-keys"))) }
        return query
    }

    private static func run(_ call: Invocation) throws -> Int32 {
        let client = try call.client
        let container = try client.get(Lifecycle.path(call.arguments[0]) + "/json")
        let id = container["Id"]?.stringValue ?? call.arguments[0]
        let state = container["State"] ?? [:]
        if state["Running"]?.boolValue != true {
            throw CommandError("You cannot attach to a stopped container, start it first")
        }
        if state["Paused"]?.boolValue == true {
            throw CommandError("You cannot attach to a paused container, unpause it first")
        }
        if state["Restarting"]?.boolValue == true {
            throw CommandError("You cannot attach to a restarting container, wait until it is running")
        }
        let isTerminal = container["Config"]?["Tty"]?.boolValue ?? false
        let wantsInput = !call.flags.bool("no-stdin") && (container["Config"]?["OpenStdin"]?.boolValue ?? false)
        if wantsInput, isTerminal, !Output.isTerminal(0) { throw CommandError("the input device is not a TTY") }
        let stream = try client.beginHijack("/containers/\(id)/attach", query: query(call.flags, input: wantsInput))
        let waiting = try client.beginStream("POST", "/containers/\(id)/wait", query: [])
        try client.finishHijack(stream)
        try client.finishStream(waiting)
        let attachment = Attachment(
            client: client, connection: stream, isTerminal: isTerminal, input: wantsInput, output: true, errors: true,
            detachKeys: call.flags.optional("detach-keys"), resizePath: "/containers/\(id)/resize",
            killPath: call.flags.bool("sig-proxy") && !isTerminal ? "/containers/\(id)/kill" : nil)
        let signals = try attachment.signals()
        if try attachment.run(signals: signals) == .detached { throw CommandError("read escape sequence") }
        return try attachment.exitStatus(from: waiting, signals: signals)
    }
}
