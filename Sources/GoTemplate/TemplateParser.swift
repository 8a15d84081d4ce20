internal import JSON

/// Reads the tokens of a template into nodes.
struct TemplateParser {
    private let lexer: TemplateLexer
    private var index = 0
    private var variables: [String] = ["$"]
    private var loops = 0

    private enum Ending { case end, otherwise, otherwiseIf(TemplatePipeline), otherwiseWith(TemplatePipeline), atEnd }

    static func parse(_ text: String) throws(TemplateError) -> [TemplateNode] {
        var parser = TemplateParser(lexer: try TemplateLexer(text))
        let (nodes, ending) = try parser.list()
        switch ending {
        case .atEnd: return nodes
        case .end: throw parser.failure("unexpected {{end}}")
        default: throw parser.failure("unexpected {{else}}")
        }
    }

    private init(lexer: TemplateLexer) {
        self.lexer = lexer
    }

    private func failure(_ message: String) -> TemplateError {
        let position = index < lexer.items.count ? lexer.items[index].position : lexer.items.last?.position ?? 0
        return lexer.failure(message, at: position)
    }

    private var peek: TemplateLexer.Token? { index < lexer.items.count ? lexer.items[index].token : nil }

    private mutating func skipSpace() { while peek == .space { index += 1 } }

    // MARK: Nodes

    private mutating func list() throws(TemplateError) -> ([TemplateNode], Ending) {
        var nodes: [TemplateNode] = []
        while let token = peek {
            if case .text(let text) = token {
                index += 1
                nodes.append(.text(text))
                continue
            }
            index += 1  // the opening braces
            skipSpace()
            guard case .word(let word)? = peek else {
                nodes.append(.action(try pipeline(until: .close, in: "command")))
                continue
            }
            switch word {
            case "end":
                index += 1
                try close("end")
                return (nodes, .end)
            case "else":
                index += 1
                skipSpace()
                if peek == .word("if") || peek == .word("with") {
                    let isIf = peek == .word("if")
                    index += 1
                    let condition = try pipeline(until: .close, in: isIf ? "if" : "with")
                    return (nodes, isIf ? .otherwiseIf(condition) : .otherwiseWith(condition))
                }
                try close("else")
                return (nodes, .otherwise)
            case "if", "with", "range":
                index += 1
                nodes.append(try block(word))
            case "break", "continue":
                guard loops > 0 else { throw failure("{{\(word)}} outside {{range}}") }
                index += 1
                try close(word)
                nodes.append(word == "break" ? .breakLoop : .continueLoop)
            case "define", "template", "block":
                throw failure("{{\(word)}} is not supported")
            default:
                nodes.append(.action(try pipeline(until: .close, in: "command")))
            }
        }
        return (nodes, .atEnd)
    }

    private mutating func close(_ context: String) throws(TemplateError) {
        skipSpace()
        guard peek == .close else { throw failure("unexpected \(describe(peek)) in \(context)") }
        index += 1
    }

    private mutating func block(_ word: String) throws(TemplateError) -> TemplateNode {
        let scope = variables.count
        defer { variables.removeLast(variables.count - scope) }
        let condition = try pipeline(until: .close, in: word)
        return try branches(word, condition)
    }

    private mutating func branches(_ word: String, _ condition: TemplatePipeline) throws(TemplateError) -> TemplateNode
    {
        if word == "range" { loops += 1 }
        let (body, ending) = try list()
        if word == "range" { loops -= 1 }
        var otherwise: [TemplateNode] = []
        switch ending {
        case .end: break
        case .atEnd: throw failure("unexpected EOF")
        case .otherwise:
            let (nodes, last) = try list()
            switch last {
            case .end: otherwise = nodes
            case .atEnd: throw failure("unexpected EOF")
            default: throw failure("expected end; found {{else}}")
            }
        case .otherwiseIf(let next):
            otherwise = [try branches("if", next)]
        case .otherwiseWith(let next):
            otherwise = [try branches("with", next)]
        }
        switch word {
        case "if": return .conditional(condition, then: body, otherwise: otherwise)
        case "with": return .with(condition, then: body, otherwise: otherwise)
        default: return .range(condition, body: body, otherwise: otherwise)
        }
    }

    // MARK: Pipelines

