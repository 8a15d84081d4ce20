internal import ByteText
package import JSON
internal import Linux

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
        var methods: [String: ([JSON?]) -> JSON] = [:]
        package init(root: JSON, typeName: String? = nil, methods: [String: ([JSON?]) -> JSON] = [:]) {
            self.root = root
            self.typeName = typeName
            self.methods = methods
        }

        /// The same with every text fit for one cell of a table.
        var inCells: Data {
            Data(
                root: Self.escaped(root), typeName: typeName,
                methods: methods.mapValues { method in { Self.escaped(method($0)) } })
        }

        private static func escaped(_ value: JSON) -> JSON {
            switch value {
            case .string(let text): .string(TerminalText.escaped(text, keepsLines: false))
            case .array(let elements): .array(elements.map(escaped))
            case .object(let object):
                .object(JSONObject(object.map { (TerminalText.escaped($0.0, keepsLines: false), escaped($0.1)) }))
            default: value
            }
        }

        /// Whether `json .` escapes `<`, `>` and `&`: the rows of lists do.
        var escapesWhole: Bool { typeName?.hasByteSuffix("Context") ?? false }
    }

    package func apply(to data: Data) throws(TemplateError) -> String {
        var evaluation = TemplateEvaluation(data: data, text: text, name: name)
        return try evaluation.run(nodes)
    }
}

extension Template {
    /// Like ``apply(to:)``; what goes wrong is what a command says, behind `complaint`.
    func render(_ data: Data, complaint: String) throws(CommandError) -> String {
        do throws(TemplateError) {
            return try apply(to: data)
        } catch {
            throw CommandError(complaint + error.message)
        }
    }
}
