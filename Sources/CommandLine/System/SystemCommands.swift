internal import Flags
internal import GoTemplate
internal import JSON

/// `info` and `system df`.
enum SystemCommands {
    static func info() -> Command {
        Command(
            usage: "[OPTIONS]", summary: "Display system-wide information",
            flags: [Flag("format", "f", .string, "Format output: json or a Go template")], arity: .none, run: info)
    }

    private static func info(_ call: Invocation) throws -> Int32 {
        let format = call.flags.string("format")
        let template = try format.isEmpty ? nil : Inspection.template(format == "json" ? "{{json .}}" : format)
        let client: JSON = [
            "Debug": .bool(call.session.isDebug), "Version": .string(Version.client), "Context": "default",
        ]
        var information: JSON = [:]
        var failure: CommandError?
        do {
            information = try call.client.get("/info")
        } catch let error as CommandError {
            failure = error
        }
        if let template {
            var root = information
            root["ClientInfo"] = client
            do throws(CommandError) {
                try Output.line(
                    template.render(Template.Data.docker(root, typeName: "system.dockerInfo"), complaint: "template: "))
            } catch {
                try Output.line("")
                throw error
            }
        } else {
            try Output.write(
                "Client:\n Version:    \(Version.client)\n Context:    default\n Debug Mode: \(call.session.isDebug)\n\nServer:\n"
            )
            if failure == nil { try Output.write(InfoText(information).text + "\n") }
        }
        if let failure {
            throw failure
        }
        return 0
    }

    static func diskUsage() -> Command {
        Command(
            usage: "[OPTIONS]", summary: "Show disk usage",
            flags: [
                Flag("format", nil, .string, "Format output: table, json or a Go template")
            ], arity: .none
        ) { call in
            let usage = try call.client.get("/system/df")
            let images = usage["Images"]?.arrayValue ?? []
            let containers = usage["Containers"]?.arrayValue ?? []
            let volumes = usage["Volumes"]?.arrayValue ?? []
            let cache = usage["BuildCache"]?.arrayValue ?? []
            func sum(_ list: [JSON], _ value: (JSON) -> Double) -> Double { list.reduce(0) { $0 + value($1) } }
            let layers = usage["LayersSize"]?.doubleValue ?? 0
            let used = images.filter { ($0["Containers"]?.intValue ?? 0) > 0 }
            let running = containers.filter {
                ["running", "paused", "restarting"].contains($0["State"]?.stringValue ?? "")
            }
            let inUse = sum(used) { image in
                (image["Size"]?.doubleValue ?? 0) - max(0, image["SharedSize"]?.doubleValue ?? 0)
            }
            let size: (JSON) -> Double = { $0["SizeRw"]?.doubleValue ?? 0 }
            let volumeSize: (JSON) -> Double = { max(0, $0["UsageData"]?["Size"]?.doubleValue ?? 0) }
            let linked = volumes.filter { ($0["UsageData"]?["RefCount"]?.intValue ?? 0) > 0 }
            let cacheSize: (JSON) -> Double = { $0["Size"]?.doubleValue ?? 0 }
            let rows = [
                row("Images", images.count, used.count, layers, images.isEmpty ? 0 : layers - inUse),
                row(
                    "Containers", containers.count, running.count, sum(containers, size),
                    sum(containers, size) - sum(running, size)),
                row(
                    "Local Volumes", volumes.count, linked.count, sum(volumes, volumeSize),
                    sum(volumes, volumeSize) - sum(linked, volumeSize)),
                row(
                    "Build Cache", cache.count, cache.count { $0["InUse"]?.boolValue == true }, sum(cache, cacheSize),
                    sum(cache.filter { $0["InUse"]?.boolValue != true }, cacheSize), showsShare: false),
            ]
            let listing = Listing(
                headings: [
                    ("Type", "TYPE"), ("TotalCount", "TOTAL"), ("Active", "ACTIVE"), ("Size", "SIZE"),
                    ("Reclaimable", "RECLAIMABLE"),
                ],
                standard: "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
                quiet: "{{.Type}}", typeName: "*formatter.diskUsageContext")
            try Output.write(listing.text(rows, format: call.flags.string("format")))
            return 0
        }
    }

    private static func row(
        _ type: String, _ total: Int, _ active: Int, _ size: Double, _ reclaimable: Double, showsShare: Bool = true
    ) -> Template.Data {
        let share = size > 0 && showsShare ? " (\(Int(saturating: Double(reclaimable) * 100 / Double(size)))%)" : ""
        return Template.Data.docker(
            .object(
                JSONObject([
                    ("Active", .string(String(active))), ("Reclaimable", .string(Units.size(reclaimable) + share)),
                    ("Size", .string(Units.size(size))), ("TotalCount", .string(String(total))),
                    ("Type", .string(type)),
                ])), typeName: "*formatter.diskUsageContext")
    }
}
