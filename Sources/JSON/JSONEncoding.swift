/// Writes `Encodable` values as JSON, members in the order in which they are encoded (declaration order for synthesised
/// conformances), like Go writes its structures.
package enum JSONEncoding {
    /// `value` as a document in UTF-8 without white space.
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        try json(value).serialized()
    }

    /// `value` as a JSON value.
    package static func json(_ value: some Encodable) throws -> JSON {
        if let json = value as? JSON { return json }
        let slot = Slot()
        try slot.put(value, [])
        return slot.json
    }
}

/// A structure whose empty optionals are written as `null` rather than left out, as Go writes fields without `omitempty`.
package protocol WritesNull: Encodable {
    /// The members that are left out when empty all the same.
    static var omitted: Set<String> { get }
}

extension WritesNull {
    package static var omitted: Set<String> { [] }
}

/// Where an encoder leaves what it wrote. A class because `Encoder` hands out containers that outlive the call.
private final class Slot {
    enum Content {
        case value(JSON)
        case array([Slot])
        case object([(String, Slot)])
    }

    var content: Content = .value(.null)

    var json: JSON {
        switch content {
        case .value(let value): value
        case .array(let slots): .array(slots.map(\.json))
        case .object(let members): .object(JSONObject(members.map { ($0.0, $0.1.json) }))
        }
    }

    func member(_ key: String) -> Slot {
        let slot = Slot()
        if case .object(var members) = content {
            content = .value(.null)
            members.append((key, slot))
            content = .object(members)
        } else {
            content = .object([(key, slot)])
        }
        return slot
    }

    func element() -> Slot {
        let slot = Slot()
        if case .array(var slots) = content {
            content = .value(.null)
            slots.append(slot)
            content = .array(slots)
        } else {
            content = .array([slot])
        }
        return slot
    }

    func put(_ value: some Encodable, _ path: [any CodingKey]) throws {
        switch value {
        case let json as JSON: content = .value(json)
        case let text as String: content = .value(.string(text))
        case let flag as Bool: content = .value(.bool(flag))
        case let number as Double: content = .value(JSON(number))
        case let number as Float: content = .value(JSON(Double(number)))
        case let number as any BinaryInteger & Encodable: content = .value(.number(String(describing: number)))
        // Dictionaries are written with sorted keys, as Go writes maps.
        case let map as any StringMap: try map.put(into: self, path)
        default:
            let omitted = (value as? any WritesNull).map { type(of: $0).omitted }
            try value.encode(to: ValueEncoder(slot: self, codingPath: path, omitted: omitted))
        }
    }
}

private protocol StringMap {
    func put(into slot: Slot, _ path: [any CodingKey]) throws
}

extension Dictionary: StringMap where Key == String, Value: Encodable {
    fileprivate func put(into slot: Slot, _ path: [any CodingKey]) throws {
        slot.content = .object([])
        for key in keys.sorted() {
            guard let value = self[key] else { continue }
            try slot.member(key).put(value, path)
        }
    }
}

private struct ValueEncoder: Encoder {
    let slot: Slot
    let codingPath: [any CodingKey]
    /// For a ``WritesNull``: the members left out when empty. nil: all are.
    var omitted: Set<String>?
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if case .object = slot.content {} else { slot.content = .object([]) }
        return KeyedEncodingContainer(Keyed(slot: slot, codingPath: codingPath, omitted: omitted))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if case .array = slot.content {} else { slot.content = .array([]) }
        return Unkeyed(slot: slot, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        Single(slot: slot, codingPath: codingPath)
    }
}

private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let slot: Slot
    let codingPath: [any CodingKey]
    let omitted: Set<String>?

    private func optional(_ value: (some Encodable)?, _ key: Key) throws {
        if let value {
            try encode(value, forKey: key)
        } else if let omitted, !omitted.contains(key.stringValue) {
            encodeNil(forKey: key)
        }
    }

    func encodeIfPresent(_ value: (some Encodable)?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: String?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Int64?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try optional(value, key) }

    func encodeNil(forKey key: Key) { slot.member(key.stringValue).content = .value(.null) }

    func encode(_ value: some Encodable, forKey key: Key) throws {
        try slot.member(key.stringValue).put(value, codingPath + [key])
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        ValueEncoder(slot: slot.member(key.stringValue), codingPath: codingPath + [key]).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        ValueEncoder(slot: slot.member(key.stringValue), codingPath: codingPath + [key]).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { ValueEncoder(slot: slot.member("super"), codingPath: codingPath) }

    func superEncoder(forKey key: Key) -> any Encoder {
        ValueEncoder(slot: slot.member(key.stringValue), codingPath: codingPath + [key])
    }
}

private struct Unkeyed: UnkeyedEncodingContainer {
    let slot: Slot
    let codingPath: [any CodingKey]
    var count: Int { if case .array(let slots) = slot.content { slots.count } else { 0 } }

    func encodeNil() { slot.element().content = .value(.null) }

    func encode(_ value: some Encodable) throws { try slot.element().put(value, codingPath) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        ValueEncoder(slot: slot.element(), codingPath: codingPath).container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        ValueEncoder(slot: slot.element(), codingPath: codingPath).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { ValueEncoder(slot: slot.element(), codingPath: codingPath) }
}

private struct Single: SingleValueEncodingContainer {
    let slot: Slot
    let codingPath: [any CodingKey]

    func encodeNil() { slot.content = .value(.null) }

    func encode(_ value: some Encodable) throws { try slot.put(value, codingPath) }

    // The primitive forms end the recursion: a primitive's own `encode(to:)` comes back here.
    func encode(_ value: Bool) { slot.content = .value(.bool(value)) }
    func encode(_ value: String) { slot.content = .value(.string(value)) }
    func encode(_ value: Double) { slot.content = .value(JSON(value)) }
    func encode(_ value: Float) { slot.content = .value(JSON(Double(value))) }
    func encode(_ value: Int) { slot.content = .value(JSON(value)) }
    func encode(_ value: Int8) { slot.content = .value(JSON(value)) }
    func encode(_ value: Int16) { slot.content = .value(JSON(value)) }
    func encode(_ value: Int32) { slot.content = .value(JSON(value)) }
    func encode(_ value: Int64) { slot.content = .value(JSON(value)) }
    func encode(_ value: UInt) { slot.content = .value(JSON(value)) }
    func encode(_ value: UInt8) { slot.content = .value(JSON(value)) }
    func encode(_ value: UInt16) { slot.content = .value(JSON(value)) }
    func encode(_ value: UInt32) { slot.content = .value(JSON(value)) }
    func encode(_ value: UInt64) { slot.content = .value(JSON(value)) }
}

extension JSON: Encodable {
    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .bool(let value): try value.encode(to: encoder)
        case .string(let value): try value.encode(to: encoder)
        case .number(let literal):
            if let whole = Int64(literal) {
                try whole.encode(to: encoder)
            } else {
                try (Double(literal) ?? 0).encode(to: encoder)
            }
        case .array(let elements): try elements.encode(to: encoder)
        case .object(let object):
            var container = encoder.container(keyedBy: Name.self)
            for (key, value) in object { try container.encode(value, forKey: Name(stringValue: key)) }
        }
    }
}

/// A member's name known only at run time.
struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}
