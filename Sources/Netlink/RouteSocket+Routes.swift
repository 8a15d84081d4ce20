internal import CLinux
internal import Glibc

/// A route of the main table.
package struct IPRoute: Sendable, Equatable {
    /// `0.0.0.0/0` for the default route.
    package let destination: IPv4Network
    package let gateway: IPv4Address?
    /// The outgoing link, or 0.
    package let index: Int32
}

extension RouteSocket {
    /// The IPv4 routes of the main table.
    package func routes() throws(NetlinkError) -> [IPRoute] {
        var message = NetlinkMessage(Int(RTM_GETROUTE), flags: 0)
        message.append(header(prefixLength: 0, table: 0, type: 0, protocolNumber: 0))
        return try dump(message, "list routes").compactMap(IPRoute.init)
    }

    /// Adds the default route through `gateway` on link `index`.
    package func addDefaultRoute(through gateway: IPv4Address, index: Int32) throws(NetlinkError) {
        var message = NetlinkMessage(Int(RTM_NEWROUTE), flags: NLM_F_CREATE | NLM_F_EXCL)
        message.append(header(prefixLength: 0, table: 254, type: UInt8(RTN_UNICAST), protocolNumber: 3))
        message.attribute(Int(RTA_GATEWAY.rawValue), gateway.bytes)
        message.attribute(Int(RTA_OIF.rawValue), UInt32(bitPattern: index))
        try request(message, "add default route through", gateway.description)
    }

    /// 254 is RT_TABLE_MAIN, protocol 3 RTPROT_BOOT: what ip-route(8) writes.
    private func header(prefixLength: Int, table: UInt8, type: UInt8, protocolNumber: UInt8) -> rtmsg {
        rtmsg(
            rtm_family: UInt8(AF_INET), rtm_dst_len: UInt8(prefixLength), rtm_src_len: 0, rtm_tos: 0, rtm_table: table,
            rtm_protocol: protocolNumber, rtm_scope: 0, rtm_type: type, rtm_flags: 0)
    }
}

extension IPRoute {
    /// Parses the body of an RTM_NEWROUTE; nil for other tables than main and other types than unicast.
    init?(_ body: ArraySlice<UInt8>) {
        guard body.number(at: 0, as: UInt8.self) == UInt8(AF_INET), let length = body.number(at: 1, as: UInt8.self),
            body.number(at: 4, as: UInt8.self) == 254, body.number(at: 7, as: UInt8.self) == UInt8(RTN_UNICAST)
        else { return nil }
        var destination = IPv4Address(0)
        var gateway: IPv4Address?
        var index: Int32 = 0
        for (type, value) in NetlinkAttributes(body.dropFirst(12)) {
            switch type {
            case Int(RTA_DST.rawValue): destination = value.address ?? destination
            case Int(RTA_GATEWAY.rawValue): gateway = value.address
            case Int(RTA_OIF.rawValue): index = value.number(at: 0, as: Int32.self) ?? 0
            default: break
            }
        }
        self.init(
            destination: IPv4Network(containing: destination, prefixLength: Int(length)), gateway: gateway,
            index: index)
    }
}
