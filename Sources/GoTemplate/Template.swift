package import JSON

/// A Go template, as `--format` takes them, ready to be applied.
package struct Template {
    let nodes: [TemplateNode]
    private let text: String
    /// What errors call it.
    private let name: String

    package init(_ text: String, name: String = "") throws(TemplateError) {
        self.text = text
        self.name = name
        nodes = try TemplateParser.parse(text)
    }

    /// What the template is applied to.
    package struct Data {
        package var root: JSON
        /// The name of the type whose fields `root` has: an unknown one is then an error in Go's words about a struct.
        /// Nil for documents, where Go speaks of maps.
        package var typeName: String?
        /// Members of the root that take arguments, such as `.Label "key"`.
        package var methods: [String: ([JSON?]) -> JSON]
        /// What the members of `root` are in Go.
        package var types: any GoTypes.Type
        /// `json .` of the whole root escapes `<`, `>` and `&`, as Go's encoder does for pages.
        package var escapesMarkup: Bool

        package init(
            root: JSON, typeName: String? = nil, types: any GoTypes.Type = UntypedDocument.self,
            escapesMarkup: Bool = false, methods: [String: ([JSON?]) -> JSON] = [:]
        ) {
            self.root = root
            self.typeName = typeName
            self.types = types
            self.escapesMarkup = escapesMarkup
            self.methods = methods
        }
    }

    package func apply(to data: Data) throws(TemplateError) -> String {
        var evaluation = TemplateEvaluation(data: data, text: text, name: name)
        return try evaluation.run(nodes)
    }
}
