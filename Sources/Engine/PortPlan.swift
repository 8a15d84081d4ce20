internal import ByteText
internal import DockerAPI
internal import Networking

/// Which of a container's ports are published where.
enum PortPlan {
    /// What the network is asked for: `-p`, and with `-P` every exposed port.
    static func requests(_ record: ContainerRecord) throws(EngineError) -> [PortRequest] {
        var requests: [PortRequest] = []
        for (port, bindings) in record.host.PortBindings.sorted(by: { $0.key < $1.key }) {
            let (number, transport) = try parse(port)
            for binding in bindings ?? [] {
                let range = try parseRange(binding.HostPort)
                requests.append(
                    PortRequest(
                        containerPort: number, transport: transport,
                        hostIP: binding.HostIp.isEmpty ? nil : binding.HostIp,
                        hostPorts: range))
            }
        }
        if record.host.PublishAllPorts {
            for port in (record.config.ExposedPorts ?? [:]).keys.sorted() where record.host.PortBindings[port] == nil {
                let (number, transport) = try parse(port)
                requests.append(PortRequest(containerPort: number, transport: transport, hostIP: nil, hostPorts: 0...0))
            }
        }
        return requests
    }

    /// The ports of an image's entry, which may be a range or lack its protocol: as liberal as Docker is with images. What is no
    /// port at all is left out.
    static func exposed(_ text: String) -> [String] {
        let (range, transport) = text.cut(at: "/")
        guard let ports = try? parseRange(String(range)), ports.lowerBound > 0,
            let transport = Transport(rawValue: transport.map { $0.lowercased() } ?? "tcp")
        else { return [] }
        return ports.map { "\($0)/\(transport.rawValue)" }
    }

    /// `80/tcp`, `53/udp`, `80`.
    static func parse(_ text: String) throws(EngineError) -> (UInt16, Transport) {
        let parts = text.split(byte: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let number = UInt16(parts[0]), number > 0 else {
            throw .invalid("invalid port specification: \"\(text)\"")
        }
        guard let transport = Transport(rawValue: parts.count == 2 ? parts[1].lowercased() : "tcp") else {
            throw .invalid("invalid proto: \(parts[1])")
        }
        return (number, transport)
    }

    /// `8080`, `8000-8010`, or empty for any.
    private static func parseRange(_ text: String) throws(EngineError) -> ClosedRange<UInt16> {
        if text.isEmpty { return 0...0 }
        let ends = text.split(byte: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first <= last else {
            throw .invalid("invalid port specification: \"\(text)\"")
        }
        return first...last
    }

    /// `NetworkSettings.Ports`: published ports with their bindings, exposed ones with null.
    static func settings(_ record: ContainerRecord) -> [String: [PortBinding]?] {
        var ports: [String: [PortBinding]?] = [:]
        guard record.phase.process != nil, record.networkMode != "host" else { return [:] }
        for port in (record.config.ExposedPorts ?? [:]).keys { ports[port] = .some(nil) }
        for binding in record.endpoint?.ports ?? [] {
            let name = "\(binding.containerPort)/\(binding.transport.rawValue)"
            let row = PortBinding(HostIp: binding.hostIP, HostPort: String(binding.hostPort))
            ports[name] = ((ports[name] ?? nil) ?? []) + [row]
        }
        return ports
    }

    /// The column PORTS of `ps`.
    static func published(_ record: ContainerRecord) -> [PublishedPort] {
        var rows: [PublishedPort] = []
        for (port, bindings) in settings(record) {
            guard let (number, transport) = try? parse(port) else { continue }
            guard let bindings, !bindings.isEmpty else {
                rows.append(PublishedPort(IP: nil, PrivatePort: Int(number), PublicPort: nil, Type: transport.rawValue))
                continue
            }
            for binding in bindings {
                rows.append(
                    PublishedPort(
                        IP: binding.HostIp, PrivatePort: Int(number), PublicPort: Int(binding.HostPort),
                        Type: transport.rawValue))
            }
        }
        return rows.sorted { ($0.PrivatePort, $0.PublicPort ?? 0) < ($1.PrivatePort, $1.PublicPort ?? 0) }
    }
}
