internal import JSON

/// One application of a template to data.
struct TemplateEvaluation {
    private let data: Template.Data
    private let text: String
    private let name: String
    private var output = ""
    private var variables: [(name: String, value: JSON?)]

    private enum Flow { case on, breakLoop, continueLoop }

    init(data: Template.Data, text: String, name: String) {
        self.data = data
        self.name = name
        self.text = text
        variables = [("$", data.root)]
    }

    mutating func run(_ nodes: [TemplateNode]) throws(TemplateError) -> String {
        _ = try walk(nodes, dot: data.root)
        return output
    }

    private func failure(_ operand: TemplateOperand, _ message: String) -> TemplateError {
        let before = Array(text.utf8.prefix(operand.position))
        let line = 1 + before.count { $0 == 10 }
        let column = before.lastIndex(of: 10).map { operand.position - $0 - 1 } ?? operand.position
        let source = operand.source.count > 20 ? String(operand.source.prefix(20)) + "..." : operand.source
        return TemplateError(
            message: ":\(line):\(column): executing \(quoted(name)) at <\(source)>: \(message)", isSyntax: false)
    }

    // MARK: Nodes

    private mutating func walk(_ nodes: [TemplateNode], dot: JSON?) throws(TemplateError) -> Flow {
        for node in nodes {
            let flow: Flow
            switch node {
            case .text(let text):
                output += text
                flow = .on
            case .action(let pipeline):
                let value = try evaluate(pipeline, dot: dot)
                if pipeline.variables.isEmpty { output += shown(value, pipeline) }
                flow = .on
            case .conditional(let pipeline, let then, let otherwise):
                let mark = variables.count
                let condition = TemplateValue.isTrue(try evaluate(pipeline, dot: dot))
                flow = try walk(condition ? then : otherwise, dot: dot)
                variables.removeLast(variables.count - mark)
            case .with(let pipeline, let then, let otherwise):
                let mark = variables.count
                let value = try evaluate(pipeline, dot: dot)
                flow = TemplateValue.isTrue(value) ? try walk(then, dot: value) : try walk(otherwise, dot: dot)
                variables.removeLast(variables.count - mark)
            case .range(let pipeline, let body, let otherwise):
                flow = try loop(pipeline, body, otherwise, dot: dot)
            case .breakLoop: flow = .breakLoop
            case .continueLoop: flow = .continueLoop
            }
            if flow != .on { return flow }
        }
        return .on
    }

    /// What an action prints. A lone field that is null shows what Go's typed documents hold there.
    private func shown(_ value: JSON?, _ pipeline: TemplatePipeline) -> String {
        guard value == .null else { return TemplateValue.text(value) }
        guard pipeline.commands.count == 1, pipeline.commands[0].operands.count == 1,
            let name = pipeline.commands[0].operands[0].fields.last
        else { return "<no value>" }
        if data.types.isList(name) { return "[]" }
        if data.types.isMap(name) { return "map[]" }
        return "<nil>"
    }

    private mutating func loop(
        _ pipeline: TemplatePipeline, _ body: [TemplateNode], _ otherwise: [TemplateNode], dot: JSON?
    ) throws(TemplateError) -> Flow {
        let mark = variables.count
        defer { variables.removeLast(variables.count - mark) }
        var source = pipeline
        let names = pipeline.variables
        source.variables = []
        let value = try evaluate(source, dot: dot)
        var pairs: [(JSON, JSON)] = []
        switch value {
        case .array(let elements)?:
            pairs = elements.enumerated().map { (JSON($0.offset), $0.element) }
        case .object(let object)?:
            pairs = TemplateValue.sortedKeys(object).map { (.string($0), object[$0] ?? .null) }
        case .number(let literal)?:
            if let count = Int(literal), count > 0, count <= 1_000_000 {
                pairs = (0..<count).map { (JSON($0), JSON($0)) }
            }
        case nil, .null?: break
        default:
            if let operand = pipeline.commands.first?.operands.first {
                throw failure(operand, "range can't iterate over \(TemplateValue.text(value))")
            }
        }
        if pairs.isEmpty { return try walk(otherwise, dot: dot) }
        for (key, element) in pairs {
            let inner = variables.count
            if names.count == 1 { set(names[0], element, isNew: !pipeline.isAssignment) }
            if names.count == 2 {
                set(names[0], key, isNew: !pipeline.isAssignment)
                set(names[1], element, isNew: !pipeline.isAssignment)
            }
            let flow = try walk(body, dot: element)
            variables.removeLast(variables.count - inner)
            if flow == .breakLoop { break }
        }
        return .on
    }

