import Netlink
import Testing

@Suite struct ValueTests {
    @Test func parsesAddressesStrictly() {
        #expect(IPv4Address("172.17.0.2")?.value == 0xAC11_0002)
        #expect(IPv4Address("172.17.0.2")?.description == "172.17.0.2")
        for text in ["", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.-4", "1..2.3", "1.2.3.4 ", "+1.2.3.4"] {
            #expect(IPv4Address(text) == nil, "\(text)")
        }
    }

    @Test func networkContainsItsAddresses() throws {
        let network = try #require(IPv4Network("172.17.5.9/16"))
        #expect(network.description == "172.17.0.0/16")
        #expect(network.last.description == "172.17.255.255")
        #expect(network.netmask.description == "255.255.0.0")
        #expect(network.contains(try #require(IPv4Address("172.17.200.1"))))
        #expect(!network.contains(try #require(IPv4Address("172.18.0.1"))))
        #expect(network.overlaps(try #require(IPv4Network("172.17.9.0/24"))))
        #expect(try #require(IPv4Network("0.0.0.0/0")).overlaps(network))
        #expect(!network.overlaps(try #require(IPv4Network("172.16.0.0/16"))))
        #expect(IPv4Network("172.17.0.0/33") == nil)
        #expect(IPv4Network("172.17.0.0") == nil)
    }

    @Test func derivesHardwareAddressFromIP() throws {
        let address = HardwareAddress(for: try #require(IPv4Address("172.17.0.2")))
        #expect(address.description == "02:42:ac:11:00:02")
        #expect(HardwareAddress("02-42-AC-11-00-02") == address)
        for text in ["", "02:42:ac:11:00", "02:42:ac:11:00:zz", "01:42:ac:11:00:02", "2:42:ac:11:0:2"] {
            #expect(HardwareAddress(text) == nil, "\(text)")
        }
    }
}
