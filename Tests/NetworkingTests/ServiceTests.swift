import Glibc
import Linux
import Netlink
import Networking
import Testing

/// A service whose host is a temporary network namespace, so that nothing of the machine changes.
final class TestHost: Sendable {
    let namespace: SharedDescriptor
    let configuration: NetworkConfiguration
    let service: NetworkService

    init(_ instance: String = "test", _ change: (inout NetworkConfiguration) -> Void = { _ in }) throws {
        namespace = SharedDescriptor(try NetworkNamespace.create())
        var configuration = NetworkConfiguration(instance: instance, bridgeName: "gantry0")
        change(&configuration)
        self.configuration = configuration
        service = NetworkService(configuration: configuration, namespace: namespace)
    }

    /// The next daemon on the same host.
    init(after other: TestHost) {
        namespace = other.namespace
        configuration = other.configuration
        service = NetworkService(configuration: configuration, namespace: namespace)
    }
}

/// Runs a program inside a namespace and returns its output.
@discardableResult
func run(in namespace: SharedDescriptor, _ command: String) throws -> String {
    // The shell inherits no descriptor, so it opens ours through /proc.
    let line = "nsenter --net=/proc/\(getpid())/fd/\(namespace.raw) sh -c '\(command)' 2>&1"
    guard let pipe = popen(line, "r") else { throw SystemError("popen", code: errno) }
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = fread(&chunk, 1, chunk.count, pipe)
        if count == 0 { break }
        output += chunk[..<count]
    }
    pclose(pipe)
    return String(decoding: output, as: UTF8.self)
}

/// Runs a web server that returns `text` inside a namespace while `body` runs.
func serving(
    _ text: String, port: Int, in namespace: SharedDescriptor, _ body: () async throws -> Void
) async throws {
    let directory = "/tmp/gantry-network-\(getpid())-\(namespace.raw)"
    try run(in: namespace, "mkdir -p \(directory) && echo \(text) > \(directory)/index.html")
    let pid = try run(
        in: namespace, "busybox httpd -f -p \(port) -h \(directory) > /dev/null 2>&1 & echo $!"
    ).filter(\.isNumber)
    defer {
        if let pid = Int32(pid) { kill(pid, SIGKILL) }
        _ = try? run(in: namespace, "rm -rf \(directory)")
    }
    for _ in 0..<100 where try !run(in: namespace, "ss -Hltn sport = :\(port)").contains("LISTEN") { usleep(20_000) }
    try await body()
}

func fetch(_ url: String, from namespace: SharedDescriptor) throws -> String {
    try run(in: namespace, "curl -s -m 2 \(url) || echo failed")
        .trimming
}

extension String {
    var trimming: String { String(split(separator: "\n").first ?? "") }
}

/// The error text of a refused attachment, or an empty string.
func refusal(_ host: TestHost, _ request: EndpointRequest) async -> String {
    do {
        _ = try await host.service.attach(request)
        return ""
    } catch {
        return error.description
    }
}

