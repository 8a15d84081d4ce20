internal import ByteText
internal import Flags
internal import GoTemplate
internal import JSON

/// `gantry network ls`.
enum Networks {
    static func list() -> Command {
        Command(
            usage: "[OPTIONS]", summary: "List networks",
            flags: [
                Flag(
                    "filter", "f", .list("filter", check: Filters.refusal), "Provide filter values (e.g. driver=bridge)"
                ),
                Flag("format", nil, .string, "Format output: table, json or a Go template"),
                Flag("no-trunc", nil, .bool(), "Do not truncate the output"),
                Flag("quiet", "q", .bool(), "Only display network IDs"),
            ], arity: .none
        ) { call in
            let query = Filters.query(call.flags.list("filter")).map { [("filters", $0)] } ?? []
            let isTruncated = !call.flags.bool("no-trunc")
            let networks = (try call.client.get("/networks", query: query).arrayValue ?? []).sorted { left, right in
                (left["Name"]?.stringValue ?? "") < (right["Name"]?.stringValue ?? "")
            }
            let rows = networks.map { row($0, isTruncated) }
            let listing = Listing(
                headings: [
                    ("ID", "NETWORK ID"), ("Name", "NAME"), ("Driver", "DRIVER"), ("Scope", "SCOPE"), ("IPv4", "IPV4"),
                    ("IPv6", "IPV6"), ("Internal", "INTERNAL"), ("Labels", "LABELS"), ("CreatedAt", "CREATED AT"),
                ],
                standard: "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}", quiet: "{{.ID}}",
                typeName: "*network.networkContext")
            try Output.write(
                listing.text(rows, format: call.flags.string("format"), isQuiet: call.flags.bool("quiet")))
            return 0
        }
    }

    private static func row(_ network: JSON, _ isTruncated: Bool) -> Template.Data {
        let id = network["Id"]?.stringValue ?? ""
        let labels = network["Labels"]?.objectValue ?? JSONObject()
        func flag(_ key: String) -> JSON { .string(network[key]?.boolValue == true ? "true" : "false") }
        let shown = TemplateValue.sortedKeys(labels).map { "\($0)=\(TemplateValue.text(labels[$0]))" }
        return Template.Data.docker(
            .object(
                JSONObject([
                    ("CreatedAt", .string(created(network["Created"]?.stringValue ?? ""))),
                    ("Driver", network["Driver"] ?? ""),
                    ("ID", .string(isTruncated ? String(id.prefix(12)) : id)),
                    ("IPv4", flag("EnableIPv4")), ("IPv6", flag("EnableIPv6")), ("Internal", flag("Internal")),
                    ("Labels", .string(shown.joined(separator: ","))), ("Name", network["Name"] ?? ""),
                    ("Scope", network["Scope"] ?? ""),
                ])), typeName: "*network.networkContext",
            methods: ["Label": { arguments in labels[TemplateValue.text(arguments.first ?? nil)] ?? "" }])
    }

    /// `2026-11-21T12:55:04.245246939Z` as Go prints a time: `2026-11-21 12:55:04.245246939 +0000 UTC`.
    private static func created(_ text: String) -> String {
        guard text.hasByteSuffix("Z") else { return text }
        return text.dropLast().replacing("T", with: " ") + " +0000 UTC"
    }
}
