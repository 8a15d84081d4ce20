package import Cgroups
package import JSON

extension CgroupLimits {
    /// OCI's `linux.resources`.
    package init(oci resources: JSON) throws(LaunchFailure) {
        self.init()
        try DocumentShape.resources.check(resources, "resources")
        if let memory = resources["memory"] { readMemory(memory) }
        if let cpu = resources["cpu"] { readProcessor(cpu) }
        pids = resources["pids"]?["limit"]?.intValue
        if let block = resources["blockIO"] { try readBlock(block) }
        for item in resources["hugepageLimits"]?.arrayValue ?? [] {
            guard let size = item["pageSize"]?.stringValue else {
                throw LaunchFailure("config.json: a hugepage limit has no pageSize")
            }
            hugepages.append(Named(size, Self.unsigned(item["limit"]) ?? 0))
        }
        for (name, value) in resources["rdma"]?.objectValue ?? JSONObject() {
            func number(_ key: String) -> UInt32? { Self.unsigned(value[key]).map { UInt32(clamping: $0) } }
            rdma.append(Named(name, CgroupRDMA(handles: number("hcaHandles"), objects: number("hcaObjects"))))
        }
        let network = resources["network"]
        networkClass = Self.unsigned(network?["classID"]).map { UInt32(clamping: $0) }
        for item in network?["priorities"]?.arrayValue ?? [] {
            guard let name = item["name"]?.stringValue else {
                throw LaunchFailure("config.json: a network priority has no interface name")
            }
            networkPriorities.append(Named(name, UInt32(clamping: item["priority"]?.intValue ?? 0)))
        }
        for (name, value) in resources["unified"]?.objectValue ?? JSONObject() {
            unified.append(Named(name, value.stringValue ?? ""))
        }
        try readDevices(resources["devices"]?.arrayValue ?? [])
    }

    /// Numbers up to 2^64, because Go writes unsigned values.
    private static func unsigned(_ value: JSON?) -> UInt64? {
        if case .number(let text)? = value, let number = UInt64(text) { return number }
        return value?.intValue.map { UInt64(clamping: $0) }
    }

    private mutating func readMemory(_ memory: JSON) {
        self.memory = memory["limit"]?.intValue
        memorySwap = memory["swap"]?.intValue
        memoryReservation = memory["reservation"]?.intValue
        // Nil also for Docker's -1 written as an unsigned number.
        memorySwappiness = memory["swappiness"]?.intValue
        kernelMemory = memory["kernel"]?.intValue
        kernelMemoryTCP = memory["kernelTCP"]?.intValue
        oomKillDisable = memory["disableOOMKiller"]?.boolValue ?? false
        checkMemoryBeforeUpdate = memory["checkBeforeUpdate"]?.boolValue ?? false
    }

    private mutating func readProcessor(_ cpu: JSON) {
        cpuShares = Self.unsigned(cpu["shares"])
        cpuQuota = cpu["quota"]?.intValue
        cpuPeriod = Self.unsigned(cpu["period"])
        cpuBurst = Self.unsigned(cpu["burst"])
        cpuIdle = cpu["idle"]?.intValue
        cpuRealtimeRuntime = cpu["realtimeRuntime"]?.intValue
        cpuRealtimePeriod = Self.unsigned(cpu["realtimePeriod"])
        cpusetCpus = cpu["cpus"]?.stringValue
        cpusetMems = cpu["mems"]?.stringValue
    }

    private mutating func readBlock(_ block: JSON) throws(LaunchFailure) {
        func weight(_ value: JSON?) -> UInt16? { Self.unsigned(value).map { UInt16(clamping: $0) } }
        func device(_ item: JSON) throws(LaunchFailure) -> (UInt32, UInt32) {
            guard let major = item["major"]?.intValue, let minor = item["minor"]?.intValue,
                let first = UInt32(exactly: major), let second = UInt32(exactly: minor)
            else { throw LaunchFailure("config.json: a device of blockIO has no major or minor number") }
            return (first, second)
        }
        blkioWeight = weight(block["weight"])
        blkioLeafWeight = weight(block["leafWeight"])
        for item in block["weightDevice"]?.arrayValue ?? [] {
            let number = try device(item)
            blkioWeightDevices.append(
                CgroupDeviceWeight(
                    major: number.0, minor: number.1, weight: weight(item["weight"]),
                    leafWeight: weight(item["leafWeight"])))
        }
        let throttles: [(String, CgroupThrottle.Kind)] = [
            ("throttleReadBpsDevice", .readBytes), ("throttleWriteBpsDevice", .writeBytes),
            ("throttleReadIOPSDevice", .readOps), ("throttleWriteIOPSDevice", .writeOps),
        ]
        for (key, kind) in throttles {
            for item in block[key]?.arrayValue ?? [] {
                let number = try device(item)
                blkioThrottle.append(
                    CgroupThrottle(
                        kind, major: number.0, minor: number.1, rate: Self.unsigned(item["rate"]) ?? 0))
            }
        }
    }

    private static func kind(_ name: String) -> DeviceRule.Kind? {
        switch name {
        case "a", "": return .all
        case "b": return .block
        case "c": return .character
        default: return nil
        }
    }

    private mutating func readDevices(_ items: [JSON]) throws(LaunchFailure) {
        var rules: [DeviceRule] = []
        for item in items {
            guard let kind = Self.kind(item["type"]?.stringValue ?? ""),
                let access = DeviceRule.Access(item["access"]?.stringValue ?? "rwm")
            else { throw LaunchFailure("config.json: a device rule has an unknown type or access") }
            func number(_ key: String) -> UInt32? {
                item[key]?.intValue.flatMap { $0 < 0 ? nil : UInt32(clamping: $0) }
            }
            rules.append(
                DeviceRule(
                    allow: item["allow"]?.boolValue ?? false, kind, major: number("major"), minor: number("minor"),
                    access: access))
        }
        // The default devices are always allowed (runtime-spec, default devices).
        devices = rules + DeviceRule.dockerDefault.dropFirst()
    }
}
