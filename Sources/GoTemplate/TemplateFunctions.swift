internal import JSON

/// The functions a template may call: Go's own and those `docker` adds.
enum TemplateFunctions {
    static let names: Set<String> = [
        "and", "or", "not", "len", "index", "slice", "print", "printf", "println", "html", "js", "urlquery", "eq", "ne",
        "lt", "le", "gt", "ge", "json", "split", "join", "title", "lower", "upper", "pad", "truncate",
    ]

    /// A failed call; the evaluator adds the place.
    struct Failure: Error {
        var message: String
        init(_ message: String) { self.message = message }
    }

    /// Calls `name`. `and` and `or`, which need not evaluate everything, are the evaluator's.
    static func call(_ name: String, _ arguments: [JSON?]) throws(Failure) -> JSON? {
        switch name {
        case "not":
            try expect(name, arguments, 1...1)
            return .bool(!TemplateValue.isTrue(arguments[0]))
        case "len":
            try expect(name, arguments, 1...1)
            return try length(arguments[0])
        case "index":
            try expect(name, arguments, 1...Int.max)
            return try index(arguments)
        case "slice":
            try expect(name, arguments, 1...4)
            return try slice(arguments)
        case "print": return .string(print(arguments))
        case "println": return .string(arguments.map { TemplateValue.text($0) }.joined(separator: " ") + "\n")
        case "printf":
            try expect(name, arguments, 1...Int.max)
            return .string(Printf.format(try string(name, arguments[0]), Array(arguments.dropFirst())))
        case "html", "js": return .string(escapeHTML(print(arguments)))
        case "urlquery": return .string(percentEncoded(print(arguments)).replacing("%20", with: "+"))
        case "eq", "ne", "lt", "le", "gt", "ge": return .bool(try compare(name, arguments))
        case "json":
            try expect(name, arguments, 1...1)
            return .string(TemplateValue.json(arguments[0]))
        case "split":
            try expect(name, arguments, 2...2)
            return .array(split(try string(name, arguments[0]), try string(name, arguments[1])))
        case "join":
            try expect(name, arguments, 2...2)
            let elements = arguments[0]?.arrayValue ?? []
            return .string(elements.map { TemplateValue.text($0) }.joined(separator: try string(name, arguments[1])))
        case "title":
            try expect(name, arguments, 1...1)
            return .string(title(try string(name, arguments[0])))
        case "lower":
            try expect(name, arguments, 1...1)
            return .string(try string(name, arguments[0]).lowercased())
        case "upper":
            try expect(name, arguments, 1...1)
            return .string(try string(name, arguments[0]).uppercased())
        case "pad":
            try expect(name, arguments, 3...3)
            let text = try string(name, arguments[0])
            if text.isEmpty { return "" }
            return .string(spaces(arguments[1]) + text + spaces(arguments[2]))
        case "truncate":
            try expect(name, arguments, 2...2)
            let text = try string(name, arguments[0])
            return .string(String(text.prefix(Int(max(0, arguments[1]?.intValue ?? 0)))))
        default: throw Failure("\(quoted(name)) is not a defined function")
        }
    }

    private static func expect(_ name: String, _ arguments: [JSON?], _ range: ClosedRange<Int>) throws(Failure) {
        guard !range.contains(arguments.count) else { return }
        let wanted = range.upperBound == Int.max ? "at least \(range.lowerBound)" : "\(range.lowerBound)"
        throw Failure("wrong number of args for \(name): want \(wanted) got \(arguments.count)")
    }

    private static func string(_ name: String, _ value: JSON?) throws(Failure) -> String {
        if let text = value?.stringValue { return text }
        if case .number(let literal)? = value { return literal }
        throw Failure("wrong type for value; expected string; got \(TemplateValue.typeName(value))")
    }

    private static func spaces(_ value: JSON?) -> String {
        String(repeating: " ", count: Int(min(max(0, value?.intValue ?? 0), 1 << 16)))
    }

    /// Like fmt.Sprint: a space between two operands when neither is a string.
    static func print(_ arguments: [JSON?]) -> String {
        var result = ""
        for (position, value) in arguments.enumerated() {
            if position > 0, value?.stringValue == nil, arguments[position - 1]?.stringValue == nil { result += " " }
            result += TemplateValue.text(value)
        }
        return result
    }

    private static func length(_ value: JSON?) throws(Failure) -> JSON {
        switch value {
        case .string(let text)?: JSON(text.utf8.count)
        case .array(let elements)?: JSON(elements.count)
        case .object(let object)?: JSON(object.count)
        case .null?: 0
        default: throw Failure("error calling len: len of type \(TemplateValue.typeName(value))")
        }
    }

