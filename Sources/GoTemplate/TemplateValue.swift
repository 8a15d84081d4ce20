package import JSON

/// Go's ways with values, applied to JSON.
package enum TemplateValue {
    /// As fmt.Print shows it: `map[a:b]`, `[a b]`.
    package static func text(_ value: JSON?) -> String {
        switch value {
        case nil: return "<no value>"
        case .null?: return "<nil>"
        case .bool(let value)?: return value ? "true" : "false"
        case .number(let literal)?: return literal
        case .string(let text)?: return text
        case .array(let elements)?: return "[" + elements.map { text($0) }.joined(separator: " ") + "]"
        case .object(let object)?:
            return "map[" + sortedKeys(object).map { "\($0):\(member(object[$0]))" }.joined(separator: " ") + "]"
        }
    }

    /// Empty objects in maps are the members of Go's sets.
    private static func member(_ value: JSON?) -> String {
        if case .object(let object)? = value, object.isEmpty { return "{}" }
        return text(value)
    }

    package static func sortedKeys(_ object: JSONObject) -> [String] {
        object.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    static func isTrue(_ value: JSON?) -> Bool {
        switch value {
        case nil, .null?: false
        case .bool(let value)?: value
        case .number(let literal)?: Double(literal) != 0
        case .string(let text)?: !text.isEmpty
        case .array(let elements)?: !elements.isEmpty
        case .object(let object)?: !object.isEmpty
        }
    }

    /// One line of JSON with `<`, `>` and `&` as they are, as the function `json` writes it.
    package static func json(_ value: JSON?, indent: String? = nil) -> String {
        unescaped((value ?? .null).serialized(indent: indent))
    }

    /// Takes back Go's escapes for use inside HTML.
    static func unescaped(_ bytes: [UInt8]) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == UInt8(ascii: "\\"), index + 1 < bytes.count else {
                result.append(byte)
                index += 1
                continue
            }
            let escape = bytes[index..<min(index + 6, bytes.count)]
            if escape.elementsEqual("\\u003c".utf8) {
                result.append(UInt8(ascii: "<"))
            } else if escape.elementsEqual("\\u003e".utf8) {
                result.append(UInt8(ascii: ">"))
            } else if escape.elementsEqual("\\u0026".utf8) {
                result.append(UInt8(ascii: "&"))
            } else {
                result += bytes[index...index + 1]
                index += 2
                continue
            }
            index += 6
        }
        return String(decoding: result, as: UTF8.self)
    }

    static func typeName(_ value: JSON?) -> String {
        switch value {
        case nil, .null?: "nil"
        case .bool?: "bool"
        case .number(let literal)?: Int64(literal) == nil ? "float64" : "int"
        case .string?: "string"
        case .array?: "[]interface {}"
        case .object?: "map[string]interface {}"
        }
    }
}
