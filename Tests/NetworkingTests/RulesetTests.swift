import Glibc
import Linux
import Netlink
import Networking
import Synchronization
import Testing

/// Changes of the firewall by other programs, and what they would expose.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct RulesetTests {
    private final class Reports: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        for _ in 0..<500 {
            if try await condition() { return }
            usleep(10_000)
        }
        Issue.record("not seen: \(what)")
    }

    private func rules(_ host: TestHost) throws -> String {
        try run(in: host.namespace, "nft list table ip gantry_test")
    }

    /// CVE-2020-8558, CVE-2025-54388, CVE-2025-54410: reloading the firewall exposes neither the host's loopback nor ports
    /// published on it, and published ports keep working.
    @Test(arguments: [
        "flush ruleset", "delete table ip gantry_test", "flush table ip gantry_test",
        "flush chain ip gantry_test guard",
        "flush map ip gantry_test published", "delete element ip gantry_test published { tcp . 8080 }",
        "add element ip gantry_test published { tcp . 22 : 172.17.0.2 . 80 }",
        "insert rule ip gantry_test guard accept", "flush ruleset; add table ip firewalld",
    ]) func undoesWhatOthersDo(_ command: String) async throws {
        let host = try TestHost()
        try await host.service.start()
        func port(_ address: String?, _ number: UInt16) -> PortRequest {
            PortRequest(containerPort: 80, transport: .tcp, hostIP: address, hostPorts: number...number)
        }
        let web = try await host.service.attach(
            EndpointRequest(
                containerID: "web", networkName: "bridge", hostname: "web",
                ports: [port(nil, 8080), port("127.0.0.1", 9090)]))
        let neighbour = try await host.service.attach(
            EndpointRequest(containerID: "other", networkName: "bridge", hostname: "other"))
        // Packets from a container's root to the host's loopback.
        try run(
            in: neighbour.namespace,
            "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet; ip route del local 127.0.0.0/8 dev lo table local; "
                + "ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.0/8 via 172.17.0.1")
        let installed = try rules(host)
        let reports = Reports()
        try await serving("secret", port: 7000, in: host.namespace) { () async throws in
            try await serving("web", port: 80, in: web.namespace) { () async throws in
                try run(in: host.namespace, "nft flush ruleset")
                #expect(
                    try fetch("http://127.0.0.1:7000/", from: neighbour.namespace) == "secret",
                    "the test would see nothing without the guard")
                await host.service.watchRules { reports.add($0) }
                #expect(try fetch("http://127.0.0.1:9090/", from: neighbour.namespace) == "failed")
                #expect(try rules(host) == installed)
                #expect(reports.all.count == 1)
                try run(in: host.namespace, "nft \"\(command)\"")
                try await eventually("the repair") { reports.all.count == 2 }
                #expect(try rules(host) == installed)
                #expect(reports.all.allSatisfy { $0.contains("gantry_test") })
                #expect(try fetch("http://127.0.0.1:7000/", from: neighbour.namespace) == "failed")
                #expect(try fetch("http://127.0.0.1:9090/", from: host.namespace) == "web")
                #expect(try fetch("http://172.17.0.1:8080/", from: neighbour.namespace) == "web")
            }
        }
        await host.service.detach(containerID: "web")
        await host.service.detach(containerID: "other")
        await host.service.stop()
        #expect(reports.all.count == 2)
    }

    /// Changes of its own table or of other tables trigger no repair, and two daemons do not trigger each other.
    @Test func ignoresOtherTables() async throws {
        let host = try TestHost()
        let second = NetworkService(
            configuration: NetworkConfiguration(instance: "second", bridgeName: "gantry-second"),
            namespace: host.namespace)
        let reports = Reports()
        try await host.service.start()
        try await second.start()
        await host.service.watchRules { reports.add($0) }
        await second.watchRules { reports.add($0) }
        for number in 0..<20 {
            for service in [host.service, second] {
                _ = try await service.attach(
                    EndpointRequest(
                        containerID: "c\(number)", networkName: "bridge", hostname: "c",
                        ports: [PortRequest(containerPort: 80, transport: .tcp, hostIP: nil, hostPorts: 0...0)]))
            }
            try run(
                in: host.namespace,
                "nft \"add table ip mine; add chain ip mine c\(number) { type filter hook input priority 0; }\"")
            if number % 2 == 0 { await host.service.detach(containerID: "c\(number)") }
        }
        // A change of its own table afterwards is reported, once.
        try run(in: host.namespace, "nft flush table ip gantry_second")
        try await eventually("the repair") { !reports.all.isEmpty }
        #expect(reports.all.count == 1 && reports.all[0].contains("gantry_second"))
        #expect(try run(in: host.namespace, "nft list table ip mine").contains("chain c19"))
    }

    @Test func routesLoopbackOnlyWhileNeeded() async throws {
        let host = try TestHost()
        try await host.service.start()
        func route() throws -> String {
            try run(in: host.namespace, "cat /proc/sys/net/ipv4/conf/gantry0/route_localnet").trimming
        }
        func attach(_ id: String, at address: String?) async throws {
            _ = try await host.service.attach(
                EndpointRequest(
                    containerID: id, networkName: "bridge", hostname: id,
                    ports: [PortRequest(containerPort: 80, transport: .tcp, hostIP: address, hostPorts: 0...0)]))
        }
        #expect(try route() == "0")
        try await attach("bridge", at: "172.17.0.1")
        #expect(try route() == "0")
        try await attach("loopback", at: "127.0.0.1")
        #expect(try route() == "1")
        try await attach("any", at: nil)
        await host.service.detach(containerID: "loopback")
        #expect(try route() == "1")
        let kept = (await host.service.networks())[0].endpoints
        let next = TestHost(after: host)
        try await next.service.start()
        #expect(try route() == "1")
        try await next.service.adopt(kept)
        #expect(try route() == "1")
        await next.service.detach(containerID: "any")
        #expect(try route() == "0")
    }
}
