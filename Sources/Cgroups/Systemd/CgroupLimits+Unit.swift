/// Limits as properties of a systemd unit (systemd.resource-control(5)), in the form `NAME=VALUE` of systemd-run(1) and
/// systemctl(1). The set is runc's (docs/systemd.md): systemd rewrites the properties it knows at any time, over what a runtime
/// wrote. ``Cgroup/apply(_:_:)`` sets exact values and limits that systemd does not know.
extension CgroupLimits {
    /// `cgroup` is the unit's, if it exists: some properties depend on the present value of others.
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

    /// Allows one more task, for the placeholder process in a new unit until the container's init process has joined.
    package var withOneMoreTask: CgroupLimits {
        guard let most = mostTasks else { return self }
        var limits = self
        limits.pids = most + 1
        limits.unified.removeAll { $0.name == "pids.max" }
        return limits
    }

    /// Only the pids limit; nil when there is none.
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

    /// systemd's quota is in whole percent of a processor: rounded up, so that child cgroups can get the full quota.
    private static func time(_ quota: Int64, _ period: UInt64, known: UInt64? = nil) -> [String] {
        guard quota != 0 || period > 0 else { return [] }
        let length = period > 0 ? period : known ?? 100_000
        let percent = (Double(quota) * 100 / Double(length)).rounded(.up)
        let first = period > 0 ? ["CPUQuotaPeriodSec=\(period)us"] : []
        // A period alone keeps the present quota; without either there is no limit.
        if quota == 0 && known != nil { return first }
        return first + [quota > 0 && percent < 1e7 ? "CPUQuota=\(UInt64(percent))%" : "CPUQuota="]
    }

    /// The properties for a version 2 file; empty when systemd has none.
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

    /// The unit's device rules. On version 1 systemd rewrites the list, so it must be complete. On version 2 systemd's and this
    /// package's programs are both attached, so rules that systemd cannot express are left to the latter.
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
    /// The form of DeviceAllow=; nil for a minor number of every major.
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
    /// The present period of the quota in microseconds.
    fileprivate var processorPeriod: UInt64? {
        switch directory(of: "cpu") {
        case .v1(let path): return ControlFile.number(path + "/cpu.cfs_period_us")
        case .v2(let path): return ControlFile.words(path + "/cpu.max").last.flatMap { UInt64($0) }
        case nil: return nil
        }
    }
}
