internal import ByteText
internal import GoTemplate
internal import JSON

/// Prints rows the way `--format` asks: as a table, by a template, or as JSON.
struct Listing {
    /// What the columns are called in headings, by field.
    var headings: [(field: String, heading: String)]
    /// Shown without `--format`, such as `table {{.ID}}\t{{.Names}}`.
    var standard: String
    /// Shown with `-q`.
    var quiet: String
    /// Go's name for the rows' type, in errors.
    var typeName: String
    /// `ps` has other words for what is wrong with a template, and `-q` wins over it.
    var isContainers = false

    /// `format` is what stood behind `--format`, "" for nothing.
    func text(
        _ rows: [Template.Data], format: String, isQuiet: Bool = false
    ) throws(CommandError) -> String {
        var body: String
        var isTable = false
        if isQuiet, isContainers, !format.isEmpty {
            Output.complain("WARNING: Ignoring custom format, because both --format and --quiet are set.")
        }
        switch isQuiet && isContainers ? "" : format {
        case "", "table":
            if isQuiet {
                body = quiet
            } else {
                body = String(standard.dropFirst("table ".count))
                isTable = true
            }
        case "json": body = "{{json .}}"
        default:
            body = format
            if format.hasBytePrefix("table") {
                isTable = true
                // With -q and a bare table, IDs alone.
                body = String(format.dropFirst(5)).trimmed
                body = body.isEmpty ? String(standard.dropFirst("table ".count)) : body
            }
            body = body.trimmed.replacing("\\t", with: "\t").replacing("\\n", with: "\n")
        }
        let template: Template
        do throws(TemplateError) {
            template = try Template(body)
        } catch {
            throw complaint("failed to parse template", error)
        }
        var text = ""
        do throws(TemplateError) {
            for row in rows { text += try template.apply(to: isTable ? row.inCells : row) + "\n" }
            if isTable { text = try heading(template) + "\n" + text }
        } catch {
            throw complaint("failed to execute template", error)
        }
        return isTable ? TabWriter().format(text) : text
    }

    private func complaint(_ what: String, _ error: TemplateError) -> CommandError {
        CommandError("\(isContainers ? what : "template parsing error"): template: \(error.message)")
    }

    /// The template applied to the names of the columns.
    private func heading(_ template: Template) throws(TemplateError) -> String {
        let names = JSONObject(headings.map { ($0.field, .string($0.heading)) })
        let label: ([JSON?]) -> JSON = { arguments in
            let key = TemplateValue.text(arguments.first ?? nil)
            return .string(
                key.split(byte: ".").last.map {
                    $0.split(whereSeparator: { $0 == "-" || $0 == "_" }).joined(separator: " ")
                } ?? key)
        }
        return try template.apply(
            to: Template.Data.docker(.object(names), typeName: typeName, methods: ["Label": label]))
    }
}
