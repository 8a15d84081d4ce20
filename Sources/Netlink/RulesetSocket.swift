internal import CLinux
internal import Glibc
package import Linux

/// Queries the nftables generation of the network namespace in which it was opened (nf_tables, kernel 3.13).
package final class RulesetSocket {
    /// NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN (linux/netfilter/nf_tables.h).
    private static let getGeneration = 10 << 8 | 16
    private static let generationAttribute = 1
    private static let changesGroup: UInt32 = 7

    private let socket: RouteSocket

    /// Opens a socket in the calling thread's namespace.
    package init() throws(NetlinkError) {
        socket = RouteSocket(try Self.open())
    }

    private static func open() throws(NetlinkError) -> Descriptor {
        do {
            return Descriptor(
                owning: try retrying("socket", "netlink") {
                    Glibc.socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), NETLINK_NETFILTER)
                })
        } catch {
            throw NetlinkError(error)
        }
    }

    /// The ruleset's generation, which every transaction of any program increases by one.
    package func generation() throws(NetlinkError) -> UInt32 {
        var message = NetlinkMessage(Self.getGeneration, flags: 0)
        // struct nfgenmsg: any family, version 0.
        message.append(UInt32(0))
        if let body = try socket.get(message, "look at", "the firewall's generation") {
            for (type, value) in NetlinkAttributes(body.dropFirst(4)) where type == Self.generationAttribute {
                if let number = value.number(at: 0, as: UInt32.self) { return UInt32(bigEndian: number) }
            }
        }
        throw NetlinkError("look at", "the firewall's generation", code: EPROTO)
    }

    /// A socket that becomes readable with every change of a rule (NFNLGRP_NFTABLES). Needs CAP_NET_ADMIN.
    package static func changes() throws(NetlinkError) -> Descriptor {
        let socket = try open()
        // Bound, because the kernel skips sockets without a port id even if they are in the group.
        var address = sockaddr_nl()
        address.nl_family = sa_family_t(AF_NETLINK)
        address.nl_groups = 1 << (changesGroup - 1)
        let number = socket.raw
        do {
            try retrying("bind", "netlink") {
                withUnsafePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        bind(number, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
                    }
                }
            }
        } catch {
            throw NetlinkError(error)
        }
        return socket
    }
}
