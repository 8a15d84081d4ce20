internal import ByteText

/// An IPv4 address; `value` is in host order.
package struct IPv4Address: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let value: UInt32

    package init(_ value: UInt32) {
        self.value = value
    }

    /// Four decimal numbers without leading zeros, as inet_pton(3) reads them.
    package init?(_ text: some StringProtocol) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard let number = decimal(part, limit: 255) else { return nil }
            value = value << 8 | number
        }
        self.value = value
    }

    /// In network order.
    package var bytes: [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
    }

    package var isLoopback: Bool { value >> 24 == 127 }
    package var isUnspecified: Bool { value == 0 }

    package var description: String {
        let bytes = bytes
        return "\(bytes[0]).\(bytes[1]).\(bytes[2]).\(bytes[3])"
    }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

/// A range of addresses that share their first `prefixLength` bits: `172.17.0.0/16`.
package struct IPv4Network: Hashable, Sendable, CustomStringConvertible {
    /// The first address of the range.
    package let base: IPv4Address
    package let prefixLength: Int

    /// The network that `address` is in.
    package init(containing address: IPv4Address, prefixLength: Int) {
        self.prefixLength = min(max(prefixLength, 0), 32)
        base = IPv4Address(address.value & Self.mask(self.prefixLength))
    }

    /// `ADDRESS/LENGTH`; bits beyond the prefix are dropped.
    package init?(_ text: some StringProtocol) {
        guard let (address, length) = Self.split(text) else { return nil }
        self.init(containing: address, prefixLength: length)
    }

    /// Splits `10.88.0.1/24`, an address with its prefix length.
    package static func split(_ text: some StringProtocol) -> (address: IPv4Address, prefixLength: Int)? {
        let parts = text.split(byte: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPv4Address(parts[0]), let length = decimal(parts[1].utf8, limit: 32)
        else { return nil }
        return (address, Int(length))
    }

    package var size: UInt64 { 1 << UInt64(32 - prefixLength) }
    package var last: IPv4Address { IPv4Address(base.value | ~Self.mask(prefixLength)) }
    package var netmask: IPv4Address { IPv4Address(Self.mask(prefixLength)) }

    package func contains(_ address: IPv4Address) -> Bool {
        address.value & Self.mask(prefixLength) == base.value
    }

    package func contains(_ other: IPv4Network) -> Bool {
        other.prefixLength >= prefixLength && contains(other.base)
    }

    package func overlaps(_ other: IPv4Network) -> Bool {
        contains(other.base) || other.contains(base)
    }

    package var description: String { "\(base)/\(prefixLength)" }

    private static func mask(_ length: Int) -> UInt32 {
        length == 0 ? 0 : ~UInt32(0) << UInt32(32 - length)
    }
}

private func decimal(_ text: some Collection<UInt8>, limit: UInt32) -> UInt32? {
    guard let first = text.first, text.count <= 3, text.count == 1 || first != UInt8(ascii: "0") else { return nil }
    var value: UInt32 = 0
    for byte in text {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        value = value * 10 + UInt32(byte - UInt8(ascii: "0"))
    }
    return value <= limit ? value : nil
}
