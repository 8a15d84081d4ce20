package import Linux

package enum Transport: String, Codable, Sendable {
    case tcp, udp, sctp

    /// The protocol number (IANA), as in an IP header.
    var number: Int32 {
        switch self {
        case .tcp: 6
        case .udp: 17
        case .sctp: 132
        }
    }
}

/// A port to publish.
package struct PortRequest: Sendable {
    package var containerPort: UInt16
    package var transport: Transport
    /// nil: the configured default.
    package var hostIP: String?
    /// The first free port of this range is used; 0...0 means any.
    package var hostPorts: ClosedRange<UInt16>

    package init(containerPort: UInt16, transport: Transport, hostIP: String?, hostPorts: ClosedRange<UInt16>) {
        self.containerPort = containerPort
        self.transport = transport
        self.hostIP = hostIP
        self.hostPorts = hostPorts
    }
}

/// A published port.
package struct PublishedEndpointPort: Codable, Sendable, Equatable {
    package let containerPort: UInt16
    package let transport: Transport
    package let hostIP: String
    package let hostPort: UInt16
}

package struct EndpointRequest: Sendable {
    package var containerID: String
    package var networkName: String
    package var hostname: String
    /// The name for error texts; the short id if none is given.
    package var containerName: String
    /// Empty: derived from the IP address.
    package var macAddress: String
    package var ports: [PortRequest]

    package init(
        containerID: String, networkName: String, hostname: String, macAddress: String = "", ports: [PortRequest] = [],
        containerName: String = ""
    ) {
        self.containerID = containerID
        self.networkName = networkName
        self.hostname = hostname
        self.containerName = containerName.isEmpty ? String(containerID.prefix(12)) : containerName
        self.macAddress = macAddress
        self.ports = ports
    }
}

/// A container's connection to a network.
package struct NetworkEndpoint: Codable, Sendable, Equatable {
    /// 64 hexadecimal digits.
    package let id: String
    package let networkID: String
    package let networkName: String
    package let containerID: String
    package let containerName: String
    package let ipAddress: String
    package let prefixLength: Int
    package let gateway: String
    package let macAddress: String
    package let ports: [PublishedEndpointPort]
}

/// The namespace and endpoint of a container that was attached to a network.
package struct EndpointAttachment: Sendable {
    package let namespace: SharedDescriptor
    package let endpoint: NetworkEndpoint
    /// Listening sockets that reserve the published ports as long as one process holds them.
    package let held: [SharedDescriptor]
}
