internal import Cgroups
internal import DockerAPI

extension Container {
    /// Changes limits and the restart policy, of a running container at once. Returns what the client is to be warned of.
    func update(_ request: ContainerUpdateRequest) throws(EngineError) -> [String] {
        if record.phase.isBeingRemoved {
            throw .conflict("container is marked for removal and cannot be \"update\"")
        }
        let environment = environment
        let old = record.host
        try request.refuseWhatStays(as: old)
        var check = ResourceCheck(isUpdate: true) { environment.kernelLimits.abilities(environment) }
        var wanted = request.resources
        try check.check(&wanted)
        var host = old
        host.merge(wanted)
        if let policy = request.RestartPolicy, !policy.Name.isEmpty {
            try OptionCheck.check(policy)
            guard !old.AutoRemove || policy.Name == "no" else {
                throw .conflict("Restart policy cannot be updated because AutoRemove is enabled for the container")
            }
            host.RestartPolicy = policy
        }
        let changed = host
        var limits = try CgroupLimits(changed)
        if record.phase.process != nil {
            limits.lift(try CgroupLimits(old))
            try attempt { _ = try Cgroup(cgroupPath, in: environment.hierarchy).apply(limits) }
        }
        update { $0.host = changed }
        apply(.settingsChanged(record.settings))
        save()
        publish("update")
        return check.warnings
    }
}

extension CgroupLimits {
    /// Takes back the rates of devices that had one before and have none now: the kernel keeps what is not written.
    fileprivate mutating func lift(_ old: CgroupLimits) {
        for throttle in old.blkioThrottle {
            let stays = blkioThrottle.contains {
                ($0.kind, $0.major, $0.minor) == (throttle.kind, throttle.major, throttle.minor)
            }
            guard !stays else { continue }
            var lifted = throttle
            lifted.rate = 0
            blkioThrottle.append(lifted)
        }
    }
}

extension ContainerUpdateRequest {
    /// The limits alone, as a request to create has them.
    fileprivate var resources: HostConfig {
        var host = HostConfig()
        host.CpuShares = CpuShares ?? 0
        host.Memory = Memory ?? 0
        host.NanoCpus = NanoCpus ?? 0
        host.CpuPeriod = CpuPeriod ?? 0
        host.CpuQuota = CpuQuota ?? 0
        host.CpuRealtimePeriod = CpuRealtimePeriod ?? 0
        host.CpuRealtimeRuntime = CpuRealtimeRuntime ?? 0
        host.CpusetCpus = CpusetCpus ?? ""
        host.CpusetMems = CpusetMems ?? ""
        host.MemoryReservation = MemoryReservation ?? 0
        host.MemorySwap = MemorySwap ?? 0
        host.MemorySwappiness = MemorySwappiness
        host.KernelMemory = KernelMemory
        host.KernelMemoryTCP = KernelMemoryTCP
        host.PidsLimit = PidsLimit
        host.BlkioWeight = BlkioWeight ?? 0
        host.BlkioWeightDevice = BlkioWeightDevice ?? []
        host.BlkioDeviceReadBps = BlkioDeviceReadBps ?? []
        host.BlkioDeviceWriteBps = BlkioDeviceWriteBps ?? []
        host.BlkioDeviceReadIOps = BlkioDeviceReadIOps ?? []
        host.BlkioDeviceWriteIOps = BlkioDeviceWriteIOps ?? []
        host.CpuCount = CpuCount ?? 0
        host.CpuPercent = CpuPercent ?? 0
        host.IOMaximumIOps = IOMaximumIOps ?? 0
        host.IOMaximumBandwidth = IOMaximumBandwidth ?? 0
        return host
    }

    /// What only a new container can have is refused, and not left as it was in silence. Docker's clients send all of it empty.
    fileprivate func refuseWhatStays(as host: HostConfig) throws(EngineError) {
        func stays(_ name: String, _ isAsked: Bool) throws(EngineError) {
            if isAsked { throw .invalid("\(name) cannot be changed by an update; make a new container with it") }
        }
        try stays("CgroupParent", !(CgroupParent ?? "").isEmpty && CgroupParent != host.CgroupParent)
        try stays("Devices", !(Devices ?? []).isEmpty && Devices != host.Devices)
        let rules = DeviceCgroupRules ?? []
        try stays("DeviceCgroupRules", !rules.isEmpty && rules != host.DeviceCgroupRules)
        try stays("DeviceRequests", !(DeviceRequests ?? []).isEmpty)
        try stays("Init", Init == true)
        try stays("Ulimits", !(Ulimits ?? []).isEmpty && Ulimits != host.Ulimits)
        try stays("OomKillDisable", OomKillDisable.map { $0 != (host.OomKillDisable ?? false) } ?? false)
    }
}

extension HostConfig {
    /// What `changes` names; zeroes and empty lists leave things as they are.
    fileprivate mutating func merge(_ changes: HostConfig) {
        func set<Value: Equatable>(_ path: WritableKeyPath<HostConfig, Value>, unless empty: Value) {
            if changes[keyPath: path] != empty { self[keyPath: path] = changes[keyPath: path] }
        }
        for path: WritableKeyPath<HostConfig, Int64> in [
            \.CpuShares, \.Memory, \.NanoCpus, \.CpuPeriod, \.CpuQuota, \.MemoryReservation, \.MemorySwap,
        ] { set(path, unless: 0) }
        set(\.CpusetCpus, unless: "")
        set(\.CpusetMems, unless: "")
        set(\.MemorySwappiness, unless: nil)
        if changes.PidsLimit != 0 { set(\.PidsLimit, unless: nil) }
        set(\.BlkioWeight, unless: 0)
        set(\.BlkioWeightDevice, unless: [])
        for path: WritableKeyPath<HostConfig, [ThrottleDevice]> in [
            \.BlkioDeviceReadBps, \.BlkioDeviceWriteBps, \.BlkioDeviceReadIOps, \.BlkioDeviceWriteIOps,
        ] { set(path, unless: []) }
    }
}
