internal import ByteText
internal import Flags
internal import GoTemplate
internal import JSON

/// `rmi`, `tag`, `import` and `image prune`.
enum ImageChanges {
    static func remove() -> Command {
        Command(
            usage: "[OPTIONS] IMAGE [IMAGE...]", summary: "Remove one or more images",
            flags: [
                Flag("force", "f", .bool(), "Force removal of the image"),
                Flag("no-prune", nil, .bool(), "Do not delete untagged parents"),
                Flag("platform", nil, .list("strings"), "Remove only the given platforms"),
            ], arity: .atLeast(1)
        ) { call in
            let isForced = call.flags.bool("force")
            var query: Client.Query = []
            if isForced { query.append(("force", "1")) }
            if call.flags.bool("no-prune") { query.append(("noprune", "1")) }
            let client = try call.client
            var complaints: [String] = []
            var isFatal = false
            for name in call.arguments {
                do throws(CommandError) {
                    let answer = try Client.parse(client.call("DELETE", "/images/\(Names.path(name))", query: query))
                    for change in answer.arrayValue ?? [] {
                        if let id = change["Deleted"]?.stringValue, !id.isEmpty {
                            try Output.line("Deleted: \(id)")
                        } else if let name = change["Untagged"]?.stringValue {
                            try Output.line("Untagged: \(name)")
                        }
                    }
                } catch {
                    if error.isUnreachable { throw error }
                    if error.httpStatus != 404 || !isForced { isFatal = true }
                    complaints.append(error.message)
                }
            }
            if complaints.isEmpty { return 0 }
            if isFatal { throw CommandError(complaints.joined(separator: "\n")) }
            Output.complain(complaints.joined(separator: "\n"))
            return 0
        }
    }

    static func tag() -> Command {
        Command(
            usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
            summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", arity: .exactly(2)
        ) { call in
            let target = call.arguments[1]
            if target.contains(byte: "@") { throw CommandError("refusing to create a tag with a digest reference") }
            try Names.refuseEmptyTag(target)
            let (repository, tag) = Names.split(target)
            try call.client.call(
                "POST", "/images/\(Names.path(call.arguments[0]))/tag", query: [("repo", repository), ("tag", tag)])
            return 0
        }
    }

    static func importing() -> Command {
        Command(
            usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
            summary: "Import the contents from a tarball to create a filesystem image",
            flags: [
                Flag("change", "c", .list(), "Apply Dockerfile instruction to the created image"),
                Flag("message", "m", .string, "Set commit message for imported image"),
                Flag("platform", nil, .string, "Platform of the image"),
            ], arity: .atLeast(1), run: importImage)
    }

    private static func importImage(_ call: Invocation) throws -> Int32 {
        let source = call.arguments[0]
        let isRemote = source.hasBytePrefix("http://") || source.hasBytePrefix("https://")
        var query: Client.Query = [("fromSrc", isRemote ? source : "-")]
        if call.arguments.count > 1 {
            // The name goes whole; the daemon takes it apart.
            query.append(("repo", call.arguments[1]))
        }
        if call.flags.isSet("message") { query.append(("message", call.flags.string("message"))) }
        if call.flags.isSet("platform") { query.append(("platform", call.flags.string("platform"))) }
        for change in call.flags.list("change") { query.append(("changes", change)) }
        let client = try call.client
        let connection: ClientConnection
        if isRemote {
            connection = try client.stream("POST", "/images/create", query: query)
        } else {
            connection = try ArchiveUpload.upload(source, to: "/images/create", query, client)
        }
        var progress = ProgressDisplay(output: 1)
        try progress.show(connection)
        return 0
    }

    static func history() -> Command {
        Command(
            usage: "[OPTIONS] IMAGE", summary: "Show the history of an image",
            flags: [
                Flag("format", nil, .string, "Format output: table, json or a Go template"),
                Flag("human", "H", .bool(true), "Print sizes and dates in human readable format"),
                Flag("no-trunc", nil, .bool(), "Don't truncate output"),
                Flag("platform", nil, .string, "Platform, when the image has several"),
                Flag("quiet", "q", .bool(), "Only show image IDs"),
            ], arity: .exactly(1)
        ) { call in
            let isTruncated = !call.flags.bool("no-trunc")
            let isHuman = call.flags.bool("human")
            let layers = try call.client.get("/images/\(Names.path(call.arguments[0]))/history").arrayValue ?? []
            let rows = layers.map { layer in
                let created = layer["Created"]?.intValue ?? 0
                let command = (layer["CreatedBy"]?.stringValue ?? "").replacing("\t", with: " ")
                let size = layer["Size"]?.intValue ?? 0
                let id = layer["Id"]?.stringValue ?? ""
                return Template.Data.docker(
                    .object(
                        JSONObject([
                            ("Comment", layer["Comment"] ?? ""),
                            ("CreatedAt", .string(Units.shortTimestamp(created))),
                            ("CreatedBy", .string(isTruncated ? Ellipsis.cut(command, to: 45) : command)),
                            ("CreatedSince", .string(isHuman ? Units.ago(created) : Units.shortTimestamp(created))),
                            ("ID", .string(isTruncated ? Names.shortID(id) : id)),
                            ("Size", .string(isHuman ? Units.size(Double(size), precision: 3) : String(size))),
                        ])), typeName: "*image.historyContext")
            }
            let listing = Listing(
                headings: [
                    ("ID", "IMAGE"), ("CreatedSince", isHuman ? "CREATED" : "CREATED AT"), ("CreatedAt", "CREATED AT"),
                    ("CreatedBy", "CREATED BY"), ("Size", "SIZE"), ("Comment", "COMMENT"),
                ],
                standard: "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
                quiet: "{{.ID}}", typeName: "*image.historyContext")
            try Output.write(
                listing.text(rows, format: call.flags.string("format"), isQuiet: call.flags.bool("quiet")))
            return 0
        }
    }
}
