// swift-format-ignore-file: AlwaysUseLowerCamelCase
package import JSON

/// The host-dependent part of a container's configuration. Sizes are bytes, times microseconds unless said otherwise.
package struct HostConfig: Codable, Sendable, Equatable, WritesNull {
    /// `source:destination[:options]`.
    package var Binds: [String]?
    package var ContainerIDFile: String = ""
    package var LogConfig: LogConfig = DockerAPI.LogConfig()
    /// `bridge`, `host`, `none`, `container:ID` or a network's name; `default` means `bridge`.
    package var NetworkMode: String = ""
    package var PortBindings: [String: [PortBinding]?] = [:]
    package var RestartPolicy: RestartPolicy = DockerAPI.RestartPolicy()
    package var AutoRemove: Bool = false
    package var VolumeDriver: String = ""
    package var VolumesFrom: [String]?
    package var ConsoleSize: [Int] = [0, 0]
    package var Annotations: [String: String]?
    package var CapAdd: Words?
    package var CapDrop: Words?
    package var CgroupnsMode: String = ""
    package var Dns: [String] = []
    package var DnsOptions: [String] = []
    package var DnsSearch: [String] = []
    package var ExtraHosts: [String]?
    package var GroupAdd: [String]?
    package var IpcMode: String = ""
    package var Cgroup: String = ""
    package var Links: [String]?
    package var OomScoreAdj: Int = 0
    package var PidMode: String = ""
    package var Privileged: Bool = false
    package var PublishAllPorts: Bool = false
    package var ReadonlyRootfs: Bool = false
    package var SecurityOpt: [String]?
    package var StorageOpt: [String: String]?
    package var Tmpfs: [String: String]?
    package var UTSMode: String = ""
    package var UsernsMode: String = ""
    package var ShmSize: Int64 = 0
    package var Sysctls: [String: String]?
    package var Runtime: String = ""
    package var Isolation: String = ""
    package var CpuShares: Int64 = 0
    package var Memory: Int64 = 0
    /// Processors times 10⁹.
    package var NanoCpus: Int64 = 0
    package var CgroupParent: String = ""
    package var BlkioWeight: Int = 0
    package var BlkioWeightDevice: [WeightDevice] = []
    package var BlkioDeviceReadBps: [ThrottleDevice] = []
    package var BlkioDeviceWriteBps: [ThrottleDevice] = []
    package var BlkioDeviceReadIOps: [ThrottleDevice] = []
    package var BlkioDeviceWriteIOps: [ThrottleDevice] = []
    package var CpuPeriod: Int64 = 0
    package var CpuQuota: Int64 = 0
    package var CpuRealtimePeriod: Int64 = 0
    package var CpuRealtimeRuntime: Int64 = 0
    package var CpusetCpus: String = ""
    package var CpusetMems: String = ""
    package var Devices: [DeviceMapping] = []
    package var DeviceCgroupRules: [String]?
    package var DeviceRequests: [JSON]?
    /// From clients before 1.42; ignored with a warning.
    package var KernelMemory: Int64?
    package var KernelMemoryTCP: Int64?
    package var MemoryReservation: Int64 = 0
    package var MemorySwap: Int64 = 0
    package var MemorySwappiness: Int64?
    package var OomKillDisable: Bool?
    package var PidsLimit: Int64?
    package var Ulimits: [Ulimit] = []
    package var CpuCount: Int64 = 0
    package var CpuPercent: Int64 = 0
    package var IOMaximumIOps: UInt64 = 0
    package var IOMaximumBandwidth: UInt64 = 0
    package var Mounts: [MountRequest]?
    package var MaskedPaths: [String]?
    package var ReadonlyPaths: [String]?
    package var Init: Bool?

    package static let omitted: Set<String> = [
        "Annotations", "StorageOpt", "Tmpfs", "Sysctls", "Mounts", "Init", "KernelMemory", "KernelMemoryTCP",
    ]

    package init() {}
}

package struct LogConfig: Codable, Sendable, Equatable {
    package var `Type`: String = ""
    package var Config: [String: String] = [:]

    package init() {}
}

package struct RestartPolicy: Codable, Sendable, Equatable {
    /// `no`, `always`, `unless-stopped`, `on-failure` or empty.
    package var Name: String = ""
    package var MaximumRetryCount: Int = 0

    package init() {}
}

/// The host side of a published port. `HostPort` is a number or a range as text; empty means any.
package struct PortBinding: Codable, Sendable, Equatable {
    package var HostIp: String = ""
    package var HostPort: String = ""

    package init(HostIp: String = "", HostPort: String = "") {
        self.HostIp = HostIp
        self.HostPort = HostPort
    }
}

package struct WeightDevice: Codable, Sendable, Equatable {
    package var Path: String
    package var Weight: Int
}

package struct ThrottleDevice: Codable, Sendable, Equatable {
    package var Path: String
    package var Rate: Int64
}

package struct DeviceMapping: Codable, Sendable, Equatable {
    package var PathOnHost: String
    package var PathInContainer: String
    package var CgroupPermissions: String

    package init(PathOnHost: String, PathInContainer: String, CgroupPermissions: String) {
        self.PathOnHost = PathOnHost
        self.PathInContainer = PathInContainer
        self.CgroupPermissions = CgroupPermissions
    }
}

package struct Ulimit: Codable, Sendable, Equatable {
    package var Name: String
    package var Hard: Int64
    package var Soft: Int64

    package init(Name: String, Hard: Int64, Soft: Int64) {
        self.Name = Name
        self.Hard = Hard
        self.Soft = Soft
    }
}

/// A mount as given with `--mount`.
package struct MountRequest: Codable, Sendable, Equatable {
    /// `bind`, `volume`, `tmpfs`.
    package var `Type`: String
    package var Source: String?
    package var Target: String
    package var ReadOnly: Bool?
    package var Consistency: String?
    package var BindOptions: BindOptions?
    package var VolumeOptions: JSON?
    package var ImageOptions: JSON?
    package var TmpfsOptions: TmpfsOptions?

    package init(Type: String, Source: String?, Target: String, ReadOnly: Bool?) {
        self.`Type` = Type
        self.Source = Source
        self.Target = Target
        self.ReadOnly = ReadOnly
    }
}

package struct BindOptions: Codable, Sendable, Equatable {
    package var Propagation: String?
    package var NonRecursive: Bool?
    package var CreateMountpoint: Bool?
    package var ReadOnlyNonRecursive: Bool?
    package var ReadOnlyForceRecursive: Bool?

    package init() {}
}

package struct TmpfsOptions: Codable, Sendable, Equatable {
    package var SizeBytes: Int64?
    package var Mode: Int?
    /// Each entry is a name and optionally a value.
    package var Options: [[String]]?

    package init() {}
}