    private static func index(_ arguments: [JSON?]) throws(Failure) -> JSON? {
        var value = arguments[0]
        for key in arguments.dropFirst() {
            switch value {
            case .object(let object)?:
                guard let name = key?.stringValue else {
                    throw Failure(
                        "error calling index: value has type \(TemplateValue.typeName(key)); should be string")
                }
                if let found = object[name] {
                    value = found
                } else {
                    // The zero value of what such a map holds: labels and options are texts.
                    value = object.allSatisfy { $0.1.stringValue != nil } ? "" : .null
                }
            case .array(let elements)?:
                guard let position = key?.intValue else {
                    throw Failure(
                        "error calling index: cannot index slice/array with type \(TemplateValue.typeName(key))")
                }
                guard elements.indices.contains(Int(position)) else {
                    throw Failure(
                        "error calling index: \(position < 0 ? "index" : "reflect: slice index") out of range\(position < 0 ? ": \(position)" : "")"
                    )
                }
                value = elements[Int(position)]
            case .string(let text)?:
                let bytes = Array(text.utf8)
                guard let position = key?.intValue, bytes.indices.contains(Int(position)) else {
                    throw Failure("error calling index: index out of range: \(TemplateValue.text(key))")
                }
                value = JSON(bytes[Int(position)])
            case .null?, nil: throw Failure("error calling index: index of untyped nil")
            default: throw Failure("error calling index: can't index item of type \(TemplateValue.typeName(value))")
            }
        }
        return value
    }

    private static func slice(_ arguments: [JSON?]) throws(Failure) -> JSON {
        func bounds(_ count: Int) throws(Failure) -> Range<Int> {
            var limits: [Int] = []
            for argument in arguments.dropFirst() {
                guard let value = argument?.intValue, value >= 0, value <= Int64(count) else {
                    throw Failure("error calling slice: index out of range: \(TemplateValue.text(argument))")
                }
                limits.append(Int(value))
            }
            let low = limits.first ?? 0
            let high = limits.count > 1 ? limits[1] : count
            guard low <= high else { throw Failure("error calling slice: invalid slice index: \(low) > \(high)") }
            return low..<high
        }
        switch arguments[0] {
        case .string(let text)?:
            let bytes = Array(text.utf8)
            return .string(String(decoding: bytes[try bounds(bytes.count)], as: UTF8.self))
        case .array(let elements)?: return .array(Array(elements[try bounds(elements.count)]))
        default:
            throw Failure("error calling slice: can't slice item of type \(TemplateValue.typeName(arguments[0]))")
        }
    }

    private static func compare(_ name: String, _ arguments: [JSON?]) throws(Failure) -> Bool {
        guard arguments.count >= 2 else { throw Failure("error calling \(name): missing argument for comparison") }
        if name == "eq" || name == "ne" {
            let first = arguments[0]
            var isEqual = false
            for other in arguments.dropFirst() where try equal(name, first, other) { isEqual = true }
            return name == "eq" ? isEqual : !isEqual
        }
        let order: Int
        switch (arguments[0], arguments[1]) {
        case (.number(let left)?, .number(let right)?):
            if let left = Int64(left), let right = Int64(right) {
                order = left < right ? -1 : left > right ? 1 : 0
            } else {
                let (left, right) = (Double(left) ?? 0, Double(right) ?? 0)
                order = left < right ? -1 : left > right ? 1 : 0
            }
        case (.string(let left)?, .string(let right)?):
            order = left.utf8.lexicographicallyPrecedes(right.utf8) ? -1 : left == right ? 0 : 1
        default: throw Failure("error calling \(name): incompatible types for comparison")
        }
        switch name {
        case "lt": return order < 0
        case "le": return order <= 0
        case "gt": return order > 0
        default: return order >= 0
        }
    }

    private static func equal(_ name: String, _ left: JSON?, _ right: JSON?) throws(Failure) -> Bool {
        switch (left, right) {
        case (.number(let left)?, .number(let right)?): return left == right || Double(left) == Double(right)
        case (.string(let left)?, .string(let right)?): return left == right
        case (.bool(let left)?, .bool(let right)?): return left == right
        case (nil, nil), (.null?, .null?), (nil, .null?), (.null?, nil): return true
        case (nil, _), (.null?, _), (_, nil), (_, .null?): return false
        case (.array?, _), (.object?, _):
            throw Failure(
                "error calling \(name): non-comparable type \(TemplateValue.text(left)): \(TemplateValue.typeName(left))"
            )
        default: throw Failure("error calling \(name): incompatible types for comparison")
        }
    }

    private static func split(_ text: String, _ separator: String) -> [JSON] {
        if separator.isEmpty { return text.map { .string(String($0)) } }
        var parts: [JSON] = []
        var rest = text[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(.string(String(rest[..<range.lowerBound])))
            rest = rest[range.upperBound...]
        }
        return parts + [.string(String(rest))]
    }

    private static func title(_ text: String) -> String {
        var result = ""
        var isStart = true
        for character in text {
            result += isStart ? character.uppercased() : String(character)
            // text: words of a language are made of what people see as letters
            isStart = !(character.isLetter || character.isNumber || character == "_" || character == "'")
        }
        return result
    }

    private static func escapeHTML(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&#34;").replacing("'", with: "&#39;")
    }
}
