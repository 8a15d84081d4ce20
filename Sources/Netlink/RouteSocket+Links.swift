internal import CLinux
internal import Glibc

/// A network link as the kernel lists it.
package struct Link: Sendable, Equatable {
    package let index: Int32
    package let name: String
    /// IFF_UP is set.
    package let isUp: Bool
    package let mtu: UInt32
    package let hardwareAddress: HardwareAddress?
    /// The index of the bridge it is a port of, or 0.
    package let master: Int32
    /// `bridge`, `veth`, … or empty for hardware.
    package let kind: String
}

extension RouteSocket {
    package func links() throws(NetlinkError) -> [Link] {
        var message = NetlinkMessage(Int(RTM_GETLINK), flags: 0)
        message.append(header())
        return try dump(message, "list links").compactMap(Link.init)
    }

    /// The link of that name, or nil.
    package func link(named name: String) throws(NetlinkError) -> Link? {
        var message = NetlinkMessage(Int(RTM_GETLINK), flags: 0)
        message.append(header())
        message.attribute(Int(IFLA_IFNAME), name)
        do {
            return try get(message, "find link", name).flatMap(Link.init)
        } catch  where error.code == ENODEV {
            return nil
        }
    }

    /// Creates a bridge that is up. Throws EEXIST when the name is taken.
    ///
    /// The hardware address is set at creation: otherwise the bridge takes a port's address and changes it when that port is
    /// removed.
    package func createBridge(
        _ name: String, hardwareAddress: HardwareAddress, mtu: UInt32
    ) throws(NetlinkError) {
        var message = NetlinkMessage(Int(RTM_NEWLINK), flags: NLM_F_CREATE | NLM_F_EXCL)
        message.append(header(flags: Self.up, change: Self.up))
        message.attribute(Int(IFLA_IFNAME), name)
        message.attribute(Int(IFLA_MTU), mtu)
        message.attribute(Int(IFLA_ADDRESS), hardwareAddress.bytes)
        message.nested(Int(IFLA_LINKINFO)) { $0.attribute(Int(IFLA_INFO_KIND), "bridge") }
        try request(message, "create bridge", name)
    }

    /// One end of a veth pair.
    package struct Peer: Sendable {
        package var name: String
        package var hardwareAddress: HardwareAddress?

        package init(name: String, hardwareAddress: HardwareAddress? = nil) {
            self.name = name
            self.hardwareAddress = hardwareAddress
        }
    }

    /// Creates a veth pair with one request: this end up and a port of `master`, the other end inside `namespace` and down,
    /// because veth_open refuses an end whose peer does not exist yet (ENOTCONN). On failure neither exists.
    package func createPeers(
        _ near: Peer, master: Int32, far: Peer, namespace: Int32, mtu: UInt32
    ) throws(NetlinkError) {
        var message = NetlinkMessage(Int(RTM_NEWLINK), flags: NLM_F_CREATE | NLM_F_EXCL)
        message.append(header(flags: Self.up, change: Self.up))
        message.attribute(Int(IFLA_IFNAME), near.name)
        message.attribute(Int(IFLA_MTU), mtu)
        message.attribute(Int(IFLA_MASTER), UInt32(bitPattern: master))
        if let address = near.hardwareAddress { message.attribute(Int(IFLA_ADDRESS), address.bytes) }
        message.nested(Int(IFLA_LINKINFO)) { information in
            information.attribute(Int(IFLA_INFO_KIND), "veth")
            information.nested(Int(IFLA_INFO_DATA)) { data in
                data.nested(Int(VETH_INFO_PEER)) { peer in
                    peer.append(header())
                    peer.attribute(Int(IFLA_IFNAME), far.name)
                    peer.attribute(Int(IFLA_MTU), mtu)
                    if let address = far.hardwareAddress { peer.attribute(Int(IFLA_ADDRESS), address.bytes) }
                    peer.attribute(Int(IFLA_NET_NS_FD), UInt32(bitPattern: namespace))
                }
            }
        }
        try request(message, "create veth", near.name)
    }

    package func setUp(_ name: String, index: Int32) throws(NetlinkError) {
        var message = NetlinkMessage(Int(RTM_NEWLINK), flags: 0)
        message.append(header(index: index, flags: Self.up, change: Self.up))
        try request(message, "set up link", name)
    }

    package func setMTU(_ mtu: UInt32, of name: String, index: Int32) throws(NetlinkError) {
        var message = NetlinkMessage(Int(RTM_NEWLINK), flags: 0)
        message.append(header(index: index))
        message.attribute(Int(IFLA_MTU), mtu)
        try request(message, "set mtu of link", name)
    }

    /// Configures a bridge port by name. A `hairpin` port may receive frames that it sent: without it a container cannot reach
    /// its own published port where br_netfilter is loaded, which forwards redirected frames within the bridge. An `isolated`
    /// port exchanges frames with the bridge itself, but not with other isolated ports (kernel 4.18).
    package func setPort(_ name: String, hairpin: Bool, isolated: Bool) throws(NetlinkError) {
        var message = NetlinkMessage(Int(RTM_NEWLINK), flags: 0)
        message.append(header())
        message.attribute(Int(IFLA_IFNAME), name)
        message.nested(Int(IFLA_LINKINFO)) { information in
            information.attribute(Int(IFLA_INFO_SLAVE_KIND), "bridge")
            information.nested(Int(IFLA_INFO_SLAVE_DATA)) { data in
                data.attribute(Int(IFLA_BRPORT_MODE), byte: hairpin ? 1 : 0)
                data.attribute(Int(IFLA_BRPORT_ISOLATED), byte: isolated ? 1 : 0)
            }
        }
        try request(message, "set bridge port", name)
    }

    /// Slow (15 to 60 ms): only for links left behind by a crash, and for bridges.
    package func delete(_ name: String, index: Int32) throws(NetlinkError) {
        var message = NetlinkMessage(Int(RTM_DELLINK), flags: 0)
        message.append(header(index: index))
        try request(message, "delete link", name)
    }

    private static var up: UInt32 { UInt32(IFF_UP) }

    private func header(index: Int32 = 0, flags: UInt32 = 0, change: UInt32 = 0) -> ifinfomsg {
        ifinfomsg(
            ifi_family: UInt8(AF_UNSPEC), __ifi_pad: 0, ifi_type: 0, ifi_index: index, ifi_flags: flags,
            ifi_change: change)
    }
}

extension Link {
    /// Parses the body of an RTM_NEWLINK.
    init?(_ body: ArraySlice<UInt8>) {
        guard let index = body.number(at: 4, as: Int32.self), let flags = body.number(at: 8, as: UInt32.self) else {
            return nil
        }
        var name = ""
        var mtu: UInt32 = 0
        var address: HardwareAddress?
        var master: Int32 = 0
        var kind = ""
        for (type, value) in NetlinkAttributes(body.dropFirst(16)) {
            switch type {
            case Int(IFLA_IFNAME): name = value.text
            case Int(IFLA_MTU): mtu = value.number(at: 0, as: UInt32.self) ?? 0
            case Int(IFLA_ADDRESS): address = HardwareAddress(bytes: Array(value))
            case Int(IFLA_MASTER): master = value.number(at: 0, as: Int32.self) ?? 0
            case Int(IFLA_LINKINFO):
                for (type, value) in NetlinkAttributes(value) where type == Int(IFLA_INFO_KIND) { kind = value.text }
            default: break
            }
        }
        self.init(
            index: index, name: name, isUp: flags & 1 != 0, mtu: mtu, hardwareAddress: address, master: master,
            kind: kind)
    }
}
