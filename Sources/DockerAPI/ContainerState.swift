// swift-format-ignore-file: AlwaysUseLowerCamelCase
package import JSON

/// `State` of a container. Times are RFC 3339 with nanoseconds; `0001-01-01T00:00:00Z` means never.
package struct ContainerState: Codable, Sendable, Equatable {
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    package var Status: String = "created"
    package var Running: Bool = false
    package var Paused: Bool = false
    package var Restarting: Bool = false
    package var OOMKilled: Bool = false
    package var Dead: Bool = false
    package var Pid: Int = 0
    package var ExitCode: Int = 0
    package var Error: String = ""
    package var StartedAt: String = ContainerState.never
    package var FinishedAt: String = ContainerState.never

    package static let never = "0001-01-01T00:00:00Z"

    package init() {}
}

/// The response of `GET /containers/{id}/json`.
package struct ContainerInspect: Codable, Sendable, WritesNull {
    package var Id: String = ""
    package var Created: String = ""
    package var Path: String = ""
    package var Args: [String] = []
    package var State: ContainerState = ContainerState()
    /// The image's digest, `sha256:…`.
    package var Image: String = ""
    package var ResolvConfPath: String = ""
    package var HostnamePath: String = ""
    package var HostsPath: String = ""
    package var LogPath: String = ""
    /// With a leading slash.
    package var Name: String = ""
    package var RestartCount: Int = 0
    package var Driver: String = "overlay2"
    package var Platform: String = "linux"
    package var MountLabel: String = ""
    package var ProcessLabel: String = ""
    package var AppArmorProfile: String = ""
    package var ExecIDs: [String]?
    package var HostConfig: HostConfig = DockerAPI.HostConfig()
    package var GraphDriver: GraphDriver = DockerAPI.GraphDriver()
    package var SizeRw: Int64?
    package var SizeRootFs: Int64?
    package var Mounts: [MountPoint] = []
    package var Config: ContainerConfig = ContainerConfig()
    package var NetworkSettings: NetworkSettings = DockerAPI.NetworkSettings()

    package static let omitted: Set<String> = ["SizeRw", "SizeRootFs"]

    package init() {}
}

package struct GraphDriver: Codable, Sendable, WritesNull {
    package var Data: [String: String]?
    package var Name: String = "overlay2"

    package init() {}
}

/// A mount of a container, as inspect reports it.
package struct MountPoint: Codable, Sendable, Equatable {
    package var `Type`: String = "bind"
    package var Name: String?
    package var Source: String = ""
    package var Destination: String = ""
    package var Driver: String?
    package var Mode: String = ""
    package var RW: Bool = true
    package var Propagation: String = ""

    package init() {}
}

package struct NetworkSettings: Codable, Sendable, WritesNull {
    package var Bridge: String = ""
    package var SandboxID: String = ""
    package var SandboxKey: String = ""
    package var Ports: [String: [PortBinding]?] = [:]
    package var HairpinMode: Bool = false
    package var LinkLocalIPv6Address: String = ""
    package var LinkLocalIPv6PrefixLen: Int = 0
    package var SecondaryIPAddresses: JSON?
    package var SecondaryIPv6Addresses: JSON?
    package var EndpointID: String = ""
    package var Gateway: String = ""
    package var GlobalIPv6Address: String = ""
    package var GlobalIPv6PrefixLen: Int = 0
    package var IPAddress: String = ""
    package var IPPrefixLen: Int = 0
    package var IPv6Gateway: String = ""
    package var MacAddress: String = ""
    package var Networks: [String: EndpointSettings] = [:]

    package init() {}
}

/// One row of `GET /containers/json`.
package struct ContainerSummary: Codable, Sendable {
    package var Id: String = ""
    package var Names: [String] = []
    package var Image: String = ""
    package var ImageID: String = ""
    package var Command: String = ""
    /// Seconds since 1970.
    package var Created: Int64 = 0
    package var Ports: [PublishedPort] = []
    package var SizeRw: Int64?
    package var SizeRootFs: Int64?
    package var Labels: [String: String] = [:]
    package var State: String = ""
    /// `Up 5 minutes`, `Exited (0) 2 hours ago`.
    package var Status: String = ""
    package var HostConfig: SummaryHostConfig = SummaryHostConfig()
    package var NetworkSettings: SummaryNetworkSettings = SummaryNetworkSettings()
    package var Mounts: [MountPoint] = []

    package init() {}
}

package struct SummaryHostConfig: Codable, Sendable {
    package var NetworkMode: String?

    package init() {}
}

package struct SummaryNetworkSettings: Codable, Sendable {
    package var Networks: [String: EndpointSettings] = [:]

    package init() {}
}

package struct PublishedPort: Codable, Sendable, Equatable {
    package var IP: String?
    package var PrivatePort: Int
    package var PublicPort: Int?
    package var `Type`: String

    package init(IP: String?, PrivatePort: Int, PublicPort: Int?, Type: String) {
        self.IP = IP
        self.PrivatePort = PrivatePort
        self.PublicPort = PublicPort
        self.`Type` = Type
    }
}

/// The response of `GET /exec/{id}/json`.
package struct ExecInspect: Codable, Sendable, WritesNull {
    package struct Process: Codable, Sendable {
        package var tty: Bool = false
        package var entrypoint: String = ""
        package var arguments: [String] = []
        package var privileged: Bool?
        package var user: String?

        package init() {}
    }

    package var ID: String = ""
    package var Running: Bool = false
    package var ExitCode: Int?
    package var ProcessConfig: Process = Process()
    package var OpenStdin: Bool = false
    package var OpenStderr: Bool = false
    package var OpenStdout: Bool = false
    package var CanRemove: Bool = false
    package var ContainerID: String = ""
    package var DetachKeys: String = ""
    package var Pid: Int = 0

    package init() {}
}
