// swift-format-ignore-file: AlwaysUseLowerCamelCase
internal import JSON

/// The API versions that the daemon supports.
package enum APIVersion {
    package static let newest = "1.50"
    package static let oldest = "1.24"
}

/// One line of `GET /events`.
package struct EventMessage: Codable, Sendable {
    package struct Actor: Codable, Sendable {
        package var ID: String
        package var Attributes: [String: String]

        package init(ID: String, Attributes: [String: String]) {
            self.ID = ID
            self.Attributes = Attributes
        }
    }

    package var status: String?
    package var id: String?
    package var from: String?
    /// `container`, `image`, `network`, `volume`, `daemon`.
    package var `Type`: String
    package var Action: String
    package var Actor: Actor
    package var scope: String = "local"
    /// Seconds since 1970, and the same in nanoseconds.
    package var time: Int64
    package var timeNano: Int64

    package init(Type: String, Action: String, Actor: Actor, timeNano: Int64) {
        self.`Type` = Type
        self.Action = Action
        self.Actor = Actor
        self.time = timeNano / 1_000_000_000
        self.timeNano = timeNano
        if Type == "container" || Type == "image" {
            status = Action
            id = Actor.ID
        }
        if Type == "container" { from = Actor.Attributes["image"] }
    }
}

/// The response of `GET /version`.
package struct VersionResponse: Codable, Sendable {
    package struct Platform: Codable, Sendable {
        package var Name: String

        package init(Name: String) { self.Name = Name }
    }

    package struct Component: Codable, Sendable {
        package var Name: String
        package var Version: String
        package var Details: [String: String]

        package init(Name: String, Version: String, Details: [String: String]) {
            self.Name = Name
            self.Version = Version
            self.Details = Details
        }
    }

    package var Platform: Platform
    package var Components: [Component]
    package var Version: String
    package var ApiVersion: String
    package var MinAPIVersion: String
    package var GitCommit: String
    package var GoVersion: String
    package var Os: String
    package var Arch: String
    package var KernelVersion: String
    package var Experimental: Bool?
    package var BuildTime: String

    package init(Version: String, GitCommit: String, Arch: String, KernelVersion: String, BuildTime: String) {
        self.Platform = VersionResponse.Platform(Name: "Gantry Engine")
        self.Version = Version
        self.GitCommit = GitCommit
        self.Arch = Arch
        self.KernelVersion = KernelVersion
        self.BuildTime = BuildTime
        self.ApiVersion = APIVersion.newest
        self.MinAPIVersion = APIVersion.oldest
        self.GoVersion = ""
        self.Os = "linux"
        self.Components = [
            Component(
                Name: "Engine", Version: Version,
                Details: [
                    "ApiVersion": APIVersion.newest, "MinAPIVersion": APIVersion.oldest, "Arch": Arch, "Os": "linux",
                    "KernelVersion": KernelVersion, "GitCommit": GitCommit, "BuildTime": BuildTime, "GoVersion": "",
                    "Experimental": "false",
                ])
        ]
    }
}

/// One row of `GET /networks` and the response of `GET /networks/{id}`.
package struct NetworkResource: Codable, Sendable {
    package struct Subnet: Codable, Sendable {
        package var Subnet: String?
        package var Gateway: String?

        package init(Subnet: String?, Gateway: String?) {
            self.Subnet = Subnet
            self.Gateway = Gateway
        }
    }

    package struct AddressManagement: Codable, Sendable, WritesNull {
        package var Driver: String = "default"
        package var Options: [String: String]?
        package var Config: [Subnet]? = []

        package init() {}
    }

    package struct Endpoint: Codable, Sendable {
        package var Name: String
        package var EndpointID: String
        package var MacAddress: String
        package var IPv4Address: String
        package var IPv6Address: String

        package init(Name: String, EndpointID: String, MacAddress: String, IPv4Address: String) {
            self.Name = Name
            self.EndpointID = EndpointID
            self.MacAddress = MacAddress
            self.IPv4Address = IPv4Address
            IPv6Address = ""
        }
    }

    package struct ConfigurationOrigin: Codable, Sendable {
        package var Network: String = ""

        package init() {}
    }

    package var Name: String = ""
    package var Id: String = ""
    package var Created: String = ""
    package var Scope: String = "local"
    package var Driver: String = ""
    package var EnableIPv4: Bool = true
    package var EnableIPv6: Bool = false
    package var IPAM: AddressManagement = AddressManagement()
    package var Internal: Bool = false
    package var Attachable: Bool = false
    package var Ingress: Bool = false
    package var ConfigFrom: ConfigurationOrigin = ConfigurationOrigin()
    package var ConfigOnly: Bool = false
    package var Containers: [String: Endpoint] = [:]
    package var Options: [String: String] = [:]
    package var Labels: [String: String] = [:]

    package init() {}
}

/// The body of every error response.
package struct ErrorResponse: Codable, Sendable {
    package var message: String
    /// Gantry's own: what `run` is to end with. Docker's clients guess it from the message.
    package var exitCode: Int?

    package init(message: String, exitCode: Int? = nil) {
        self.message = message
        self.exitCode = exitCode
    }
}
