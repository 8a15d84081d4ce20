internal import ByteText
internal import Concurrency
internal import Glibc
package import Linux
internal import Netlink

/// A network as `network ls` shows it.
package struct NetworkInformation: Sendable {
    package let id: String
    package let name: String
    /// `bridge`, `host` or `null`.
    package let driver: String
    package let subnet: String?
    package let gateway: String?
    package let options: [String: String]
    package let endpoints: [NetworkEndpoint]
}

/// The networks of this daemon. Runs on its own thread: its system calls may block, and neither libnftables nor a netlink socket
/// is thread-safe.
package actor NetworkService {
    private let configuration: NetworkConfiguration
    nonisolated private let queue: ThreadExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    private var bridge: Bridge?
    private var endpoints: [String: NetworkEndpoint] = [:]
    /// Endpoints whose container is gone and whose ports still lead to their address: neither is given out again before the firewall
    /// has let go of them.
    private var lingering: [NetworkEndpoint] = []
    private var watch: RulesetWatch?
    private var report: @Sendable (String) -> Void = { _ in }
    /// Whether the bridge's route_localnet is on; nil while its value from an earlier daemon is unknown.
    private var routesLoopback: Bool?

    /// State that exists only with the bridge.
    private struct Bridge {
        let name: String
        let index: Int32
        let gateway: IPv4Address
        let routes: RouteSocket
        let firewall: Firewall?
        var pool: AddressPool
        let isOwn: Bool
    }

    /// `namespace` holds the bridge, the rules and the published ports; nil for the daemon's own.
    package init(configuration: NetworkConfiguration, namespace: SharedDescriptor? = nil) {
        self.configuration = configuration
        queue = ThreadExecutor {
            guard let namespace else { return }
            do {
                try NetworkNamespace.join(namespace.raw)
            } catch {
                // In the wrong namespace it would change the host's network, so it must not continue.
                fatalError("network service: \(error)")
            }
        }
    }

    // MARK: The bridge

    /// Creates the bridge and the firewall table, or adopts the bridge of an earlier daemon.
    package func start() throws(NetworkError) {
        guard bridge == nil, configuration.userBridge != "none" else { return }
        let name = configuration.userBridge ?? configuration.bridgeName
        do {
            let routes = try RouteSocket()
            let existing = try routes.link(named: name)
            let (address, length) = try bridgeAddress(routes, existing)
            let network = IPv4Network(containing: address, prefixLength: length)
            if existing == nil {
                guard configuration.userBridge == nil else {
                    throw NetworkError.invalid("bridge \(name) does not exist")
                }
                try routes.createBridge(
                    name, hardwareAddress: HardwareAddress(for: address), mtu: UInt32(configuration.mtu))
            }
            guard let link = try existing ?? routes.link(named: name) else {
                throw NetworkError.system("bridge \(name) has disappeared")
            }
            if configuration.userBridge == nil {
                for old in try routes.addresses()
                where old.index == link.index && (old.address != address || old.prefixLength != length) {
                    try routes.removeAddress(old.address, prefixLength: old.prefixLength, from: name, index: link.index)
                }
                try routes.addAddress(address, prefixLength: length, to: name, index: link.index)
                if link.mtu != UInt32(configuration.mtu) {
                    try routes.setMTU(UInt32(configuration.mtu), of: name, index: link.index)
                }
                try routes.setUp(name, index: link.index)
            }
            try switchOn(name)
            let firewall = configuration.firewall ? try Firewall(table: "gantry_" + configuration.instance) : nil
            try firewall?.install(
                bridge: name, network: network, icc: configuration.icc, masquerade: configuration.ipMasquerade)
            let range = try configuration.fixedCIDR.map { text throws(NetworkError) in
                guard let range = IPv4Network(text), network.contains(range) else {
                    throw .invalid("fixed-cidr \(text) is not within the bridge's network \(network)")
                }
                return range
            }
            let gateway = configuration.defaultGateway.flatMap { IPv4Address($0) } ?? address
            bridge = Bridge(
                name: name, index: link.index, gateway: gateway, routes: routes, firewall: firewall,
                pool: AddressPool(network: network, range: range ?? network, reserved: [address, gateway]),
                isOwn: configuration.userBridge == nil)
        } catch let error as NetworkError {
            throw error
        } catch let error as NetlinkError {
            throw NetworkError(error)
        } catch {
            throw .system("\(error)")
        }
    }

    /// The bridge's address: the configured one, the one it has, or the first of a pool that no network of this host overlaps.
    private func bridgeAddress(_ routes: RouteSocket, _ existing: Link?) throws -> (IPv4Address, Int) {
        if let bip = configuration.bip {
            guard let (address, length) = IPv4Network.split(bip) else {
                throw NetworkError.invalid(
                    "invalid bip \(bip): an address with its prefix length, such as 10.88.0.1/24")
            }
            return (address, length)
        }
        if let existing, let found = try routes.addresses().first(where: { $0.index == existing.index }) {
            return (found.address, found.prefixLength)
        }
        // Links that are down have addresses but no routes.
        let taken =
            try routes.routes().map(\.destination).filter { $0.prefixLength > 0 }
            + routes.addresses().map { IPv4Network(containing: $0.address, prefixLength: $0.prefixLength) }
        for text in AddressPool.defaults {
            guard let network = IPv4Network(text), !taken.contains(where: { $0.overlaps(network) }) else { continue }
            return (IPv4Address(network.base.value + 1), network.prefixLength)
        }
        throw NetworkError.system(
            "every default address pool overlaps with a network of this host; set one with \"bip\": \"ADDRESS/LENGTH\" "
                + "in the configuration file")
    }

    private func switchOn(_ name: String) throws(NetworkError) {
        if configuration.ipForward { try Self.set("/proc/sys/net/ipv4/ip_forward") }
    }

    /// Sets route_localnet, which lets a container answer on 127.0.0.1:PORT. It is on only while such a port is published, and
    /// together with the table's guard chain: otherwise neighbours could reach services on the host's loopback (CVE-2020-8558).
    private func routeLoopback(besides port: [PublishedEndpointPort] = []) throws(NetworkError) {
        guard let bridge, bridge.firewall != nil else { return }
        let ports = (Array(endpoints.values) + lingering).flatMap(\.ports) + port
        let isNeeded = ports.contains { $0.hostIP == "0.0.0.0" || $0.hostIP.hasBytePrefix("127.") }
        guard isNeeded != routesLoopback else { return }
        try Self.set("/proc/sys/net/ipv4/conf/\(bridge.name)/route_localnet", isNeeded)
        routesLoopback = isNeeded
    }

    private static func set(_ path: String, _ isOn: Bool = true) throws(NetworkError) {
        do {
            let file = try Descriptor.open(path, O_RDWR)
            var byte = UInt8(ascii: isOn ? "1" : "0")
            if try file.readAll(limit: 64).first == byte { return }
            guard pwrite(file.raw, &byte, 1, 0) == 1 else { throw SystemError("write", path, code: errno) }
        } catch let error as SystemError {
            throw NetworkError(error)
        } catch {
            throw .system("\(error)")
        }
    }

    /// Removes bridge and table when no container uses them.
    package func stop() {
        guard let bridge, endpoints.isEmpty else { return }
        self.bridge = nil
        watch = nil
        try? bridge.firewall?.remove()
        if bridge.isOwn { try? bridge.routes.delete(bridge.name, index: bridge.index) }
    }

    // MARK: Endpoints

    /// Creates a namespace with an address in the bridge network and publishes its ports. On failure, undoes everything.
    package func attach(_ request: EndpointRequest) throws(NetworkError) -> EndpointAttachment {
        if bridge == nil { try start() }
        guard request.networkName == "bridge", var bridge else { throw .noSuchNetwork(request.networkName) }
        guard endpoints[request.containerID] == nil else {
            throw .invalid("container \(request.containerID.prefix(12)) is attached to network bridge already")
        }
        if !request.macAddress.isEmpty, HardwareAddress(request.macAddress) == nil {
            throw .invalid("invalid MAC address: \(request.macAddress)")
        }
        if bridge.firewall == nil, let port = request.ports.first {
            throw .invalid(
                "port \(port.containerPort) cannot be published: the firewall is switched off; set \"iptables\" to true"
            )
        }
        if !lingering.isEmpty {
            releaseLingering()
            if let pool = self.bridge?.pool { bridge.pool = pool }
        }
        var held: [SharedDescriptor] = []
        var ports: [PublishedEndpointPort] = []
        for port in request.ports {
            let address = port.hostIP ?? configuration.defaultBindAddress
            let (number, socket) = try reserve(port, address)
            held.append(socket)
            ports.append(
                PublishedEndpointPort(
                    containerPort: port.containerPort, transport: port.transport, hostIP: address, hostPort: number))
        }
        guard let address = bridge.pool.take() else { throw .poolExhausted(bridge.pool.network.description) }
        self.bridge?.pool = bridge.pool
        do {
            let mac = HardwareAddress(request.macAddress) ?? HardwareAddress(for: address)
            let identifier = Self.randomIdentifier()
            let opened = try NetworkNamespace.open()
            try bridge.routes.createPeers(
                .init(name: Self.linkName(identifier)), master: bridge.index,
                far: .init(name: "eth0", hardwareAddress: mac), namespace: opened.namespace.raw,
                mtu: UInt32(configuration.mtu))
            guard let inside = try opened.routes.link(named: "eth0") else {
                throw NetworkError.system("the container's link has disappeared")
            }
            try opened.routes.addAddress(
                address, prefixLength: bridge.pool.network.prefixLength, to: "eth0", index: inside.index)
            try opened.routes.setUp("eth0", index: inside.index)
            try opened.routes.addDefaultRoute(through: bridge.gateway, index: inside.index)
            if !configuration.icc || !ports.isEmpty {
                // Isolated, because without br_netfilter the forward chain does not see frames within a bridge.
                try bridge.routes.setPort(
                    Self.linkName(identifier), hairpin: !ports.isEmpty, isolated: !configuration.icc)
            }
            try routeLoopback(besides: ports)
            try publish(ports, to: address)
            let endpoint = NetworkEndpoint(
                id: identifier, networkID: id(of: "bridge"),
                networkName: "bridge", containerID: request.containerID,
                containerName: request.containerName, ipAddress: address.description,
                prefixLength: bridge.pool.network.prefixLength, gateway: bridge.gateway.description,
                macAddress: mac.description, ports: ports)
            endpoints[request.containerID] = endpoint
            return EndpointAttachment(
                namespace: SharedDescriptor(opened.consumeNamespace()), endpoint: endpoint, held: held)
        } catch {
            self.bridge?.pool.release(address)
            do {
                try routeLoopback()
            } catch {
                // The original error is thrown; a failed clean-up is retried with the next container.
                report("\(error)")
            }
            if let error = error as? NetworkError { throw error }
            if let error = error as? NetlinkError { throw NetworkError(error) }
            throw .system("\(error)")
        }
    }

    /// Reserves the ports; an error for a port of another container names that container.
    private func reserve(
        _ port: PortRequest, _ address: String
    ) throws(NetworkError) -> (port: UInt16, socket: SharedDescriptor) {
        var owners: [UInt16: String] = [:]
        for endpoint in Array(endpoints.values) + lingering {
            for other in endpoint.ports where other.transport == port.transport {
                guard other.hostIP == address || [other.hostIP, address].contains("0.0.0.0") else { continue }
                owners[other.hostPort] = endpoint.containerName
            }
        }
        do {
            return try PortReservation.take(port, address: address, besides: Set(owners.keys))
        } catch NetworkError.portTaken(let address, let number, let transport, let holder, let nextFree) {
            throw .portTaken(
                address: address, port: number, transport: transport,
                holder: owners[number].map { "container \($0)" } ?? holder, nextFree: nextFree)
        }
    }

    /// Releases address and ports. May be called twice. What the firewall does not let go of stays taken, and is tried again with the
    /// next container that comes or goes.
    package func detach(containerID: String) {
        guard let endpoint = endpoints.removeValue(forKey: containerID) else { return }
        lingering.append(endpoint)
        releaseLingering()
        do {
            try routeLoopback()
        } catch {
            report("\(error)")
        }
    }

    private func releaseLingering() {
        lingering.removeAll { endpoint in
            do throws(NetworkError) {
                try withdraw(endpoint)
            } catch {
                report("the ports of container \(endpoint.containerName) stay taken: \(error)")
                return false
            }
            if let address = IPv4Address(endpoint.ipAddress) { bridge?.pool.release(address) }
            return true
        }
    }

    private func withdraw(_ endpoint: NetworkEndpoint) throws(NetworkError) {
        guard let firewall = bridge?.firewall else { return }
        do throws(NetworkError) {
            try firewall.withdraw(endpoint.ports, from: endpoint.ipAddress)
        } catch {
            // One of them may be gone already, by another program: then the transaction did nothing.
            try firewall.replaceAll(Array(endpoints.values))
        }
    }

    private func publish(_ ports: [PublishedEndpointPort], to address: IPv4Address) throws(NetworkError) {
        do throws(NetworkError) {
            try bridge?.firewall?.publish(ports, to: address.description)
        } catch {
            // Another program may have removed the table meanwhile.
            guard try repair() else { throw error }
            try bridge?.firewall?.publish(ports, to: address.description)
        }
    }

    // MARK: Changes by other programs

    /// From now on reverts every change of the daemon's table by another program and calls `report` (CVE-2025-54410). Call after
    /// ``adopt(_:)``: ports of unknown containers would be removed too.
    package func watchRules(report: @escaping @Sendable (String) -> Void) {
        self.report = report
        guard bridge?.firewall != nil else { return }
        do throws(NetworkError) {
            watch = try RulesetWatch { [weak self] in
                guard let self else { return }
                Task { await self.checkRules() }
            }
        } catch {
            report("changes of the firewall by other programs cannot be detected: \(error)")
        }
        checkRules()
    }

    private func checkRules() {
        do throws(NetworkError) {
            _ = try repair()
        } catch {
            report("the firewall's table was changed by another program and cannot be restored: \(error)")
        }
    }

    /// Repairs the table if needed; true when it was.
    private func repair() throws(NetworkError) -> Bool {
        guard let firewall = bridge?.firewall, try firewall.isDamaged(Array(endpoints.values)) else { return false }
        try firewall.rebuild(Array(endpoints.values))
        report("another program changed or removed the firewall's table \(firewall.table): it is as it was again")
        return true
    }

    /// After a daemon's restart: takes over the endpoints of running containers, and removes ports and links of all others.
    package func adopt(_ live: [NetworkEndpoint]) throws(NetworkError) {
        for endpoint in live {
            endpoints[endpoint.containerID] = endpoint
            if let address = IPv4Address(endpoint.ipAddress) { bridge?.pool.claim(address) }
        }
        guard let bridge else { return }
        try bridge.firewall?.replaceAll(Array(endpoints.values))
        try routeLoopback()
        let names = Set(endpoints.values.map { Self.linkName($0.id) })
        guard let links = try? bridge.routes.links() else { return }
        for link in links where link.master == bridge.index && Self.isLinkName(link.name) && !names.contains(link.name)
        {
            // The link may disappear by itself at this moment.
            try? bridge.routes.delete(link.name, index: link.index)
        }
    }

    /// A namespace with only a loopback interface.
    package nonisolated func isolatedNamespace() throws(NetworkError) -> SharedDescriptor {
        do {
            return SharedDescriptor(try NetworkNamespace.create())
        } catch {
            throw NetworkError(error)
        }
    }

    // MARK: Information

    package func networks() -> [NetworkInformation] {
        var rows: [NetworkInformation] = []
        if configuration.userBridge != "none" {
            rows.append(
                NetworkInformation(
                    id: id(of: "bridge"), name: "bridge", driver: "bridge", subnet: bridge?.pool.network.description,
                    gateway: bridge?.gateway.description,
                    options: [
                        "com.docker.network.bridge.default_bridge": "true",
                        "com.docker.network.bridge.enable_icc": String(configuration.icc),
                        "com.docker.network.bridge.enable_ip_masquerade": String(configuration.ipMasquerade),
                        "com.docker.network.bridge.host_binding_ipv4": configuration.defaultBindAddress,
                        "com.docker.network.bridge.name": configuration.userBridge ?? configuration.bridgeName,
                        "com.docker.network.driver.mtu": String(configuration.mtu),
                    ], endpoints: Array(endpoints.values)))
        }
        for (name, driver) in [("host", "host"), ("none", "null")] {
            rows.append(
                NetworkInformation(
                    id: id(of: name), name: name, driver: driver, subnet: nil, gateway: nil, options: [:],
                    endpoints: []))
        }
        return rows
    }

    package nonisolated func id(of name: String) -> String {
        Self.identifier(configuration.instance + "/" + name)
    }

    /// Derived from the endpoint's id, not the container's, because the link of the container's previous run may still exist.
    private static func linkName(_ endpoint: String) -> String { "gv" + endpoint.prefix(12) }

    private static func randomIdentifier() -> String {
        var source = SystemRandomNumberGenerator()
        return (0..<4).map { _ in hexadecimal(source.next()) }.joined()
    }

    private static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Whether a name has the form of ``linkName(_:)``.
    private static func isLinkName(_ name: String) -> Bool {
        name.utf8.count == 14 && name.hasBytePrefix("gv") && name.utf8.dropFirst(2).allSatisfy(\.isASCIIHexDigit)
    }

    /// 64 hexadecimal digits computed from `text` (FNV-1a, four times with different seeds).
    private static func identifier(_ text: String) -> String {
        (0..<4).map { seed in
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325 &+ UInt64(seed) &* 0x9e37_79b9_7f4a_7c15
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            return hexadecimal(hash)
        }.joined()
    }
}
