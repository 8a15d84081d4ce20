internal import Flags
internal import JSON

/// `gantry create`.
enum Create {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]", summary: "Create a new container",
            flags: ContainerFlags.all, arity: .atLeast(1), interspersed: false
        ) { call in
            let request: ContainerRequest
            do throws(CommandError) {
                request = try ContainerRequest(
                    call.flags, words: call.arguments, isDetached: false, environment: call.session.environment)
            } catch {
                throw CommandError(call.withHelp(error.message), status: 125)
            }
            try Output.line(Creation.create(request, call))
            return 0
        }
    }
}

/// Making a container, with its image when that is missing.
enum Creation {
    /// Returns the new container's ID.
    static func create(_ request: ContainerRequest, _ call: Invocation) throws -> String {
        let flags = call.flags
        let client = try call.client
        let image = call.arguments[0]
        let cidfile = flags.string("cidfile")
        if !cidfile.isEmpty, InputFiles.exists(cidfile) {
            throw CommandError(
                "container ID file found, make sure the other container isn't running or delete \(cidfile)")
        }
        var query: Client.Query = []
        if flags.isSet("name") { query.append(("name", flags.string("name"))) }
        if flags.isSet("platform") { query.append(("platform", flags.string("platform"))) }
        let policy = flags.isSet("pull") ? flags.string("pull") : "missing"
        if policy == "always" { try pull(image, flags, call.session) }
        let answer: JSON
        do {
            answer = try client.post("/containers/create", query: query, body: .object(request.body))
        } catch {
            guard error.httpStatus == 404, policy == "missing" || policy.isEmpty, isAboutImage(error.message) else {
                throw error
            }
            if !flags.bool("quiet") {
                Output.complain("Unable to find image '\(Names.withDefaultTag(image))' locally")
            }
            try pull(image, flags, call.session)
            answer = try client.post("/containers/create", query: query, body: .object(request.body))
        }
        for warning in answer["Warnings"]?.arrayValue ?? [] { Output.complain("WARNING: \(warning.stringValue ?? "")") }
        let id = answer["Id"]?.stringValue ?? ""
        if !cidfile.isEmpty { try InputFiles.create(cidfile, id) }
        return id
    }

    private static func isAboutImage(_ message: String) -> Bool {
        message.lowercased().contains("no such image")
    }

    private static func pull(_ image: String, _ flags: ParsedFlags, _ session: ClientSession) throws {
        try Pulling.pull(
            image, platform: flags.string("platform"), session: session, output: flags.bool("quiet") ? nil : 2)
    }
}
