/// Limits as a systemd unit's properties (systemd.resource-control(5)), `NAME=VALUE` as systemd-run(1) and systemctl(1) take
/// them. They are those that runc sets (its docs/systemd.md): systemd writes what it was told again whenever it likes, over
/// what a runtime wrote. The limits that it does not know, and their exact values, are for ``Cgroup/apply(_:_:)``.
extension CgroupLimits {
    /// `cgroup` is the unit's, when it is there already: a change of one value may depend on another one's.
    package func unitProperties(
        in hierarchy: CgroupHierarchy, changing cgroup: Cgroup? = nil
    ) throws(CgroupError) -> [String] {
        var result: [String] = []
        let isUnified = hierarchy.mode == .v2
        func add(_ name: String, _ value: String?) { if let value { result.append(name + "=" + value) } }
        add(isUnified ? "MemoryMax" : "MemoryLimit", Self.amount(memory))
        if isUnified {
            add("MemoryLow", Self.amount(memoryReservation))
            var known = memory ?? 0
            if known == 0, let path = cgroup?.unifiedPath {
                known = ControlFile.number(path + "/memory.max").map { Int64(clamping: $0) } ?? 0
            }
            add("MemorySwapMax", try LimitWriter.unifiedSwap(memorySwap ?? 0, memory: known).map(Self.unlimited))
        }
        if let shares = cpuShares, shares > 0 {
            add(isUnified ? "CPUWeight" : "CPUShares", String(isUnified ? Cgroup.weight(shares: shares) : shares))
        }
        result += Self.time(cpuQuota ?? 0, cpuPeriod ?? 0, known: cgroup?.processorPeriod)
        if let weight = blkioWeight, weight > 0, !isUnified { add("BlockIOWeight", String(weight)) }
        if let pids, pids > 0 || pids == -1 { add("TasksMax", Self.amount(pids)) }
        for (name, value) in [("AllowedCPUs", cpusetCpus), ("AllowedMemoryNodes", cpusetMems)] {
            if let value, !value.isEmpty { add(name, value) }
        }
        if isUnified { for file in unified { result += Self.properties(file.name, file.value) } }
        return result
    }

    /// With room for the process that stands in a new unit until the container's does.
    package var forOneTaskMore: CgroupLimits {
        guard let most = mostTasks else { return self }
        var limits = self
        limits.pids = most + 1
        limits.unified.removeAll { $0.name == "pids.max" }
        return limits
    }

    /// The limit of tasks and no other; nil when there is none.
    package var onlyTasks: CgroupLimits? {
        guard let most = mostTasks else { return nil }
        var limits = CgroupLimits()
        limits.pids = most
        return limits
    }

    private var mostTasks: Int64? {
        let asked = unified.last { $0.name == "pids.max" }.flatMap { Int64($0.value) } ?? pids
        return asked.flatMap { $0 > 0 && $0 < Int64.max ? $0 : nil }
    }

    private static func amount(_ value: Int64?) -> String? {
        guard let value, value != 0 else { return nil }
        return value < 0 ? "infinity" : String(value)
    }

    private static func unlimited(_ value: String) -> String { value == "max" ? "infinity" : value }

    /// systemd counts in whole percent of a processor: rounded up, so that the cgroups beneath can have what is asked for.
    private static func time(_ quota: Int64, _ period: UInt64, known: UInt64? = nil) -> [String] {
        guard quota != 0 || period > 0 else { return [] }
        let length = period > 0 ? period : known ?? 100_000
        let percent = (Double(quota) * 100 / Double(length)).rounded(.up)
        let first = period > 0 ? ["CPUQuotaPeriodSec=\(period)us"] : []
        // A period alone keeps the quota; nothing is no limit.
        if quota == 0 && known != nil { return first }
        return first + [quota > 0 && percent < 1e7 ? "CPUQuota=\(UInt64(percent))%" : "CPUQuota="]
    }

    /// A file of version 2; none for one that systemd has no property for.
    private static func properties(_ file: String, _ value: String) -> [String] {
        let words = value.split { $0 == " " || $0 == "\t" || $0 == "\n" }.map { String($0) }
        guard let first = words.first else { return [] }
        if file == "cpu.max" {
            return time(Int64(first) ?? -1, words.count > 1 ? UInt64(words[1]) ?? 0 : 0)
        }
        let names = [
            "cpu.weight": "CPUWeight", "cpuset.cpus": "AllowedCPUs", "cpuset.mems": "AllowedMemoryNodes",
            "memory.high": "MemoryHigh", "memory.low": "MemoryLow", "memory.min": "MemoryMin",
            "memory.max": "MemoryMax",
            "memory.swap.max": "MemorySwapMax", "pids.max": "TasksMax",
        ]
        return names[file].map { [$0 + "=" + unlimited(words.joined(separator: " "))] } ?? []
    }

    /// What the unit's processes may do with devices. Version 1's list is systemd's to write again; version 2's programs of
    /// systemd and of this package stand beside each other, and what systemd cannot express is for the latter alone.
    package func unitDeviceProperties(in hierarchy: CgroupHierarchy) -> [String] {
        guard let devices else { return [] }
        let list = try? DeviceList(devices)
        if let list, list.allowsAll, list.exceptions.isEmpty { return ["DevicePolicy=auto"] }
        let isExpressible =
            list.map { !$0.allowsAll && $0.exceptions.allSatisfy { $0.major != nil || $0.minor == nil } } ?? false
        if hierarchy.mode == .v2 && !isExpressible { return ["DevicePolicy=auto"] }
        let rules = list.map { $0.allowsAll ? [] : $0.exceptions } ?? []
        return ["DevicePolicy=strict"]
            + rules.compactMap { rule in rule.unitName.map { "DeviceAllow=\($0) \(rule.access.text)" } }
    }
}

extension DeviceRule {
    /// As DeviceAllow= takes it; nil for a minor number of every major.
    fileprivate var unitName: String? {
        let kind = kind == .block ? "block" : "char"
        switch (major, minor) {
        case (let major?, let minor?): return "/dev/\(kind)/\(major):\(minor)"
        case (let major?, nil): return "\(kind)-\(major)"
        case (nil, nil): return "\(kind)-*"
        case (nil, _?): return nil
        }
    }
}

extension Cgroup {
    /// Microseconds in which the quota is counted now.
    fileprivate var processorPeriod: UInt64? {
        switch directory(of: "cpu") {
        case .v1(let path): return ControlFile.number(path + "/cpu.cfs_period_us")
        case .v2(let path): return ControlFile.words(path + "/cpu.max").last.flatMap { UInt64($0) }
        case nil: return nil
        }
    }
}
