internal import ByteText
internal import Glibc

/// An address range: `10.0.0.0/8`, `fd00::/8`.
struct Network: Equatable, Sendable {
    private let bytes: [UInt8]
    private let length: Int

    init?(_ text: String) {
        let parts = text.split(byte: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let bytes = Self.address(String(parts[0])), let length = Int(parts[1]),
            (0...bytes.count * 8).contains(length)
        else { return nil }
        self.bytes = bytes
        self.length = length
    }

    /// Whether `host` is an address in this range.
    func contains(_ host: String) -> Bool {
        guard var other = Self.address(host) else { return false }
        // An IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2) counts as that IPv4 address.
        if other.count == 16, bytes.count == 4, other.starts(with: Self.mappedPrefix) { other.removeFirst(12) }
        guard other.count == bytes.count else { return false }
        for bit in 0..<length {
            let mask: UInt8 = 0x80 >> UInt8(bit & 7)
            if (bytes[bit / 8] ^ other[bit / 8]) & mask != 0 { return false }
        }
        return true
    }

    private static let mappedPrefix = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]

    static let loopback = ["127.0.0.0/8", "::1/128"].compactMap(Network.init)

    /// `localhost` and the loopback networks.
    static func isLoopback(_ host: String) -> Bool { host == "localhost" || loopback.contains { $0.contains(host) } }

    /// Addresses that mean something else on every machine: loopback and link-local. Clouds serve a machine's credentials on a
    /// link-local address.
    enum Reach: CaseIterable {
        case machine
        case link

        private static let machines = loopback + ["0.0.0.0/8", "::/128"].compactMap(Network.init)
        private static let links = ["169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128"].compactMap(Network.init)

        func includes(_ address: String) -> Bool {
            (self == .machine ? Self.machines : Self.links).contains { $0.contains(address) }
        }
    }

    /// 4 or 16 bytes; nil for a name.
    static func address(_ text: String) -> [UInt8]? {
        var short = in_addr()
        if inet_pton(AF_INET, text, &short) == 1 { return withUnsafeBytes(of: &short) { Array($0) } }
        var long = in6_addr()
        if inet_pton(AF_INET6, text, &long) == 1 { return withUnsafeBytes(of: &long) { Array($0) } }
        return nil
    }

    /// The addresses of a host name; empty when it does not resolve. Blocks.
    static func lookUp(_ host: String) -> [String] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [String] = []
        var entry = list
        while let current = entry {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let code = getnameinfo(
                current.pointee.ai_addr, current.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0,
                NI_NUMERICHOST)
            if code == 0 {
                found.append(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            }
            entry = current.pointee.ai_next
        }
        return found
    }
}
