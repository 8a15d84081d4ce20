internal import ByteText
internal import GoTemplate
internal import JSON

/// Printing documents: as indented JSON, or through a template.
enum Inspection {
    /// The template behind `--format` of inspect, info and version; a malformed one ends with status 64, as `docker` does.
    static func template(_ text: String, name: String = "") throws(CommandError) -> Template {
        do throws(TemplateError) {
            return try Template(text, name: name)
        } catch {
            throw CommandError("template parsing error: template: \(name)\(error.message)", status: 64)
        }
    }

    /// Fetches every named object with `fetch` and prints all that were found; what was not is complained about
    /// after that, and makes the status 1.
    static func run(
        _ names: [String], format: String, fetch: (String) throws(CommandError) -> JSON
    ) throws(CommandError) -> Int32 {
        let template = try format.isEmpty || format == "json" ? nil : template(format)
        var found: [JSON] = []
        var complaints: [String] = []
        for name in names {
            do throws(CommandError) {
                found.append(try fetch(name))
            } catch {
                complaints.append(error.message)
                if error.isUnreachable { break }
            }
        }
        if let template {
            var text = ""
            for document in found {
                do throws(TemplateError) {
                    text += try template.apply(to: Template.Data.docker(document)) + "\n"
                } catch {
                    try Output.write(text + "\n")
                    throw CommandError("template parsing error: template: \(error.message)\(hint(error))")
                }
            }
            try Output.write(found.isEmpty ? "\n" : text)
        } else if format == "json" {
            try Output.line(TemplateValue.json(.array(found)))
        } else {
            try Output.line(found.isEmpty ? "[]" : TemplateValue.json(.array(found), indent: "    "))
        }
        if complaints.isEmpty { return 0 }
        throw CommandError(complaints.joined(separator: "\n"))
    }

    /// Where that field went, for fields people still have in their notes.
    private static func hint(_ error: TemplateError) -> String {
        for (old, new) in [("Volumes", ".Mounts"), ("VolumesRW", ".Mounts"), ("HostRootPath", ".GraphDriver")]
        where error.message.hasByteSuffix("key \"\(old)\"") {
            return "\n.\(old) is no longer there: use \(new)"
        }
        return ""
    }
}
