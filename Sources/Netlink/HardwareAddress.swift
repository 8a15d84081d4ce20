/// The six bytes of an Ethernet address, written `02:42:ac:11:00:02`.
package struct HardwareAddress: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    /// Docker's MAC address for an endpoint: locally administered, derived from the IP address.
    package init(for address: IPv4Address) {
        bytes = [0x02, 0x42] + address.bytes
    }

    /// Six pairs of hexadecimal digits separated by `:` or `-`. Group addresses are refused, because no link may have one.
    package init?(_ text: String) {
        let parts = text.utf8.split(omittingEmptySubsequences: false) {
            $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "-")
        }
        guard parts.count == 6 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard part.count == 2, let byte = UInt8(String(Substring(part)), radix: 16), part.first != UInt8(ascii: "+")
            else { return nil }
            bytes.append(byte)
        }
        guard bytes[0] & 1 == 0 else { return nil }
        self.bytes = bytes
    }

    init?(bytes: [UInt8]) {
        guard bytes.count == 6 else { return nil }
        self.bytes = bytes
    }

    package var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}