    private mutating func pipeline(
        until end: TemplateLexer.Token, in context: String
    ) throws(TemplateError) -> TemplatePipeline {
        var pipeline = TemplatePipeline()
        skipSpace()
        try declarations(&pipeline, isRange: context == "range")
        while true {
            skipSpace()
            if peek == end {
                index += 1
                if pipeline.commands.isEmpty { throw failureBefore("missing value for \(context)") }
                return pipeline
            }
            pipeline.commands.append(try command(end, context))
            skipSpace()
            if peek == .pipe {
                index += 1
                skipSpace()
                if peek == end { throw failure("missing value for \(context)") }
            }
        }
    }

    private func failureBefore(_ message: String) -> TemplateError {
        lexer.failure(message, at: lexer.items[max(0, index - 1)].position)
    }

    private mutating func declarations(_ pipeline: inout TemplatePipeline, isRange: Bool) throws(TemplateError) {
        guard case .variable(let first)? = peek else { return }
        let start = index
        index += 1
        skipSpace()
        var names = [first]
        if isRange, peek == .comma {
            index += 1
            skipSpace()
            guard case .variable(let second)? = peek else { throw failure("range can only initialize variables") }
            names.append(second)
            index += 1
            skipSpace()
        }
        switch peek {
        case .declare: variables += names
        case .assign:
            for name in names where !variables.contains(name) { throw failure("undefined variable \(quoted(name))") }
            pipeline.isAssignment = true
        default:
            index = start
            return
        }
        index += 1
        pipeline.variables = names
    }

    private mutating func command(
        _ end: TemplateLexer.Token, _ context: String
    ) throws(TemplateError) -> TemplateCommand {
        var operands: [TemplateOperand] = []
        while true {
            skipSpace()
            guard let token = peek else { throw failure("unclosed action") }
            if token == .pipe || token == end { break }
            operands.append(try operand(context))
            if let next = peek, next != .space, next != .pipe, next != end {
                throw failure("unexpected \(describe(next)) in operand")
            }
        }
        if operands.isEmpty { throw failure("empty command") }
        if operands.count > 1 {
            switch operands[0].kind {
            case .function: break
            case .literal(let value) where operands[0].fields.isEmpty:
                throw failure("can't give argument to non-function \(value.text())")
            default: break
            }
        }
        return TemplateCommand(operands: operands)
    }

    private mutating func operand(_ context: String) throws(TemplateError) -> TemplateOperand {
        let item = lexer.items[index]
        var fields: [String] = []
        let kind: TemplateOperand.Kind
        index += 1
        switch item.token {
        case .dot: kind = .dot
        case .field(let name):
            kind = .dot
            fields = [name]
        case .variable(let name):
            guard variables.contains(name) else { throw failureBefore("undefined variable \(quoted(name))") }
            kind = .variable(name)
        case .number(let text): kind = .literal(.number(text))
        case .string(let text): kind = .literal(.string(text))
        case .character(let value): kind = .literal(JSON(value))
        case .word("true"): kind = .literal(true)
        case .word("false"): kind = .literal(false)
        case .word("nil"): kind = .null
        case .word(let name):
            guard TemplateFunctions.names.contains(name) else {
                throw failureBefore("function \(quoted(name)) not defined")
            }
            kind = .function(name)
        case .parenthesisOpen: kind = .parentheses(try pipeline(until: .parenthesisClose, in: "parenthesized pipeline"))
        default:
            throw failureBefore("unexpected \(describe(item.token)) in \(context)")
        }
        var position = item.position
        while case .field(let name)? = peek {
            // Go says of a chain that it stands where its second link does.
            if fields.count == 1 { position = lexer.items[index].position }
            fields.append(name)
            index += 1
        }
        let source = lexer.source(item.position..<lexer.items[index - 1].end)
        return TemplateOperand(kind: kind, fields: fields, position: position, source: source)
    }

    private func describe(_ token: TemplateLexer.Token?) -> String {
        switch token {
        case nil: "EOF"
        case .text(let text): quoted(text)
        case .open: "\"{{\""
        case .close: "\"}}\""
        case .space: "\" \""
        case .dot: "\".\""
        case .field(let name): "<.\(name)>"
        case .variable(let name): quoted(name)
        case .word(let name): "<\(name)>"
        case .number(let text): quoted(text)
        case .string(let text): quoted(quoted(text))
        case .character(let value): "\(value)"
        case .pipe: "\"|\""
        case .declare: "\":=\""
        case .assign: "\"=\""
        case .comma: "\",\""
        case .parenthesisOpen: "\"(\""
        case .parenthesisClose: "\")\""
        }
    }
}
