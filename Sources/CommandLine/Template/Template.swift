internal import JSON

/// A Go template, as `--format` takes them, ready to be applied.
struct Template {
    let nodes: [TemplateNode]
    private let text: String
    /// What errors call it.
    private let name: String

    init(_ text: String, name: String = "") throws(TemplateError) {
        self.text = text
        self.name = name
        nodes = try TemplateParser.parse(text)
    }

    /// What the template is applied to.
    struct Data {
        var root: JSON
        /// The name of the type whose fields `root` has: an unknown one is then an error in Go's words about a struct.
        /// Nil for documents, where Go speaks of maps.
        var typeName: String?
        /// Members of the root that take arguments, such as `.Label "key"`.
        var methods: [String: ([JSON?]) -> JSON] = [:]
        /// Whether `json .` escapes `<`, `>` and `&`: the rows of lists do.
        var escapesWhole: Bool { typeName?.hasPrefix("*formatter.") ?? false }
    }

    func apply(to data: Data) throws(TemplateError) -> String {
        var evaluation = TemplateEvaluation(data: data, text: text, name: name)
        return try evaluation.run(nodes)
    }
}