    private mutating func set(_ name: String, _ value: JSON?, isNew: Bool) {
        if !isNew, let index = variables.lastIndex(where: { $0.name == name }) {
            variables[index].value = value
        } else {
            variables.append((name, value))
        }
    }

    // MARK: Pipelines

    private mutating func evaluate(_ pipeline: TemplatePipeline, dot: JSON?) throws(TemplateError) -> JSON? {
        var value: JSON?
        for (index, command) in pipeline.commands.enumerated() {
            value = try evaluate(command, dot: dot, piped: index == 0 ? nil : .some(value))
        }
        for name in pipeline.variables { set(name, value, isNew: !pipeline.isAssignment) }
        return value
    }

    /// `piped` is what the command before left: the last argument.
    private mutating func evaluate(_ command: TemplateCommand, dot: JSON?, piped: JSON??) throws(TemplateError) -> JSON?
    {
        let first = command.operands[0]
        if case .function(let name) = first.kind {
            if name == "and" || name == "or" { return try shortCut(name, command, dot, piped) }
            var arguments: [JSON?] = []
            for operand in command.operands.dropFirst() { arguments.append(try value(of: operand, dot: dot)) }
            if let piped { arguments.append(piped) }
            return try follow(first.fields, try call(name, arguments, first), first)
        }
        if command.operands.count > 1 || piped != nil {
            guard case .dot = first.kind, first.fields.count == 1, let method = data.methods[first.fields[0]] else {
                let what = command.operands.count > 1 ? "has arguments but cannot be invoked as function" : ""
                throw failure(
                    first,
                    piped == nil
                        ? "\(first.fields.last ?? first.source) \(what)"
                        : "can't give argument to non-function \(first.source)")
            }
            var arguments: [JSON?] = []
            for operand in command.operands.dropFirst() { arguments.append(try value(of: operand, dot: dot)) }
            if let piped { arguments.append(piped) }
            return method(arguments)
        }
        return try value(of: first, dot: dot)
    }

    private func call(
        _ name: String, _ arguments: [JSON?], _ operand: TemplateOperand
    ) throws(TemplateError) -> JSON? {
        if name == "json", data.escapesMarkup, arguments.count == 1, arguments[0] == data.root {
            return .string(data.root.text())
        }
        do throws(TemplateFunctions.Failure) {
            return try TemplateFunctions.call(name, arguments)
        } catch {
            throw failure(operand, error.message)
        }
    }

    private mutating func shortCut(
        _ name: String, _ command: TemplateCommand, _ dot: JSON?, _ piped: JSON??
    ) throws(TemplateError) -> JSON? {
        var last: JSON?
        for operand in command.operands.dropFirst() {
            last = try value(of: operand, dot: dot)
            if TemplateValue.isTrue(last) == (name == "or") { return last }
        }
        if let piped { last = piped }
        return last
    }

    private mutating func value(of operand: TemplateOperand, dot: JSON?) throws(TemplateError) -> JSON? {
        switch operand.kind {
        case .dot: return try follow(operand.fields, dot, operand)
        case .null: return .null
        case .literal(let value): return value
        case .variable(let name):
            let value = variables.last { $0.name == name }?.value
            return try follow(operand.fields, value, operand)
        case .parentheses(let pipeline):
            return try follow(operand.fields, try evaluate(pipeline, dot: dot), operand)
        case .function(let name):
            return try follow(operand.fields, try call(name, [], operand), operand)
        }
    }

    /// Goes down into documents by the names of their members.
    private func follow(
        _ fields: [String], _ start: JSON?, _ operand: TemplateOperand
    ) throws(TemplateError) -> JSON? {
        var value = start
        for (position, name) in fields.enumerated() {
            switch value {
            case .object(let object)?:
                if let found = object[name] ?? data.types.documentName(name).flatMap({ object[$0] }) {
                    value = found
                } else if position > 0, data.types.isTextMap(fields[position - 1]) {
                    // Go's map[string]string: not there is no error, and no text either.
                    value = nil
                } else if data.typeName == nil, let zero = data.types.zero(name, in: object) {
                    value = zero
                } else if let typeName = data.typeName {
                    throw failure(operand, "can't evaluate field \(name) in type \(typeName)")
                } else {
                    throw failure(operand, "map has no entry for key \(quoted(name))")
                }
            case .null?, nil:
                throw failure(operand, "nil pointer evaluating interface {}.\(name)")
            default:
                throw failure(operand, "can't evaluate field \(name) in type interface {}")
            }
        }
        return value
    }
}
