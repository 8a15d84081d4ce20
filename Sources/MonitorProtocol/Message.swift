/// One message between daemon and monitor: a header that is the same in every version from 1 on, and fields.
///
/// | byte | what it is |
/// | --- | --- |
/// | 0 | ``mark``: messages of version 0 have no header, and begin with 1 to 9 |
/// | 1 | 0; not looked at |
/// | 2, 3 | the number of the message |
/// | 4 to 7 | the length of all fields in bytes |
/// | from 8 on | fields: tag (2 bytes), length (4 bytes), value |
///
/// All numbers are little-endian. Bytes behind the last field are not looked at.
package struct Message: Sendable {
    package static let mark: UInt8 = 0x4d
    static let headerSize = 8
    /// A datagram is not longer; what may be longer travels in sealed memory beside it.
    package static let limit = 8192
    /// Texts of a datagram are cut here, in bytes.
    static let textLimit = 4096

    /// Requests, events and specifications are counted apart.
    package let number: UInt16
    package let fields: FieldReader

    package init(_ bytes: [UInt8]) throws(MessageError) {
        guard bytes.count >= Self.headerSize else { throw .cutShort }
        guard bytes[0] == Self.mark else { throw .invalid("it does not begin as a message does") }
        number = UInt16(bytes[2]) | UInt16(bytes[3]) << 8
        let length = bytes[4..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count - Self.headerSize >= length else { throw .cutShort }
        fields = FieldReader(bytes[Self.headerSize..<(Self.headerSize + length)])
    }

    static func encoded(_ number: UInt16, _ body: (inout FieldWriter) -> Void) -> [UInt8] {
        var writer = FieldWriter()
        writer.bytes = [mark, 0, UInt8(truncatingIfNeeded: number), UInt8(number >> 8), 0, 0, 0, 0]
        body(&writer)
        writer.setLength(of: headerSize)
        return writer.bytes
    }

    static func clipped(_ text: String) -> String {
        text.utf8.count <= textLimit ? text : String(decoding: text.utf8.prefix(textLimit), as: UTF8.self)
    }
}

/// Why a message was not understood.
package enum MessageError: Error, Equatable, Sendable, CustomStringConvertible {
    case cutShort
    /// Longer than ``Message/limit``.
    case tooLong
    case unknownMessage(UInt16)
    /// A field that must not be passed over, from a newer program.
    case unknownField(UInt16)
    /// A value that the reader has no meaning for, in words.
    case invalid(String)

    package var description: String {
        switch self {
        case .cutShort: "the message is cut short"
        case .tooLong: "the message is longer than \(Message.limit) bytes"
        case .unknownMessage(let number): "message \(number) is not known"
        case .unknownField(let tag): "field \(tag & ~FieldTag.required) is not known, and cannot be left out"
        case .invalid(let reason): reason
        }
    }
}

/// Tags of fields. What is written once is never given another meaning.
enum FieldTag {
    /// Part of the tags of fields that change what is asked for: who does not know one refuses the message. Without it a field is
    /// passed over by who does not know it.
    static let required: UInt16 = 0x8000
}

/// Writes the fields of a message. Lists are fields of one tag, one for each element; a field that is left out has its default.
struct FieldWriter: Sendable {
    fileprivate(set) var bytes: [UInt8] = []

    private mutating func begin<Tag: RawRepresentable>(_ tag: Tag, _ count: Int) where Tag.RawValue == UInt16 {
        bytes.append(UInt8(truncatingIfNeeded: tag.rawValue))
        bytes.append(UInt8(tag.rawValue >> 8))
        append(UInt32(truncatingIfNeeded: count))
    }

    private mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// The length of what begins at `position`, into the four bytes in front of it.
    fileprivate mutating func setLength(of position: Int) {
        let length = UInt32(bytes.count - position)
        for index in 0..<4 { bytes[position - 4 + index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * index)) }
    }

    /// Of any width: 64 bits travel, so that a number can become wider.
    mutating func put<Tag: RawRepresentable, Value: FixedWidthInteger>(_ tag: Tag, _ value: Value)
    where Tag.RawValue == UInt16 {
        begin(tag, 8)
        append(UInt64(truncatingIfNeeded: value))
    }

    /// Nothing for `false`, which is the default of every flag.
    mutating func put<Tag: RawRepresentable>(_ tag: Tag, _ value: Bool) where Tag.RawValue == UInt16 {
        if value { put(tag, 1) }
    }

    mutating func put<Tag: RawRepresentable>(_ tag: Tag, _ value: String) where Tag.RawValue == UInt16 {
        begin(tag, value.utf8.count)
        bytes.append(contentsOf: value.utf8)
    }

    mutating func put<Tag: RawRepresentable>(_ tag: Tag, _ value: [UInt8]) where Tag.RawValue == UInt16 {
        begin(tag, value.count)
        bytes.append(contentsOf: value)
    }

    mutating func put<Tag: RawRepresentable>(each tag: Tag, _ values: [String]) where Tag.RawValue == UInt16 {
        for value in values { put(tag, value) }
    }

    /// Nothing for what is empty.
    mutating func put<Tag: RawRepresentable>(unlessEmpty tag: Tag, _ value: String) where Tag.RawValue == UInt16 {
        if !value.isEmpty { put(tag, value) }
    }

    mutating func put<Tag: RawRepresentable>(unlessEmpty tag: Tag, _ value: [UInt8]) where Tag.RawValue == UInt16 {
        if !value.isEmpty { put(tag, value) }
    }

    /// A field that has fields.
    mutating func put<Tag: RawRepresentable>(part tag: Tag, _ body: (inout FieldWriter) -> Void)
    where Tag.RawValue == UInt16 {
        begin(tag, 0)
        let position = bytes.count
        body(&self)
        setLength(of: position)
    }
}

/// Reads fields in the order in which they were written.
package struct FieldReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    fileprivate init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    private mutating func number(_ count: Int) throws(MessageError) -> Int {
        guard bytes.endIndex - position >= count else { throw .cutShort }
        defer { position += count }
        return bytes[position..<position + count].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// Nil at the end.
    mutating func next() throws(MessageError) -> Field? {
        if position == bytes.endIndex { return nil }
        let tag = UInt16(truncatingIfNeeded: try number(2))
        let length = try number(4)
        guard bytes.endIndex - position >= length else { throw .cutShort }
        defer { position += length }
        return Field(tag: tag, value: bytes[position..<position + length])
    }
}

struct Field: Sendable {
    let tag: UInt16
    let value: ArraySlice<UInt8>

    /// Refuses what does not fit.
    func number<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(MessageError) -> Value {
        guard value.count == 8 else { throw .invalid("field \(tag & ~FieldTag.required) is not a number") }
        let bits = value.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let number = Value.isSigned ? Value(exactly: Int64(bitPattern: bits)) : Value(exactly: bits)
        guard let number else {
            throw .invalid("the number of field \(tag & ~FieldTag.required) is out of range")
        }
        return number
    }

    func flag() throws(MessageError) -> Bool { try number(UInt64.self) != 0 }

    var text: String { String(decoding: value, as: UTF8.self) }
    var data: [UInt8] { Array(value) }
    var parts: FieldReader { FieldReader(value) }

    /// For who does not know the tag.
    func passOver() throws(MessageError) {
        if tag & FieldTag.required != 0 { throw .unknownField(tag) }
    }
}
