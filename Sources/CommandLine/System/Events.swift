internal import Flags
internal import Glibc
internal import GoTemplate
internal import JSON
internal import Linux

/// `gantry events`.
enum Events {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS]", summary: "Get real time events from the server",
            flags: [
                Flag(
                    "filter", "f", .list("filter", check: Filters.refusal), "Filter output based on conditions provided"
                ),
                Flag("format", nil, .string, "Format output: json or a Go template"),
                Flag("since", nil, .string, "Show all events created since timestamp"),
                Flag("until", nil, .string, "Stream events until this timestamp"),
            ], arity: .none, run: run)
    }

    private static func run(_ call: Invocation) throws -> Int32 {
        let format = call.flags.string("format")
        let template: Template?
        do throws(TemplateError) {
            template = try format.isEmpty ? nil : Template(format == "json" ? "{{json .}}" : format)
        } catch {
            throw CommandError("Error parsing format: template: \(error.message)", status: 64)
        }
        var query: Client.Query = []
        for name in ["since", "until"] where call.flags.isSet(name) {
            query.append((name, try Times.parameter(call.flags.string(name))))
        }
        if let filters = Filters.query(call.flags.list("filter")) { query.append(("filters", filters)) }
        let connection = try call.client.stream("GET", "/events", query: query)
        var documents = DocumentStream()
        while let piece = try connection.readPiece() {
            for event in try documents.feed(piece) {
                if let template {
                    let data = Template.Data.docker(event, typeName: "*events.Message")
                    do throws(CommandError) {
                        try Output.line(template.render(data, complaint: "Error parsing format: template: "))
                    } catch {
                        throw CommandError(error.message, status: 64)
                    }
                } else {
                    try Output.line(TerminalText.escaped(line(event), keepsLines: false))
                }
            }
        }
        return 0
    }

    /// `2026-11-21T13:23:18.119432456Z container start ID (image=busybox, name=web)`.
    private static func line(_ event: JSON) -> String {
        let actor = event["Actor"] ?? [:]
        let attributes = actor["Attributes"]?.objectValue ?? JSONObject()
        let pairs = TemplateValue.sortedKeys(attributes).map { "\($0)=\(TemplateValue.text(attributes[$0]))" }
        let nanoseconds =
            event["timeNano"]?.intValue ?? (event["time"]?.intValue ?? 0).saturatingMultiply(1_000_000_000)
        let head = Units.preciseTimestamp(nanoseconds)
        let text =
            "\(head) \(event["Type"]?.stringValue ?? "") \(event["Action"]?.stringValue ?? "")"
            + " \(actor["ID"]?.stringValue ?? "")"
        return pairs.isEmpty ? text : text + " (\(pairs.joined(separator: ", ")))"
    }
}
