internal import Netlink

/// Allocates the addresses of one network in ascending order after the last one allocated, so that a released address is reused
/// late.
struct AddressPool {
    let network: IPv4Network
    /// The range for containers: the network or a part of it.
    private let range: IPv4Network
    private var used: Set<IPv4Address>
    private var next: UInt32

    init(network: IPv4Network, range: IPv4Network, reserved: [IPv4Address]) {
        self.network = network
        self.range = range
        used = Set(reserved)
        next = range.base.value
    }

    /// The next free address; nil when all are in use.
    mutating func take() -> IPv4Address? {
        for step in 0..<UInt32(clamping: range.size) {
            let value = range.base.value + (next - range.base.value + step) % UInt32(clamping: range.size)
            let candidate = IPv4Address(value)
            if candidate == network.base || candidate == network.last || used.contains(candidate) { continue }
            used.insert(candidate)
            next = value == range.last.value ? range.base.value : value + 1
            return candidate
        }
        return nil
    }

    /// Marks an address as used.
    mutating func claim(_ address: IPv4Address) { used.insert(address) }

    mutating func release(_ address: IPv4Address) { used.remove(address) }

    /// Docker's default networks, used when none is configured.
    static let defaults: [String] =
        (17...31).map { "172.\($0).0.0/16" } + (0..<16).map { "192.168.\($0 * 16).0/20" }
}
