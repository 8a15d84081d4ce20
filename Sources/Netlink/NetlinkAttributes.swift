/// Iterates over netlink attributes (length, type, value, padding to four bytes). An invalid length ends the iteration, so
/// nothing beyond the slice is read.
struct NetlinkAttributes: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    mutating func next() -> (type: Int, value: ArraySlice<UInt8>)? {
        guard rest.count >= 4 else { return nil }
        let length = Int(rest.number(at: 0, as: UInt16.self) ?? 0)
        // The upper two bits are flags, NLA_F_NESTED and NLA_F_NET_BYTEORDER (NLA_TYPE_MASK).
        let type = Int(rest.number(at: 2, as: UInt16.self) ?? 0) & 0x3FFF
        guard length >= 4, length <= rest.count else { return nil }
        let value = rest.dropFirst(4).prefix(length - 4)
        rest = rest.dropFirst((length + 3) & ~3)
        return (type, value)
    }
}

extension ArraySlice<UInt8> {
    /// The number at `offset` from the slice's start, in host order.
    func number<Value: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Value.Type) -> Value? {
        guard offset >= 0, count >= offset + MemoryLayout<Value>.size else { return nil }
        return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: type) }
    }

    /// Text up to the first NUL.
    var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }

    /// Four bytes in network order.
    var address: IPv4Address? {
        guard count == 4, let value = number(at: 0, as: UInt32.self) else { return nil }
        return IPv4Address(UInt32(bigEndian: value))
    }
}
