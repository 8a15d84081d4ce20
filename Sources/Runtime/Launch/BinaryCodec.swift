internal import Glibc

/// The value of errno.
func currentError() -> Int32 { errno }

/// Writes little-endian integers and length-prefixed bytes, for readers in the same program. Messages between releases are tagged
/// instead (MonitorProtocol).
package struct BinaryWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func put<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func put(_ value: Bool) { bytes.append(value ? 1 : 0) }

    package mutating func put(_ value: [UInt8]) {
        put(UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    package mutating func put(_ value: String) {
        put(UInt32(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    package mutating func put<Element>(each values: [Element], _ body: (inout BinaryWriter, Element) -> Void) {
        put(UInt32(values.count))
        for value in values { body(&self, value) }
    }

    package mutating func put(_ values: [String]) { put(each: values) { $0.put($1) } }
}

/// Reads what ``BinaryWriter`` wrote; throws on truncated input.
package struct BinaryReader: Sendable {
    private let bytes: [UInt8]
    private var position = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether everything was read.
    package var isAtEnd: Bool { position == bytes.count }

    private mutating func take(_ count: Int) throws(LaunchFailure) -> ArraySlice<UInt8> {
        guard count >= 0, bytes.count - position >= count else {
            throw LaunchFailure("the message is cut short at byte \(position)")
        }
        defer { position += count }
        return bytes[position..<position + count]
    }

    package mutating func integer<Value: FixedWidthInteger>(
        _ type: Value.Type = Value.self
    ) throws(LaunchFailure) -> Value {
        let part = try take(MemoryLayout<Value>.size)
        return part.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(as: Value.self)) }
    }

    package mutating func bool() throws(LaunchFailure) -> Bool { try integer(UInt8.self) != 0 }

    package mutating func data() throws(LaunchFailure) -> [UInt8] {
        let count = try integer(UInt32.self)
        return Array(try take(Int(count)))
    }

    package mutating func string() throws(LaunchFailure) -> String {
        let count = try integer(UInt32.self)
        return String(decoding: try take(Int(count)), as: UTF8.self)
    }

    package mutating func list<Element>(
        _ body: (inout BinaryReader) throws(LaunchFailure) -> Element
    ) throws(LaunchFailure) -> [Element] {
        let count = try integer(UInt32.self)
        var values: [Element] = []
        for _ in 0..<count { values.append(try body(&self)) }
        return values
    }

    package mutating func strings() throws(LaunchFailure) -> [String] {
        try list { reader throws(LaunchFailure) in try reader.string() }
    }
}
