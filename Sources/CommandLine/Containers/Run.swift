internal import Flags
internal import Glibc
internal import JSON

/// `gantry run`: create, join the streams, start, wait.
enum Run {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
            summary: "Create and run a new container from an image",
            flags: ContainerFlags.all + ContainerFlags.runOnly, arity: .atLeast(1), interspersed: false,
            run: run)
    }

    private static func run(_ call: Invocation) throws -> Int32 {
        do {
            return try execute(call)
        } catch let error as CommandError {
            if error.message.isEmpty || error == noTerminal { throw error }
            throw CommandError(call.withHelp(error.message), status: error.status == 1 ? 125 : error.status)
        }
    }

    private static func execute(_ call: Invocation) throws -> Int32 {
        let flags = call.flags
        let isDetached = flags.bool("detach")
        if isDetached, flags.isSet("attach") {
            throw CommandError("conflicting options: cannot specify both --attach and --detach")
        }
        let request = try ContainerRequest(
            flags, words: call.arguments, isDetached: isDetached, environment: call.session.environment)
        if !isDetached { try checkTerminal(request) }
        let id = try Creation.create(request, call)
        let client = try call.client
        if isDetached {
            try start(client, id)
            try Output.line(id)
            return 0
        }
        let attaches = request.attachInput || request.attachOutput || request.attachErrors
        if !attaches { try Output.line(id) }
        return try foreground(client, id, request, flags)
    }

    private static func foreground(
        _ client: Client, _ id: String, _ request: ContainerRequest, _ flags: ParsedFlags
    ) throws -> Int32 {
        var query: Client.Query = [("stream", "1")]
        if request.attachInput { query.append(("stdin", "1")) }
        if request.attachOutput { query.append(("stdout", "1")) }
        if request.attachErrors { query.append(("stderr", "1")) }
        if flags.isSet("detach-keys") { query.append(("detachKeys", flags.string("detach-keys"))) }
        // Both are under way before either answer is awaited, and both stand before the start.
        let stream = try client.beginHijack("/containers/\(id)/attach", query: query)
        let waiting = try client.beginStream(
            "POST", "/containers/\(id)/wait", query: [("condition", request.autoRemove ? "removed" : "next-exit")])
        try client.finishHijack(stream)
        try client.finishStream(waiting)

        let attachment = Attachment(
            client: client, connection: stream, isTerminal: request.isTerminal, input: request.attachInput,
            output: request.attachOutput, errors: request.attachErrors, detachKeys: flags.optional("detach-keys"),
            resizePath: "/containers/\(id)/resize",
            killPath: flags.bool("sig-proxy") && !request.isTerminal ? "/containers/\(id)/kill" : nil)
        let signals = try attachment.signals()
        do {
            try start(client, id)
        } catch {
            // With --rm the daemon takes the container away again; the command ends when that is done.
            if request.autoRemove, error.httpStatus != nil { _ = try? Attachment.exitStatus(waiting) }
            throw error
        }
        if try attachment.run(signals: signals) == .detached { return 0 }
        return try attachment.exitStatus(from: waiting, signals: signals)
    }

    /// Starts, with the exit status that says why it could not: 127 no such command, 126 not to be executed.
    static func start(_ client: Client, _ id: String) throws(CommandError) {
        do {
            try client.call("POST", "/containers/\(id)/start")
        } catch {
            var failure = error
            failure.status = error.exitCode ?? startStatus(error.message)
            throw failure
        }
    }

    /// Of a daemon that says no number: as Docker's client.
    static func startStatus(_ message: String) -> Int32 {
        for words in [
            "executable file not found", "no such file or directory", "system cannot find the file specified",
        ]
        where message.contains(words) {
            return 127
        }
        for words in ["permission denied", "is a directory"] where message.contains(words) { return 126 }
        return 125
    }

    private static let noTerminal = CommandError("the input device is not a TTY")

    /// A terminal in the container needs one on standard input, when that is attached.
    private static func checkTerminal(_ request: ContainerRequest) throws(CommandError) {
        if request.attachInput, request.isTerminal, !Output.isTerminal(0) {
            throw noTerminal
        }
    }
}
