import Glibc
import Linux
import Netlink
import Testing

/// Runs against the kernel, in namespaces that end with the test.
@Suite struct RouteSocketTests {
    @Test func newNamespaceHasOnlyLoopbackUp() throws {
        let opened = try NetworkNamespace.open()
        let loopback = try #require(try opened.routes.link(named: "lo"))
        #expect(loopback.isUp)
        #expect(try opened.routes.addresses().map(\.address.description) == ["127.0.0.1"])
        #expect(try opened.routes.routes().isEmpty)
        // The calling thread is still in its own namespace.
        #expect(try RouteSocket().link(named: "lo") != nil)
    }

    @Test func createPeersMakesVethWithOneRequest() throws {
        let host = try NetworkNamespace.open()
        let inside = try NetworkNamespace.open()
        let gateway = try #require(IPv4Address("10.9.0.1"))
        try host.routes.createBridge("br0", hardwareAddress: HardwareAddress(for: gateway), mtu: 1400)
        let bridge = try #require(try host.routes.link(named: "br0"))
        #expect(bridge.isUp && bridge.kind == "bridge" && bridge.mtu == 1400)
        try host.routes.addAddress(gateway, prefixLength: 24, to: "br0", index: bridge.index)
        // Adding it again is no error.
        try host.routes.addAddress(gateway, prefixLength: 24, to: "br0", index: bridge.index)

        let mac = HardwareAddress("02:42:0a:09:00:02")
        try host.routes.createPeers(
            RouteSocket.Peer(name: "veth1"), master: bridge.index,
            far: RouteSocket.Peer(name: "eth0", hardwareAddress: mac), namespace: inside.namespace.raw, mtu: 1400)
        let near = try #require(try host.routes.link(named: "veth1"))
        #expect(near.isUp && near.master == bridge.index && near.kind == "veth")
        #expect(near.hardwareAddress != nil)
        let far = try #require(try inside.routes.link(named: "eth0"))
        #expect(!far.isUp && far.mtu == 1400 && far.hardwareAddress == mac)
        try host.routes.setPort("veth1", hairpin: true, isolated: true)

        let address = try #require(IPv4Address("10.9.0.2"))
        try inside.routes.addAddress(address, prefixLength: 24, to: "eth0", index: far.index)
        try inside.routes.setUp("eth0", index: far.index)
        #expect(try inside.routes.link(named: "eth0")?.isUp == true)
        try inside.routes.addDefaultRoute(through: gateway, index: far.index)
        let routes = try inside.routes.routes()
        #expect(routes.contains { $0.destination.prefixLength == 0 && $0.gateway == gateway })
        #expect(routes.contains { $0.destination.description == "10.9.0.0/24" })
        let listed = try inside.routes.addresses().contains { $0.address == address && $0.prefixLength == 24 }
        #expect(listed)
    }

    @Test func closingNamespaceRemovesLink() throws {
        let host = try NetworkNamespace.open()
        try host.routes.createBridge(
            "br0", hardwareAddress: HardwareAddress(for: IPv4Address(0x0A09_0001)), mtu: 1500)
        let bridge = try #require(try host.routes.link(named: "br0"))
        try makeAndDrop(host.routes, master: bridge.index)
        for _ in 0..<200 where try host.routes.link(named: "veth1") != nil { usleep(10_000) }
        #expect(try host.routes.link(named: "veth1") == nil)
    }

    private func makeAndDrop(_ routes: RouteSocket, master: Int32) throws {
        let inside = try NetworkNamespace.create()
        try routes.createPeers(
            RouteSocket.Peer(name: "veth1"), master: master, far: RouteSocket.Peer(name: "eth0"),
            namespace: inside.raw, mtu: 1500)
        #expect(try routes.link(named: "veth1") != nil)
    }

    @Test func errorsNameObject() throws {
        let host = try NetworkNamespace.open()
        let error = #expect(throws: NetlinkError.self) { try host.routes.setUp("nosuch", index: 99) }
        #expect(error?.description.hasPrefix("set up link nosuch: no such device") == true)
        #expect(try host.routes.link(named: "nosuch") == nil)
        let long = #expect(throws: NetlinkError.self) {
            try host.routes.createBridge(
                String(repeating: "x", count: 70_000), hardwareAddress: HardwareAddress(for: IPv4Address(1)), mtu: 1500)
        }
        #expect(long?.code == EMSGSIZE)
    }

    @Test func listsManyLinks() throws {
        let host = try NetworkNamespace.open()
        for number in 0..<300 {
            try host.routes.createBridge(
                "br\(number)", hardwareAddress: HardwareAddress(for: IPv4Address(UInt32(number))), mtu: 1500)
        }
        #expect(try host.routes.links().filter { $0.kind == "bridge" }.count == 300)
    }
}
