/// Encodes and decodes protocol buffers (protobuf.dev, "Encoding"), as far as criu's messages need it.
struct ProtocolBuffer {
    private(set) var bytes: [UInt8] = []

    init() {}

    /// `enum`, `bool`, `uint32`, and non-negative `int32`.
    mutating func add(_ field: Int, _ number: Int) {
        append(field << 3)
        append(number)
    }

    mutating func add(_ field: Int, _ flag: Bool) { add(field, flag ? 1 : 0) }

    mutating func add(_ field: Int, _ text: String) { add(field, Array(text.utf8)) }

    mutating func add(_ field: Int, _ message: ProtocolBuffer) { add(field, message.bytes) }

    private mutating func add(_ field: Int, _ content: [UInt8]) {
        append(field << 3 | 2)
        append(content.count)
        bytes += content
    }

    private mutating func append(_ number: Int) {
        var rest = UInt(bitPattern: number)
        while rest > 0x7f {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Decodes a message into numbers, and texts or nested messages, by field. Nil when it is truncated.
    static func fields(_ bytes: ArraySlice<UInt8>) -> (numbers: [Int: Int], contents: [Int: ArraySlice<UInt8>])? {
        var rest = bytes
        var numbers: [Int: Int] = [:]
        var contents: [Int: ArraySlice<UInt8>] = [:]
        func number() -> Int? {
            var value: UInt = 0
            for shift in stride(from: UInt(0), to: 64, by: 7) {
                guard let byte = rest.popFirst() else { return nil }
                value |= UInt(byte & 0x7f) << shift
                if byte & 0x80 == 0 { return Int(bitPattern: value) }
            }
            return nil
        }
        while !rest.isEmpty {
            guard let key = number(), let value = number() else { return nil }
            switch key & 7 {
            case 0: numbers[key >> 3] = value
            case 2:
                guard value >= 0, value <= rest.count else { return nil }
                contents[key >> 3] = rest.prefix(value)
                rest = rest.dropFirst(value)
            // criu uses no other wire types.
            default: return nil
            }
        }
        return (numbers, contents)
    }
}
