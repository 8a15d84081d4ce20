internal import CLinux
internal import Glibc

/// An IPv4 address on a link.
package struct LinkAddress: Sendable, Equatable {
    package let index: Int32
    package let address: IPv4Address
    package let prefixLength: Int
}

extension RouteSocket {
    /// All IPv4 addresses of the namespace.
    package func addresses() throws(NetlinkError) -> [LinkAddress] {
        var message = NetlinkMessage(Int(RTM_GETADDR), flags: 0)
        message.append(
            ifaddrmsg(ifa_family: UInt8(AF_INET), ifa_prefixlen: 0, ifa_flags: 0, ifa_scope: 0, ifa_index: 0))
        return try dump(message, "list addresses").compactMap(LinkAddress.init)
    }

    /// Adds an address with its network's broadcast address. Succeeds when the address exists already.
    package func addAddress(
        _ address: IPv4Address, prefixLength: Int, to name: String, index: Int32
    ) throws(NetlinkError) {
        var message = NetlinkMessage(Int(RTM_NEWADDR), flags: NLM_F_CREATE | NLM_F_REPLACE)
        message.append(
            ifaddrmsg(
                ifa_family: UInt8(AF_INET), ifa_prefixlen: UInt8(clamping: prefixLength), ifa_flags: 0, ifa_scope: 0,
                ifa_index: UInt32(bitPattern: index)))
        message.attribute(Int(IFA_LOCAL), address.bytes)
        message.attribute(Int(IFA_ADDRESS), address.bytes)
        if prefixLength < 31 {
            let network = IPv4Network(containing: address, prefixLength: prefixLength)
            message.attribute(Int(IFA_BROADCAST), network.last.bytes)
        }
        try request(message, "add address \(address)/\(prefixLength) to", name)
    }

    package func removeAddress(
        _ address: IPv4Address, prefixLength: Int, from name: String, index: Int32
    ) throws(NetlinkError) {
        var message = NetlinkMessage(Int(RTM_DELADDR), flags: 0)
        message.append(
            ifaddrmsg(
                ifa_family: UInt8(AF_INET), ifa_prefixlen: UInt8(clamping: prefixLength), ifa_flags: 0, ifa_scope: 0,
                ifa_index: UInt32(bitPattern: index)))
        message.attribute(Int(IFA_LOCAL), address.bytes)
        try request(message, "remove address \(address)/\(prefixLength) from", name)
    }
}

extension LinkAddress {
    /// Parses the body of an RTM_NEWADDR.
    init?(_ body: ArraySlice<UInt8>) {
        guard body.number(at: 0, as: UInt8.self) == UInt8(AF_INET), let length = body.number(at: 1, as: UInt8.self),
            let index = body.number(at: 4, as: Int32.self)
        else { return nil }
        var local: IPv4Address?
        var remote: IPv4Address?
        for (type, value) in NetlinkAttributes(body.dropFirst(8)) {
            if type == Int(IFA_LOCAL) { local = value.address }
            if type == Int(IFA_ADDRESS) { remote = value.address }
        }
        guard let address = local ?? remote else { return nil }
        self.init(index: index, address: address, prefixLength: Int(length))
    }
}
