internal import Cgroups
internal import JSON

/// Cgroup counters as JSON in runc's format, which containerd reads: zeros are left out where runc does.
struct StatisticsDocument {
    private let counters: CgroupStatistics
    private let unlimited: UInt64
    /// Like runc, only on a machine with version 2 alone.
    private let tellsPressure: Bool

    init(_ cgroup: Cgroup) {
        counters = cgroup.statistics()
        tellsPressure = cgroup.hierarchy.mode == .v2
        // The kernel's number for "no limit": the last page in version 1, `max` in version 2.
        unlimited = cgroup.hierarchy.mode == .v2 ? .max : 9_223_372_036_854_771_712
    }

    var json: JSON {
        .object(
            JSONObject([
                ("cpu", processor), ("cpuset", cpuset), ("memory", memory),
                ("pids", Self.present([("current", counters.pids.current), ("limit", counters.pids.limit ?? 0)])),
                ("blkio", block), ("hugetlb", hugepages), ("intel_rdt", .object(JSONObject())),
                ("network_interfaces", .null),
            ]))
    }

    /// The members that are not zero.
    private static func present(_ members: [(String, UInt64)]) -> JSON {
        .object(JSONObject(members.filter { $0.1 != 0 }.map { ($0.0, JSON($0.1)) }))
    }

    private static func list(_ values: [some BinaryInteger]) -> JSON { .array(values.map { JSON($0) }) }

    private var processor: JSON {
        let values = counters.processor
        var usage = JSONObject()
        if values.total != 0 { usage["total"] = JSON(values.total) }
        for (key, list) in [
            ("percpu", values.perProcessor), ("percpu_kernel", values.perProcessorKernel),
            ("percpu_user", values.perProcessorUser),
        ] where !list.isEmpty {
            usage[key] = Self.list(list)
        }
        usage["kernel"] = JSON(values.kernel)
        usage["user"] = JSON(values.user)
        let throttling = Self.present([
            ("periods", values.periods), ("throttledPeriods", values.throttledPeriods),
            ("throttledTime", values.throttledTime),
        ])
        var object = JSONObject([("usage", .object(usage)), ("throttling", throttling)])
        add(values.pressure, to: &object)
        return .object(object)
    }

    private var cpuset: JSON {
        let values = counters.cpuset
        var object = JSONObject()
        if !values.cpus.isEmpty { object["cpus"] = Self.list(values.cpus) }
        object["cpu_exclusive"] = JSON(values.cpuExclusive)
        if !values.mems.isEmpty { object["mems"] = Self.list(values.mems) }
        for (key, value) in [
            ("mem_hardwall", values.memHardwall), ("mem_exclusive", values.memExclusive),
            ("memory_migrate", values.memoryMigrate), ("memory_spread_page", values.memorySpreadPage),
            ("memory_spread_slab", values.memorySpreadSlab), ("memory_pressure", values.memoryPressure),
            ("sched_load_balance", values.schedLoadBalance),
        ] {
            object[key] = JSON(value)
        }
        object["sched_relax_domain_level"] = JSON(values.schedRelaxDomainLevel)
        return .object(object)
    }

    private var memory: JSON {
        let values = counters.memory
        var object = JSONObject()
        if values.cache != 0 { object["cache"] = JSON(values.cache) }
        for (key, entry) in [
            ("usage", values.usage), ("swap", values.swap), ("kernel", values.kernel),
            ("kernelTCP", values.kernelTCP),
        ] {
            object[key] = self.entry(entry)
        }
        if !values.raw.isEmpty {
            object["raw"] = .object(
                JSONObject(values.raw.sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) }))
        }
        add(values.pressure, to: &object)
        return .object(object)
    }

    private func add(_ pressure: CgroupStatistics.Pressure?, to object: inout JSONObject) {
        guard tellsPressure, let pressure else { return }
        func percent(_ value: Double) -> JSON {
            // Whole numbers without a fraction, as Go writes them.
            value.rounded() == value ? JSON(Int64(value)) : .number("\(value)")
        }
        func share(_ share: CgroupStatistics.Pressure.Share) -> JSON {
            [
                "avg10": percent(share.average10), "avg60": percent(share.average60),
                "avg300": percent(share.average300), "total": JSON(share.total),
            ]
        }
        object["psi"] = ["some": share(pressure.some), "full": share(pressure.full)]
    }

    private func entry(_ entry: CgroupStatistics.Memory.Entry) -> JSON {
        var object = JSONObject([("limit", JSON(entry.limit ?? unlimited))])
        if entry.usage != 0 { object["usage"] = JSON(entry.usage) }
        if entry.peak != 0 { object["max"] = JSON(entry.peak) }
        object["failcnt"] = JSON(entry.failures)
        return .object(object)
    }

    private var block: JSON {
        let values = counters.block
        var object = JSONObject()
        for (key, entries) in [
            ("ioServiceBytesRecursive", values.bytes), ("ioServicedRecursive", values.operations),
            ("ioQueueRecursive", values.queued), ("ioServiceTimeRecursive", values.serviceTime),
            ("ioWaitTimeRecursive", values.waitTime), ("ioMergedRecursive", values.merged),
            ("ioTimeRecursive", values.time), ("sectorsRecursive", values.sectors),
        ] where !entries.isEmpty {
            object[key] = .array(
                entries.map { entry in
                    var item = JSONObject()
                    if entry.major != 0 { item["major"] = JSON(entry.major) }
                    if entry.minor != 0 { item["minor"] = JSON(entry.minor) }
                    if !entry.operation.isEmpty { item["op"] = .string(entry.operation) }
                    if entry.value != 0 { item["value"] = JSON(entry.value) }
                    return .object(item)
                })
        }
        add(values.pressure, to: &object)
        return .object(object)
    }

    private var hugepages: JSON {
        let sizes = counters.hugepages.sorted { $0.key < $1.key }.map { size, value in
            var object = JSONObject()
            if value.usage != 0 { object["usage"] = JSON(value.usage) }
            if value.peak != 0 { object["max"] = JSON(value.peak) }
            object["failcnt"] = JSON(value.failures)
            return (size, JSON.object(object))
        }
        return .object(JSONObject(sizes))
    }
}