@Suite(.serialized) struct ServiceTests {
    @Test func attachSetsAddressRouteAndName() async throws {
        let host = try TestHost()
        try await host.service.start()
        let first = try await host.service.attach(
            EndpointRequest(containerID: "a1", networkName: "bridge", hostname: "a"))
        let second = try await host.service.attach(
            EndpointRequest(containerID: "b1", networkName: "bridge", hostname: "b"))
        #expect(first.endpoint.ipAddress == "172.17.0.2")
        #expect(first.endpoint.gateway == "172.17.0.1")
        #expect(first.endpoint.prefixLength == 16)
        #expect(first.endpoint.macAddress == "02:42:ac:11:00:02")
        #expect(first.endpoint.id.count == 64)
        #expect(second.endpoint.ipAddress == "172.17.0.3")
        let shown = try run(in: first.namespace, "ip -br addr show eth0; ip route")
        #expect(shown.contains("172.17.0.2/16"))
        #expect(shown.contains("default via 172.17.0.1 dev eth0"))
        #expect(try run(in: first.namespace, "busybox ping -c1 -W2 172.17.0.3").contains(" 0% packet loss"))
        #expect(try run(in: host.namespace, "busybox ping -c1 -W2 172.17.0.2").contains(" 0% packet loss"))
        #expect(try run(in: host.namespace, "cat /proc/sys/net/ipv4/ip_forward").trimming == "1")
        #expect(
            await refusal(host, EndpointRequest(containerID: "a1", networkName: "bridge", hostname: "a"))
                == "container a1 is attached to network bridge already")
        #expect(
            await refusal(host, EndpointRequest(containerID: "c1", networkName: "nosuch", hostname: "c"))
                == "network nosuch not found")
        let shownNetworks = await host.service.networks()
        #expect(shownNetworks.map(\.name) == ["bridge", "host", "none"])
        #expect(shownNetworks[0].endpoints.map(\.containerID).sorted() == ["a1", "b1"])
        #expect(shownNetworks.allSatisfy { $0.id.count == 64 })
        await host.service.stop()
    }

    @Test func publishedPortsAnswerFromAllSides() async throws {
        let host = try TestHost()
        try await host.service.start()
        // A machine on another link of the host.
        let outside = SharedDescriptor(try NetworkNamespace.create())
        try run(
            in: host.namespace,
            "ip link add lan0 type veth peer name eth0 netns /proc/\(getpid())/fd/\(outside.raw);"
                + " ip addr add 10.99.0.1/24 dev lan0; ip link set lan0 up")
        try run(
            in: outside,
            "ip addr add 10.99.0.2/24 dev eth0; ip link set eth0 up;"
                + " ip route add 172.17.0.0/16 via 10.99.0.1; ip route add 127.5.0.0/16 via 10.99.0.1;"
                + " echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet")
        let web = try await host.service.attach(
            EndpointRequest(
                containerID: "web1", networkName: "bridge", hostname: "web",
                ports: [
                    PortRequest(containerPort: 80, transport: .tcp, hostIP: nil, hostPorts: 8080...8080),
                    PortRequest(containerPort: 80, transport: .tcp, hostIP: "127.0.0.1", hostPorts: 9090...9090),
                    PortRequest(containerPort: 80, transport: .tcp, hostIP: nil, hostPorts: 0...0),
                ]))
        let other = try await host.service.attach(
            EndpointRequest(containerID: "other1", networkName: "bridge", hostname: "other"))
        #expect(web.held.count == 3)
        let chosen = web.endpoint.ports[2].hostPort
        #expect(chosen >= 32768)
        try await serving("hello", port: 80, in: web.namespace) { () async throws in
            #expect(try fetch("http://127.0.0.1:8080/", from: host.namespace) == "hello")
            #expect(try fetch("http://172.17.0.1:8080/", from: host.namespace) == "hello")
            #expect(try fetch("http://10.99.0.1:8080/", from: host.namespace) == "hello")
            #expect(try fetch("http://127.0.0.1:\(chosen)/", from: host.namespace) == "hello")
            #expect(try fetch("http://172.17.0.2/", from: host.namespace) == "hello")
            #expect(try fetch("http://10.99.0.1:8080/", from: outside) == "hello")
            #expect(try fetch("http://172.17.0.1:8080/", from: other.namespace) == "hello")
            #expect(try fetch("http://10.99.0.1:8080/", from: other.namespace) == "hello")
            // A container reaches its own published port.
            #expect(try fetch("http://172.17.0.1:8080/", from: web.namespace) == "hello")
            // Published on 127.0.0.1 only.
            #expect(try fetch("http://127.0.0.1:9090/", from: host.namespace) == "hello")
            #expect(try fetch("http://10.99.0.1:9090/", from: outside) == "failed")
            #expect(try fetch("http://127.5.0.1:8080/", from: outside) == "failed")
            // Not published: not reachable from outside, even by the container's address.
            #expect(try fetch("http://172.17.0.2/", from: outside) == "failed")
        }
        try await serving("out", port: 81, in: outside) { () async throws in
            #expect(try fetch("http://10.99.0.2:81/", from: other.namespace) == "out")
        }
        await host.service.detach(containerID: "web1")
        await host.service.detach(containerID: "web1")
        #expect(!(try run(in: host.namespace, "nft list ruleset").contains("8080")))
        await host.service.detach(containerID: "other1")
        await host.service.stop()
        #expect(try run(in: host.namespace, "nft list tables; ip -br link show type bridge").isEmpty)
    }

    /// Another program took one of its ports away: the others must not lead to whoever gets the address next.
    @Test func withdrawsAllPortsThoughOneIsGone() async throws {
        let host = try TestHost()
        try await host.service.start()
        let ports = [8080, 8081].map {
            PortRequest(containerPort: 80, transport: .tcp, hostIP: nil, hostPorts: UInt16($0)...UInt16($0))
        }
        _ = try await host.service.attach(
            EndpointRequest(containerID: "a1", networkName: "bridge", hostname: "a", ports: ports))
        _ = try await host.service.attach(
            EndpointRequest(
                containerID: "b1", networkName: "bridge", hostname: "b",
                ports: [PortRequest(containerPort: 80, transport: .tcp, hostIP: nil, hostPorts: 9090...9090)]))
        try run(in: host.namespace, "nft delete element ip gantry_test published { tcp . 8080 }")
        await host.service.detach(containerID: "a1")
        let rules = try run(in: host.namespace, "nft list ruleset")
        #expect(!rules.contains("8081") && rules.contains("9090"), "\(rules)")
        await host.service.detach(containerID: "b1")
        await host.service.stop()
    }

    @Test func takenPortErrorNamesHolder() async throws {
        let host = try TestHost()
        try await host.service.start()
        let request = PortRequest(containerPort: 80, transport: .tcp, hostIP: nil, hostPorts: 8080...8080)
        let first = try await host.service.attach(
            EndpointRequest(
                containerID: "a1", networkName: "bridge", hostname: "a", ports: [request], containerName: "web"))
        let text = await refusal(
            host, EndpointRequest(containerID: "b1", networkName: "bridge", hostname: "b", ports: [request]))
        #expect(text.hasPrefix("port 8080 is taken by container web; 8081 is free"), "\(text)")
        #expect(text.contains("Bind for 0.0.0.0:8080 failed: port is already allocated"))
        #expect(first.held.count == 1)

        try await serving("x", port: 7070, in: host.namespace) { () async throws in
            let taken = PortRequest(containerPort: 80, transport: .tcp, hostIP: nil, hostPorts: 7070...7070)
            let text = await refusal(
                host, EndpointRequest(containerID: "b1", networkName: "bridge", hostname: "b", ports: [taken]))
            #expect(text.hasPrefix("port 7070 is taken by busybox (pid "), "\(text)")
            #expect(text.contains("7071 is free"))
        }
        // Failed attempts leave nothing: the container can be attached, and no address is lost.
        let range = PortRequest(containerPort: 80, transport: .tcp, hostIP: nil, hostPorts: 8080...8082)
        let second = try await host.service.attach(
            EndpointRequest(containerID: "b1", networkName: "bridge", hostname: "b", ports: [range]))
        #expect(second.endpoint.ports[0].hostPort == 8081)
        #expect((await host.service.networks())[0].endpoints.count == 2)
    }

    @Test func nextDaemonAdoptsEndpointsAndRemovesLeftovers() async throws {
        let host = try TestHost()
        try await host.service.start()
        let request = PortRequest(containerPort: 80, transport: .tcp, hostIP: nil, hostPorts: 8080...8080)
        let kept = try await host.service.attach(
            EndpointRequest(containerID: "a1", networkName: "bridge", hostname: "a", ports: [request]))
        let lost = try await host.service.attach(
            EndpointRequest(
                containerID: "b1", networkName: "bridge", hostname: "b",
                ports: [PortRequest(containerPort: 80, transport: .tcp, hostIP: nil, hostPorts: 8081...8081)]))
        let next = TestHost(after: host)
        try await serving("still", port: 80, in: kept.namespace) { () async throws in
            #expect(try fetch("http://127.0.0.1:8080/", from: next.namespace) == "still")
            try await next.service.start()
            #expect(try fetch("http://127.0.0.1:8080/", from: next.namespace) == "still")
            try await next.service.adopt([kept.endpoint])
            #expect(try fetch("http://127.0.0.1:8080/", from: next.namespace) == "still")
        }
        let ruleset = try run(in: next.namespace, "nft list ruleset")
        #expect(ruleset.contains("tcp . 8080 : 172.17.0.2 . 80"))
        #expect(!ruleset.contains("8081"))
        let links = try run(in: next.namespace, "ip -br link show type veth").split(separator: "\n")
        #expect(links.count == 1)
        #expect(lost.endpoint.ipAddress == "172.17.0.3")
        let third = try await next.service.attach(
            EndpointRequest(containerID: "c1", networkName: "bridge", hostname: "c"))
        #expect(third.endpoint.ipAddress != kept.endpoint.ipAddress)
        await next.service.detach(containerID: "a1")
        #expect(!(try run(in: next.namespace, "nft list ruleset").contains("8080")))
    }

    @Test func appliesConfiguration() async throws {
        let host = try TestHost {
            $0.bip = "10.88.0.1/24"
            $0.fixedCIDR = "10.88.0.128/25"
            $0.mtu = 1400
            $0.icc = false
            $0.bridgeName = "gantry-12345678"
        }
        try await host.service.start()
        let first = try await host.service.attach(
            EndpointRequest(containerID: "a1", networkName: "bridge", hostname: "a"))
        let second = try await host.service.attach(
            EndpointRequest(
                containerID: "b1", networkName: "bridge", hostname: "b", macAddress: "02:42:00:00:00:99"))
        #expect(first.endpoint.ipAddress == "10.88.0.128")
        #expect(second.endpoint.ipAddress == "10.88.0.129")
        #expect(try run(in: second.namespace, "ip link show eth0").contains("02:42:00:00:00:99"))
        #expect(try run(in: second.namespace, "ip link show eth0").contains("mtu 1400"))
        #expect(try run(in: first.namespace, "busybox ping -c1 -W1 10.88.0.129").contains("100% packet loss"))
        #expect(try run(in: first.namespace, "busybox ping -c1 -W2 10.88.0.1").contains(" 0% packet loss"))
        #expect(
            await refusal(
                host, EndpointRequest(containerID: "c", networkName: "bridge", hostname: "c", macAddress: "zz"))
                == "invalid MAC address: zz")
    }

    @Test func skipsPoolsUsedByHost() async throws {
        let host = try TestHost()
        try run(in: host.namespace, "ip link add x type bridge; ip addr add 172.17.3.1/24 dev x; ip link set x up")
        try await host.service.start()
        #expect((await host.service.networks())[0].subnet == "172.18.0.0/16")
        // A second instance on the same host.
        let configuration = NetworkConfiguration(instance: "second", bridgeName: "gantry-second")
        let second = NetworkService(configuration: configuration, namespace: host.namespace)
        try await second.start()
        #expect((await second.networks())[0].subnet == "172.19.0.0/16")
        #expect((await second.networks())[0].id != (await host.service.networks())[0].id)
    }

    @Test func reusesAddressesUntilPoolIsExhausted() async throws {
        let host = try TestHost { $0.bip = "10.88.0.1/29" }
        try await host.service.start()
        for number in 0..<5 {
            _ = try await host.service.attach(
                EndpointRequest(containerID: "c\(number)", networkName: "bridge", hostname: "c"))
        }
        #expect(
            await refusal(host, EndpointRequest(containerID: "d", networkName: "bridge", hostname: "d"))
                == "no available IPv4 addresses on this network's address pool: 10.88.0.0/29")
        await host.service.detach(containerID: "c2")
        let again = try await host.service.attach(
            EndpointRequest(containerID: "d", networkName: "bridge", hostname: "d"))
        #expect(again.endpoint.ipAddress == "10.88.0.4")
    }

    @Test func isolatedNamespaceHasOnlyLoopback() async throws {
        let host = try TestHost { $0.userBridge = "none" }
        try await host.service.start()
        let namespace = try host.service.isolatedNamespace()
        let links = try run(in: namespace, "ip -br link").split(separator: "\n")
        #expect(links.filter { $0.contains("LOWER_UP") }.count == 1)
        #expect(links.first?.hasPrefix("lo") == true)
        #expect((await host.service.networks()).map(\.name) == ["host", "none"])
    }

    /// A container that just exited: its sockets are closed, but its port is still in the firewall's map.
    @Test func portOfExitedContainerStaysReserved() async throws {
        let host = try TestHost()
        try await host.service.start()
        func request(_ id: String, at hostIP: String? = nil, _ transport: Transport = .tcp) -> EndpointRequest {
            EndpointRequest(
                containerID: id, networkName: "bridge", hostname: id,
                ports: [PortRequest(containerPort: 80, transport: transport, hostIP: hostIP, hostPorts: 40000...40001)])
        }
        func port(_ request: EndpointRequest) async throws -> UInt16? {
            try await host.service.attach(request).endpoint.ports.first?.hostPort
        }
        #expect(try await port(request("a")) == 40000)
        #expect(try await port(request("b", at: "127.0.0.1")) == 40001)
        #expect(
            await refusal(host, request("c"))
                == "port 40000 is taken by container a; 40002 is free: failed to bind host port 0.0.0.0:40000/tcp: "
                + "Bind for 0.0.0.0:40000 failed: port is already allocated")
        #expect(try await port(request("d", at: "127.0.0.2")) == 40001)
        #expect(try await port(request("e", .udp)) == 40000)
        await host.service.detach(containerID: "a")
        #expect(try await port(request("f")) == 40000)
        // An address that this host does not have is reported even when all ports are free.
        #expect(
            await refusal(host, request("g", at: "192.0.2.1"))
                == "cannot bind 192.0.2.1:40000: cannot assign requested address")
    }

    @Test func attachesConcurrently() async throws {
        let host = try TestHost()
        try await host.service.start()
        let addresses = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<32 {
                group.addTask {
                    try await host.service.attach(
                        EndpointRequest(
                            containerID: "c\(number)", networkName: "bridge", hostname: "c",
                            ports: [PortRequest(containerPort: 80, transport: .tcp, hostIP: nil, hostPorts: 0...0)])
                    ).endpoint.ipAddress
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(addresses.count == 32)
        for number in 0..<32 { await host.service.detach(containerID: "c\(number)") }
        #expect((await host.service.networks())[0].endpoints.isEmpty)
    }
}
