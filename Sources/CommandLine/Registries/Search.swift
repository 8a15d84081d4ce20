internal import Flags
internal import GoTemplate
internal import JSON

/// `gantry search`.
enum Search {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS] TERM", summary: "Search Docker Hub or a registry for images",
            flags: [
                Flag("automated", nil, .bool(), "", isHidden: true),
                Flag(
                    "filter", "f", .list("filter", check: Filters.refusal), "Filter output based on conditions provided"
                ),
                Flag("format", nil, .string, "Pretty-print search using a Go template"),
                Flag("limit", nil, .int, "Max number of search results"),
                Flag("no-trunc", nil, .bool(), "Don't truncate output"),
                Flag("stars", "s", .int, "", isHidden: true),
            ], arity: .exactly(1), run: run)
    }

    private static func run(_ call: Invocation) throws -> Int32 {
        let term = call.arguments[0]
        var filters = call.flags.list("filter")
        // Flags of Docker's first years.
        if let stars = call.flags.int("stars"), stars > 0 { filters.append("stars=\(stars)") }
        if call.flags.bool("automated") { filters.append("is-automated=true") }
        var query: Client.Query = [("term", term)]
        if let limit = call.flags.int("limit"), limit > 0 { query.append(("limit", String(limit))) }
        if let text = Filters.query(filters) { query.append(("filters", text)) }
        let bytes = try call.client.call(
            "GET", "/images/search", query: query, headers: call.session.registryHeaders(forSearch: term))
        // In the order of the index, which knows best what was meant.
        let found = try Client.parse(bytes).arrayValue ?? []
        let isTruncated = !call.flags.bool("no-trunc")
        let listing = Listing(
            headings: [
                ("Name", "NAME"), ("Description", "DESCRIPTION"), ("StarCount", "STARS"), ("IsOfficial", "OFFICIAL"),
            ],
            standard: "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}", quiet: "{{.Name}}",
            typeName: "*registry.searchContext")
        let format = call.flags.string("format")
        // A mark for people; in JSON a word.
        let marks = format == "json" || format.contains("json .}}") ? ("true", "false") : ("[OK]", "")
        try Output.write(listing.text(found.map { row($0, isTruncated, marks) }, format: format))
        return 0
    }

    private static func row(_ found: JSON, _ isTruncated: Bool, _ marks: (String, String)) -> Template.Data {
        var description = found["description"]?.stringValue ?? ""
        description = description.replacing("\n", with: " ").replacing("\r", with: " ")
        if isTruncated { description = Ellipsis.cut(description, to: 45) }
        let isOfficial = found["is_official"]?.boolValue == true
        return Template.Data.docker(
            .object(
                JSONObject([
                    ("Description", .string(description)),
                    ("IsOfficial", .string(isOfficial ? marks.0 : marks.1)),
                    ("Name", found["name"] ?? ""),
                    ("StarCount", .string(String(found["star_count"]?.intValue ?? 0))),
                ])), typeName: "*registry.searchContext")
    }
}
