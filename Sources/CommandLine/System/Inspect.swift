internal import Flags
internal import JSON

/// `gantry inspect` and its kin.
enum Inspect {
    private static let format = Flag("format", "f", .string, "Format output: json or a Go template")

    static func command() -> Command {
        Command(
            usage: "[OPTIONS] NAME|ID [NAME|ID...]", summary: "Return low-level information on objects",
            flags: [
                format, Flag("size", "s", .bool(), "Display total file sizes of containers"),
                Flag("type", nil, .string, "Only inspect objects of this type"),
            ], arity: .atLeast(1)
        ) { call in
            let client = try call.client
            let type = call.flags.string("type")
            let kinds = ["container", "image", "network", "volume"]
            if !type.isEmpty, !kinds.contains(type) {
                throw CommandError(
                    "unknown type: \(quoted(type)): must be one of "
                        + kinds.map(quoted).joined(separator: ", "))
            }
            let size = call.flags.bool("size")
            return try Inspection.run(call.arguments, format: call.flags.string("format")) {
                name throws(CommandError) in
                for kind in type.isEmpty ? kinds : [type] {
                    do throws(CommandError) {
                        return try fetch(kind, name, size: size, client)
                    } catch {
                        // 501: a daemon that has no such kind of object.
                        guard type.isEmpty, error.httpStatus == 404 || error.httpStatus == 501 else { throw error }
                    }
                }
                throw CommandError("Error: No such object: \(name)")
            }
        }
    }

    private static func fetch(
        _ kind: String, _ name: String, size: Bool, _ client: Client
    ) throws(CommandError) -> JSON {
        let step = percentEncoded(name)
        switch kind {
        case "container": return try client.get("/containers/\(step)/json", query: size ? [("size", "1")] : [])
        case "image":
            // A name keeps its slashes: the daemon takes all up to the last step.
            return try client.get("/images/\(step.replacing("%2F", with: "/"))/json")
        case "network": return try client.get("/networks/\(step)")
        default: return try client.get("/volumes/\(step)")
        }
    }

    static func container() -> Command {
        one(
            "container", "CONTAINER", "Display detailed information on one or more containers",
            extra: [Flag("size", "s", .bool(), "Display total file sizes")])
    }

    static func image() -> Command {
        one(
            "image", "IMAGE", "Display detailed information on one or more images",
            extra: [Flag("platform", nil, .string, "Platform, when the image has several")])
    }

    static func network() -> Command {
        one(
            "network", "NETWORK", "Display detailed information on one or more networks",
            extra: [Flag("verbose", "v", .bool(), "Verbose output for diagnostics")])
    }

    private static func one(_ kind: String, _ word: String, _ summary: String, extra: [Flag]) -> Command {
        Command(
            usage: "[OPTIONS] \(word) [\(word)...]", summary: summary, flags: [format] + extra, arity: .atLeast(1)
        ) { call in
            let client = try call.client
            let size = call.flags.bool("size")
            return try Inspection.run(call.arguments, format: call.flags.string("format")) {
                name throws(CommandError) in
                try fetch(kind, name, size: size, client)
            }
        }
    }
}
