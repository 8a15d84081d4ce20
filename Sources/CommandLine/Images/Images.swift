internal import ByteText
internal import Flags
internal import GoTemplate
internal import JSON

/// `gantry images`.
enum Images {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS] [REPOSITORY[:TAG]]", summary: "List images",
            flags: [
                Flag("all", "a", .bool(), "Show all images (default hides intermediate images)"),
                Flag("digests", nil, .bool(), "Show digests"),
                Flag(
                    "filter", "f", .list("filter", check: Filters.refusal), "Filter output based on conditions provided"
                ),
                Flag("format", nil, .string, "Format output: table, json or a Go template"),
                Flag("no-trunc", nil, .bool(), "Don't truncate output"),
                Flag("quiet", "q", .bool(), "Only show image IDs"),
            ], arity: .atMost(1), run: run)
    }

    private static func run(_ call: Invocation) throws -> Int32 {
        let flags = call.flags
        var filters = flags.list("filter")
        if let name = call.arguments.first { filters.append("reference=\(name)") }
        var query: Client.Query = []
        if flags.bool("all") { query.append(("all", "1")) }
        if let text = Filters.query(filters) { query.append(("filters", text)) }
        let images = try call.client.get("/images/json", query: query).arrayValue ?? []
        let format = flags.string("format")
        let showsDigests = flags.bool("digests")
        let usesDigests = showsDigests || format.contains("{{.Digest}}")
        // Of a thousand images what nobody sees takes half of the time.
        let isStandard = format.isEmpty || format == "table"
        let fields = !isStandard ? nil : flags.bool("quiet") ? ["ID"] : ImageRow.shown
        let rows = images.flatMap {
            ImageRow.rows($0, digests: usesDigests, isTruncated: !flags.bool("no-trunc"), fields: fields)
        }
        let columns =
            "table {{.Repository}}\t{{.Tag}}\t" + (showsDigests ? "{{.Digest}}\t" : "")
            + "{{.ID}}\t{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}"
        let listing = Listing(
            headings: [
                ("ID", "IMAGE ID"), ("Repository", "REPOSITORY"), ("Tag", "TAG"), ("Digest", "DIGEST"),
                ("CreatedSince", "CREATED"), ("CreatedAt", "CREATED AT"), ("Size", "SIZE"),
                ("Containers", "CONTAINERS"),
                ("VirtualSize", "SIZE"), ("SharedSize", "SHARED SIZE"), ("UniqueSize", "UNIQUE SIZE"),
            ], standard: columns, quiet: "{{.ID}}", typeName: "*formatter.imageContext")
        try Output.write(listing.text(rows, format: format, isQuiet: flags.bool("quiet")))
        return 0
    }
}

/// An image as `images` shows it: a row for each of its names.
enum ImageRow {
    /// In the table that stands without `--format`.
    static let shown: Set<String> = ["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"]

    /// - Parameter fields: those to fill in; nil means all.
    static func rows(
        _ image: JSON, digests: Bool, isTruncated: Bool, fields: Set<String>? = nil
    ) -> [Template.Data] {
        func row(_ repository: String, _ tag: String, _ digest: String) -> Template.Data {
            Self.row(image, repository, tag, digest, isTruncated, fields)
        }
        let tags = (image["RepoTags"]?.arrayValue ?? []).compactMap(\.stringValue).filter { $0 != "<none>:<none>" }
        let all = (image["RepoDigests"]?.arrayValue ?? []).compactMap(\.stringValue).filter { $0 != "<none>@<none>" }
        var byRepository: [String: [String]] = [:]
        for text in all {
            guard let at = text.firstIndex(ofByte: "@") else { continue }
            byRepository[String(text[..<at]), default: []].append(String(text[text.utf8.index(after: at)...]))
        }
        var rows: [Template.Data] = []
        var seen: Set<String> = []
        for name in tags {
            let (repository, tag) = Names.split(name)
            seen.insert(repository)
            guard digests, let list = byRepository[repository] else {
                rows.append(row(repository, tag, "<none>"))
                continue
            }
            for digest in list { rows.append(row(repository, tag, digest)) }
        }
        for text in all {
            guard let at = text.firstIndex(ofByte: "@"), !seen.contains(String(text[..<at])) else { continue }
            if !digests, !seen.insert(String(text[..<at])).inserted { continue }
            rows.append(row(String(text[..<at]), "<none>", String(text[text.utf8.index(after: at)...])))
        }
        if rows.isEmpty { rows.append(row("<none>", "<none>", "<none>")) }
        return rows
    }

    private static func row(
        _ image: JSON, _ repository: String, _ tag: String, _ digest: String, _ isTruncated: Bool,
        _ fields: Set<String>?
    ) -> Template.Data {
        let created = image["Created"]?.intValue ?? 0
        let bytes = image["Size"]?.doubleValue ?? 0
        let id = image["Id"]?.stringValue ?? ""
        let count = image["Containers"]?.intValue ?? -1
        let shared = image["SharedSize"]?.doubleValue ?? -1
        var members: [(String, JSON)] = []
        func add(_ name: String, _ value: @autoclosure () -> String) {
            if fields?.contains(name) ?? true { members.append((name, .string(value()))) }
        }
        add("Containers", count < 0 ? "N/A" : String(count))
        add("CreatedAt", Units.timestamp(created))
        add("CreatedSince", created > 0 ? Units.ago(created) : "")
        add("Digest", digest)
        add("ID", isTruncated ? Names.shortID(id) : id)
        add("Repository", repository)
        add("SharedSize", shared < 0 ? "N/A" : Units.size(shared))
        add("Size", Units.size(bytes, precision: 3))
        add("Tag", tag)
        add("UniqueSize", shared < 0 ? "N/A" : Units.size(bytes - shared))
        add("VirtualSize", Units.size(bytes))
        return Template.Data.docker(.object(JSONObject(members)), typeName: "*formatter.imageContext")
    }
}
