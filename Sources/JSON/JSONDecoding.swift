/// Reads `Decodable` values from JSON as leniently as Go: names match without regard to case, unknown members are ignored,
/// and `null` or a missing member is an empty optional or the zero value (`""`, 0, false, an empty list, map or structure).
///
/// Two members that both match one name are refused, where Go takes the last: whoever authorises a request may have read the
/// other one.
package enum JSONDecoding {
    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try decode(type, from: try JSON.parse(bytes))
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from json: JSON) throws -> Value {
        try ValueDecoder(json: json, codingPath: []).unbox(type)
    }
}

private struct ValueDecoder: Decoder {
    let json: JSON
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    var place: String {
        codingPath.isEmpty ? "the document" : codingPath.map(\.stringValue).joined(separator: ".")
    }

    func mismatch(_ wanted: String) -> JSONError {
        let found =
            switch json {
            case .null: "null"
            case .bool: "a truth value"
            case .number(let literal): "the number \(literal)"
            case .string: "a string"
            case .array: "an array"
            case .object: "an object"
            }
        return JSONError("\(place) must be \(wanted), not \(found)")
    }

    func unbox<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if type == JSON.self, let value = json as? Value { return value }
        if type == String.self, let value = try string() as? Value { return value }
        if type == Bool.self, let value = try bool() as? Value { return value }
        if let map = type as? any DecodableStringMap.Type, let value = try map.make(from: self) as? Value {
            return value
        }
        return try Value(from: self)
    }

    func string() throws -> String {
        if case .null = json { return "" }
        guard case .string(let value) = json else { throw mismatch("a string") }
        return value
    }

    func bool() throws -> Bool {
        if case .null = json { return false }
        guard case .bool(let value) = json else { throw mismatch("true or false") }
        return value
    }

    func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Value {
        if case .null = json { return 0 }
        guard case .number(let literal) = json else { throw mismatch("a number") }
        if let value = Value(literal) { return value }
        // docker-py sends some integers as floating-point numbers. Beyond 2^53 two of them would be read as one.
        if let double = Double(literal), double.magnitude < 0x1p53, let value = Value(exactly: double) { return value }
        throw mismatch("a whole number within \(Value.min)...\(Value.max)")
    }

    func double() throws -> Double {
        if case .null = json { return 0 }
        guard case .number(let literal) = json, let value = Double(literal) else { throw mismatch("a number") }
        return value
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        if case .null = json {
            return KeyedDecodingContainer(KeyedReader(JSONObject(), codingPath))
        }
        guard case .object(let object) = json else { throw mismatch("an object") }
        return KeyedDecodingContainer(KeyedReader(object, codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        // A null list is an empty one, as in Go.
        if case .null = json { return UnkeyedReader(elements: [], codingPath: codingPath) }
        guard case .array(let elements) = json else { throw mismatch("an array") }
        return UnkeyedReader(elements: elements, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { SingleReader(decoder: self) }
}

private protocol DecodableStringMap {
    static func make(from decoder: ValueDecoder) throws -> Self
}

extension Dictionary: DecodableStringMap where Key == String, Value: Decodable {
    fileprivate static func make(from decoder: ValueDecoder) throws -> [String: Value] {
        if case .null = decoder.json { return [:] }
        guard case .object(let object) = decoder.json else { throw decoder.mismatch("an object") }
        var map: [String: Value] = [:]
        for (key, value) in object {
            let path = decoder.codingPath + [Name(stringValue: key)]
            map[key] = try ValueDecoder(json: value, codingPath: path).unbox(Value.self)
        }
        return map
    }
}

private struct KeyedReader<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let object: JSONObject
    let members: FoldedMembers
    let codingPath: [any CodingKey]
    var allKeys: [Key] { object.keys.compactMap { Key(stringValue: $0) } }

    init(_ object: JSONObject, _ codingPath: [any CodingKey]) {
        self.object = object
        self.codingPath = codingPath
        members = FoldedMembers(object)
    }

    func contains(_ key: Key) -> Bool { members.contains(key.stringValue) }

    private func decoder(_ key: any CodingKey) throws -> ValueDecoder {
        ValueDecoder(json: try members.value(key.stringValue) ?? .null, codingPath: codingPath + [key])
    }

    func decodeNil(forKey key: Key) throws -> Bool { try decoder(key).json == .null }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try decoder(key).unbox(type)
    }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try decoder(key).bool() }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try decoder(key).string() }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try decoder(key).double() }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try decoder(key).double()) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try decoder(key).integer(type) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try decoder(key).integer(type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try decoder(key).integer(type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try decoder(key).integer(type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try decoder(key).integer(type) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try decoder(key).integer(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try decoder(key).integer(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try decoder(key).integer(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try decoder(key).integer(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try decoder(key).integer(type) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try decoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoder(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { try decoder(Name(stringValue: "super")) }
    func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key) }
}

private struct UnkeyedReader: UnkeyedDecodingContainer {
    let elements: [JSON]
    let codingPath: [any CodingKey]
    var currentIndex = 0
    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex >= elements.count }

    init(elements: [JSON], codingPath: [any CodingKey]) {
        self.elements = elements
        self.codingPath = codingPath
    }

    private mutating func next() throws -> ValueDecoder {
        guard !isAtEnd else { throw JSONError("an array ended too early") }
        defer { currentIndex += 1 }
        return ValueDecoder(
            json: elements[currentIndex], codingPath: codingPath + [Name(stringValue: String(currentIndex))])
    }

    mutating func decodeNil() -> Bool {
        guard !isAtEnd, elements[currentIndex] == .null else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try next().unbox(type) }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        try next().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }
    mutating func superDecoder() throws -> any Decoder { try next() }
}

private struct SingleReader: SingleValueDecodingContainer {
    let decoder: ValueDecoder
    var codingPath: [any CodingKey] { decoder.codingPath }

    func decodeNil() -> Bool { decoder.json == .null }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try decoder.unbox(type) }
    func decode(_ type: Bool.Type) throws -> Bool { try decoder.bool() }
    func decode(_ type: String.Type) throws -> String { try decoder.string() }
    func decode(_ type: Double.Type) throws -> Double { try decoder.double() }
    func decode(_ type: Float.Type) throws -> Float { Float(try decoder.double()) }
    func decode(_ type: Int.Type) throws -> Int { try decoder.integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try decoder.integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try decoder.integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try decoder.integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try decoder.integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try decoder.integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try decoder.integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try decoder.integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try decoder.integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try decoder.integer(type) }
}

extension JSON: Decodable {
    package init(from decoder: any Decoder) throws {
        guard let decoder = decoder as? ValueDecoder else {
            throw JSONError("a dynamic JSON value can only be read from JSON")
        }
        self = decoder.json
    }
}
