internal import Flags
internal import GoTemplate
internal import JSON

extension Version {
    /// `gantry version`.
    static func command() -> Command {
        Command(
            usage: "[OPTIONS]", summary: "Show the version of client and daemon",
            flags: [Flag("format", "f", .string, "Format output: json or a Go template")], arity: .none, run: run)
    }

    private static func run(_ call: Invocation) throws -> Int32 {
        let format = call.flags.string("format")
        let template =
            try format.isEmpty ? nil : Inspection.template(format == "json" ? "{{json .}}" : format, name: "version")
        let client: JSON = [
            "Version": .string(Version.client), "ApiVersion": .string(Version.api),
            "DefaultAPIVersion": .string(Version.api), "Os": "linux", "Arch": .string(architecture),
            "Context": "default",
        ]
        var failure: CommandError?
        var server: JSON?
        do {
            server = try call.client.get("/version")
        } catch let error as CommandError {
            failure = error
        }
        if let template {
            do {
                let data = Template.Data.docker(
                    ["Client": client, "Server": server ?? .null], typeName: "system.versionInfo")
                try Output.line(template.apply(to: data))
            } catch let error as TemplateError {
                try Output.line("")
                throw CommandError("template: version\(error.message)")
            }
        } else {
            try Output.write(text(client, server))
        }
        if let failure { throw failure }
        return 0
    }

    private static func text(_ client: JSON, _ server: JSON?) -> String {
        var text = "Client:\n" + line("Version", client["Version"]) + line("API version", client["ApiVersion"])
        text += " \(padded("OS/Arch:", to: 18)) linux/\(architecture)\n" + line("Context", "default")
        guard let server else { return text }
        let platform = server["Platform"]?["Name"]?.stringValue ?? ""
        text += "\nServer:\(platform.isEmpty ? "" : " \(platform)")\n"
        for component in server["Components"]?.arrayValue ?? [] {
            let details = component["Details"] ?? [:]
            let name = component["Name"]?.stringValue ?? ""
            text += " \(name):\n" + line("Version", component["Version"], indent: 2)
            if details["ApiVersion"] != nil {
                let api = details["ApiVersion"]?.stringValue ?? ""
                let least = details["MinAPIVersion"]?.stringValue ?? ""
                text += line("API version", .string("\(api) (minimum version \(least))"), indent: 2)
                if let go = details["GoVersion"]?.stringValue, !go.isEmpty {
                    text += line("Go version", details["GoVersion"], indent: 2)
                }
                text += line("Git commit", details["GitCommit"], indent: 2)
                if let built = details["BuildTime"]?.stringValue, !built.isEmpty {
                    text += line("Built", .string(built), indent: 2)
                }
                let system = "\(details["Os"]?.stringValue ?? "")/\(details["Arch"]?.stringValue ?? "")"
                text += line("OS/Arch", .string(system), indent: 2)
                text += line("Experimental", details["Experimental"] ?? "false", indent: 2)
            } else {
                for key in details.objectValue.map(TemplateValue.sortedKeys) ?? [] {
                    text += line(key, details[key], indent: 2)
                }
            }
        }
        return text
    }

    private static func line(_ name: String, _ value: JSON?, indent: Int = 1) -> String {
        "\(padded("", to: indent))\(padded(name + ":", to: 18)) \(value?.stringValue ?? "")\n"
    }

    private static var architecture: String {
        #if arch(arm64)
            "arm64"
        #else
            "amd64"
        #endif
    }
}
