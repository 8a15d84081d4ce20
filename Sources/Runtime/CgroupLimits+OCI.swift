package import Cgroups
package import JSON

extension CgroupLimits {
    /// OCI's `linux.resources`.
    package init(oci resources: JSON) throws(LaunchFailure) {
        self.init()
        let memory = resources["memory"]
        self.memory = memory?["limit"]?.intValue
        memorySwap = memory?["swap"]?.intValue
        memoryReservation = memory?["reservation"]?.intValue
        memorySwappiness = memory?["swappiness"]?.intValue
        oomKillDisable = memory?["disableOOMKiller"]?.boolValue ?? false
        let cpu = resources["cpu"]
        cpuShares = cpu?["shares"]?.intValue.map { UInt64(clamping: $0) }
        cpuQuota = cpu?["quota"]?.intValue
        cpuPeriod = cpu?["period"]?.intValue.map { UInt64(clamping: $0) }
        cpusetCpus = cpu?["cpus"]?.stringValue
        cpusetMems = cpu?["mems"]?.stringValue
        pids = resources["pids"]?["limit"]?.intValue
        blkioWeight = resources["blockIO"]?["weight"]?.intValue.map { UInt16(clamping: $0) }
        let throttles: [(String, CgroupThrottle.Kind)] = [
            ("throttleReadBpsDevice", .readBytes), ("throttleWriteBpsDevice", .writeBytes),
            ("throttleReadIOPSDevice", .readOps), ("throttleWriteIOPSDevice", .writeOps),
        ]
        for (key, kind) in throttles {
            for item in resources["blockIO"]?[key]?.arrayValue ?? [] {
                blkioThrottle.append(
                    CgroupThrottle(
                        kind, major: UInt32(clamping: item["major"]?.intValue ?? 0),
                        minor: UInt32(clamping: item["minor"]?.intValue ?? 0),
                        rate: UInt64(clamping: item["rate"]?.intValue ?? 0)))
            }
        }
        for (name, value) in resources["unified"]?.objectValue ?? JSONObject() {
            unified.append((name, value.stringValue ?? ""))
        }
        try readDevices(resources["devices"]?.arrayValue ?? [])
    }

    private mutating func readDevices(_ items: [JSON]) throws(LaunchFailure) {
        var rules: [DeviceRule] = []
        for item in items {
            let kinds: [String: DeviceRule.Kind] = ["a": .all, "": .all, "b": .block, "c": .character]
            guard let kind = kinds[item["type"]?.stringValue ?? ""],
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
        // The standard nodes always work (runtime-spec, default devices).
        devices = rules + DeviceRule.dockerDefault.dropFirst()
    }
}
