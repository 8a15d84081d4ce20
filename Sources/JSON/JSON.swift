/// A JSON value (RFC 8259). Objects keep the order of their members; numbers keep their text.
package enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    /// The literal as it stood in the text, such as `12`, `-0.5` or `1e9`.
    case number(String)
    case string(String)
    case array([JSON])
    case object(JSONObject)
}

/// Why a text is not JSON, or a document not what was asked for.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

extension JSON {
    package var stringValue: String? { if case .string(let value) = self { value } else { nil } }
    package var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var arrayValue: [JSON]? { if case .array(let value) = self { value } else { nil } }
    package var objectValue: JSONObject? { if case .object(let value) = self { value } else { nil } }
    package var intValue: Int64? { if case .number(let text) = self { Int64(text) } else { nil } }
    package var doubleValue: Double? { if case .number(let text) = self { Double(text) } else { nil } }
    package var isNull: Bool { if case .null = self { true } else { false } }

    /// The member of that exact name, or nil when there is none or this is not an object.
    package subscript(key: String) -> JSON? {
        get { objectValue?[key] }
        set {
            guard case .object(var object) = self else { return }
            object[key] = newValue
            self = .object(object)
        }
    }

    /// The element at `index`, or nil when there is none or this is not an array.
    package subscript(index: Int) -> JSON? {
        guard let elements = arrayValue, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .number(String(value)) }
    package init(floatLiteral value: Double) { self = .number(JSON.literal(value)) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(JSONObject(elements)) }
    package init(nilLiteral: ()) { self = .null }

    package init(_ value: some BinaryInteger) { self = .number(String(value)) }
    // The usual ones without the standard library's way, which has the runtime look up the types of each kind of number.
    package init(_ value: Int) { self = .number(JSON.decimal(value < 0, UInt64(value.magnitude))) }
    package init(_ value: Int32) { self.init(Int(value)) }
    package init(_ value: UInt64) { self = .number(JSON.decimal(false, value)) }

    private static func decimal(_ isNegative: Bool, _ magnitude: UInt64) -> String {
        var digits: [UInt8] = []
        var rest = magnitude
        repeat {
            digits.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        if isNegative { digits.append(UInt8(ascii: "-")) }
        digits.reverse()
        return String(decoding: digits, as: UTF8.self)
    }

    package init(_ value: Double) { self = .number(JSON.literal(value)) }

    /// The shortest text for `value`, without a fraction when it has none, as Go writes it.
    static func literal(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return String(whole) }
        return value.isFinite ? value.description : "0"
    }
}
