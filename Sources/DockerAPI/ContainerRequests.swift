// swift-format-ignore-file: AlwaysUseLowerCamelCase
package import JSON

/// The body of `POST /containers/create`: the members of ``ContainerConfig`` plus two more.
package struct ContainerCreateRequest: Codable, Sendable {
    package var config: ContainerConfig
    package var HostConfig: HostConfig
    package var NetworkingConfig: NetworkingConfig?

    package init(config: ContainerConfig, HostConfig: HostConfig, NetworkingConfig: NetworkingConfig? = nil) {
        self.config = config
        self.HostConfig = HostConfig
        self.NetworkingConfig = NetworkingConfig
    }

    private enum CodingKeys: String, CodingKey { case HostConfig, NetworkingConfig }

    package init(from decoder: any Decoder) throws {
        config = try ContainerConfig(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        HostConfig = try container.decode(DockerAPI.HostConfig.self, forKey: .HostConfig)
        NetworkingConfig = try container.decodeIfPresent(DockerAPI.NetworkingConfig.self, forKey: .NetworkingConfig)
    }

    package func encode(to encoder: any Encoder) throws {
        try config.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(HostConfig, forKey: .HostConfig)
        try container.encodeIfPresent(NetworkingConfig, forKey: .NetworkingConfig)
    }
}

package struct NetworkingConfig: Codable, Sendable, Equatable {
    package var EndpointsConfig: [String: EndpointSettings]

    package init(EndpointsConfig: [String: EndpointSettings] = [:]) {
        self.EndpointsConfig = EndpointsConfig
    }
}

/// A container's endpoint in one network, as requested and as reported.
package struct EndpointSettings: Codable, Sendable, Equatable, WritesNull {
    package var IPAMConfig: EndpointIPAMConfig?
    package var Links: [String]?
    package var Aliases: [String]?
    package var MacAddress: String = ""
    package var DriverOpts: [String: String]?
    package var GwPriority: Int = 0
    package var NetworkID: String = ""
    package var EndpointID: String = ""
    package var Gateway: String = ""
    package var IPAddress: String = ""
    package var IPPrefixLen: Int = 0
    package var IPv6Gateway: String = ""
    package var GlobalIPv6Address: String = ""
    package var GlobalIPv6PrefixLen: Int = 0
    package var DNSNames: [String]?

    package init() {}
}

/// The addresses requested for an endpoint.
package struct EndpointIPAMConfig: Codable, Sendable, Equatable {
    package var IPv4Address: String?
    package var IPv6Address: String?
    package var LinkLocalIPs: [String]?

    package init() {}
}

package struct ContainerCreateResponse: Codable, Sendable {
    package var Id: String
    package var Warnings: [String]

    package init(Id: String, Warnings: [String]) {
        self.Id = Id
        self.Warnings = Warnings
    }
}

/// The body of `POST /containers/{id}/update`: resources and restart policy; zero means unchanged.
package struct ContainerUpdateRequest: Codable, Sendable {
    package var CpuShares: Int64?
    package var Memory: Int64?
    package var NanoCpus: Int64?
    package var CpuPeriod: Int64?
    package var CpuQuota: Int64?
    package var CpusetCpus: String?
    package var CpusetMems: String?
    package var MemoryReservation: Int64?
    package var MemorySwap: Int64?
    package var PidsLimit: Int64?
    package var BlkioWeight: Int?
    package var BlkioWeightDevice: [WeightDevice]?
    package var BlkioDeviceReadBps: [ThrottleDevice]?
    package var BlkioDeviceWriteBps: [ThrottleDevice]?
    package var BlkioDeviceReadIOps: [ThrottleDevice]?
    package var BlkioDeviceWriteIOps: [ThrottleDevice]?
    package var MemorySwappiness: Int64?
    package var OomKillDisable: Bool?
    package var RestartPolicy: RestartPolicy?
    // Members of the document that an update cannot change.
    package var CgroupParent: String?
    package var CpuRealtimePeriod: Int64?
    package var CpuRealtimeRuntime: Int64?
    package var Devices: [DeviceMapping]?
    package var DeviceCgroupRules: [String]?
    package var DeviceRequests: [JSON]?
    package var KernelMemory: Int64?
    package var KernelMemoryTCP: Int64?
    package var Init: Bool?
    package var Ulimits: [Ulimit]?
    package var CpuCount: Int64?
    package var CpuPercent: Int64?
    package var IOMaximumIOps: UInt64?
    package var IOMaximumBandwidth: UInt64?

    package init() {}
}

/// The body of `POST /containers/{id}/exec`.
package struct ExecCreateRequest: Codable, Sendable, Equatable {
    package var User: String = ""
    package var Privileged: Bool = false
    package var Tty: Bool = false
    package var ConsoleSize: [Int]?
    package var AttachStdin: Bool = false
    package var AttachStderr: Bool = false
    package var AttachStdout: Bool = false
    package var DetachKeys: String = ""
    package var Env: [String]?
    package var WorkingDir: String = ""
    package var Cmd: Words?

    package init() {}
}

/// The body of `POST /exec/{id}/start`.
package struct ExecStartRequest: Codable, Sendable {
    package var Detach: Bool = false
    package var Tty: Bool = false
    package var ConsoleSize: [Int]?

    package init() {}
}

package struct IDResponse: Codable, Sendable {
    package var Id: String

    package init(Id: String) { self.Id = Id }
}

package struct ContainerWaitResponse: Codable, Sendable {
    package struct Failure: Codable, Sendable {
        package var Message: String

        package init(Message: String) { self.Message = Message }
    }

    package var StatusCode: Int
    package var Error: Failure?

    package init(StatusCode: Int, Error: Failure? = nil) {
        self.StatusCode = StatusCode
        self.Error = Error
    }
}

package struct ContainerTopResponse: Codable, Sendable {
    package var Titles: [String]
    package var Processes: [[String]]

    package init(Titles: [String], Processes: [[String]]) {
        self.Titles = Titles
        self.Processes = Processes
    }
}
