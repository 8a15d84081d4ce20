internal import JSON

/// What the daemon's documents do not tell about their members, because JSON has no types.
enum DocumentFields {
    /// Null stands for an empty list in these.
    static let lists: Set<String> = [
        "Args", "Binds", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps",
        "BlkioWeightDevice", "CapAdd", "CapDrop", "Cmd", "DeviceCgroupRules", "DeviceRequests", "Devices", "Dns",
        "DnsOptions", "DnsSearch", "Entrypoint", "Env", "ExecIDs", "ExtraHosts", "GroupAdd", "Links", "Mounts",
        "OnBuild", "RepoDigests", "RepoTags", "SecurityOpt", "Shell", "Ulimits", "VolumesFrom", "Aliases", "DNSNames",
        "SecondaryIPAddresses", "SecondaryIPv6Addresses", "MaskedPaths", "ReadonlyPaths", "Config", "Layers",
    ]

    /// Null stands for an empty map in these.
    static let maps: Set<String> = [
        "Labels", "Volumes", "ExposedPorts", "PortBindings", "Ports", "Networks", "Options", "DriverOpts", "Sysctls",
        "Tmpfs", "StorageOpt", "Annotations", "Containers", "AuxiliaryAddresses", "Data",
    ]

    /// Left out by the daemon when empty but known to Go's types: what stands there then.
    static func missing(_ name: String, atTop: Bool) -> JSON? {
        if topTexts.contains(name) { return "" }
        if name == "SizeRw" || name == "SizeRootFs" { return .null }
        if atTop { return nil }
        if texts.contains(name) { return "" }
        return optional.contains(name) ? .null : nil
    }

    /// Whether the member of that name is a map of texts with keys of any kind.
    static func texts(_ name: String) -> Bool {
        ["Labels", "Attributes", "Options", "Sysctls", "Annotations", "DriverOpts", "Tmpfs"].contains(name)
    }

    private static let topTexts: Set<String> = [
        "Parent", "Comment", "Author", "Variant", "Platform", "Created", "DockerVersion", "OsVersion",
    ]

    private static let texts: Set<String> = [
        "StopSignal", "Domainname", "MacAddress", "Driver", "Propagation", "Name", "User", "WorkingDir",
    ]

    private static let optional: Set<String> = [
        "Cmd", "Entrypoint", "Env", "Health", "Healthcheck", "ExposedPorts", "OnBuild", "StopTimeout", "Shell",
        "Annotations", "StorageOpt",
        "Sysctls", "Tmpfs", "Mounts", "Labels", "Volumes", "ImageManifestDescriptor", "Init",
        "MemorySwappiness", "OomKillDisable", "PidsLimit",
    ]

    /// Names in Go that differ from those in the document.
    static let alias = ["ID": "Id", "OS": "Os", "CPUShares": "CpuShares", "NanoCPUs": "NanoCpus", "DNS": "Dns"]
}
