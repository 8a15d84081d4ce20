internal import Glibc

extension Cgroup {
    /// Sets limits; on a running container (`update`) only what is given changes.
    package func apply(_ limits: CgroupLimits, isNew: Bool = false) throws(CgroupError) {
        if hierarchy.mode == .v2 { return try applyUnified(limits, isNew: isNew) }
        try applyMemory(limits)
        try applyProcessor(limits)
        if let pids = limits.pids, let path = path(of: "pids") {
            try ControlFile.put(pids > 0 ? String(pids) : "max", "pids.max", in: path)
        }
        if let path = path(of: "blkio") {
            if let weight = limits.blkioWeight, weight > 0 {
                // The name depends on the scheduler (CFQ before 5.0, BFQ since); some kernels have neither.
                for name in ["blkio.weight", "blkio.bfq.weight"] where ControlFile.exists(path + "/" + name) {
                    try ControlFile.put(String(weight), name, in: path)
                }
            }
            for throttle in limits.blkioThrottle {
                let names: [CgroupThrottle.Kind: String] = [
                    .readBytes: "read_bps_device", .writeBytes: "write_bps_device", .readOps: "read_iops_device",
                    .writeOps: "write_iops_device",
                ]
                try ControlFile.put(
                    "\(throttle.major):\(throttle.minor) \(throttle.rate)",
                    "blkio.throttle." + (names[throttle.kind] ?? ""), in: path)
            }
        }
        if isNew, let rules = limits.devices, let path = path(of: "devices") {
            for rule in rules {
                try ControlFile.put(rule.line, rule.allow ? "devices.allow" : "devices.deny", in: path)
            }
        }
    }

    private func applyMemory(_ limits: CgroupLimits) throws(CgroupError) {
        guard let path = path(of: "memory") else { return }
        let hasSwap = ControlFile.exists(path + "/memory.memsw.limit_in_bytes")
        var swap = limits.memorySwap
        if swap == 0 { swap = nil }
        if let memory = limits.memory, memory > 0 {
            // Memory may never exceed memory and swap, on the way up and on the way down.
            let current = hasSwap ? ControlFile.number(path + "/memory.memsw.limit_in_bytes") ?? 0 : 0
            if hasSwap, let swap, swap == -1 || UInt64(swap) > current {
                try ControlFile.put(String(swap), "memory.memsw.limit_in_bytes", in: path)
            }
            try ControlFile.put(String(memory), "memory.limit_in_bytes", in: path)
        }
        if hasSwap, let swap { try ControlFile.put(String(swap), "memory.memsw.limit_in_bytes", in: path) }
        if let reservation = limits.memoryReservation, reservation > 0 {
            try ControlFile.put(String(reservation), "memory.soft_limit_in_bytes", in: path)
        }
        if let swappiness = limits.memorySwappiness, swappiness >= 0 {
            try ControlFile.put(String(swappiness), "memory.swappiness", in: path)
        }
        if limits.oomKillDisable { try ControlFile.put("1", "memory.oom_control", in: path) }
    }

    private func applyProcessor(_ limits: CgroupLimits) throws(CgroupError) {
        if let path = path(of: "cpu") {
            if let shares = limits.cpuShares, shares > 0 { try ControlFile.put(String(shares), "cpu.shares", in: path) }
            if let period = limits.cpuPeriod, period > 0 {
                try ControlFile.put(String(period), "cpu.cfs_period_us", in: path)
            }
            if let quota = limits.cpuQuota, quota != 0 {
                try ControlFile.put(String(quota), "cpu.cfs_quota_us", in: path)
            }
        }
        if let path = path(of: "cpuset") {
            if let cpus = limits.cpusetCpus, !cpus.isEmpty { try ControlFile.put(cpus, "cpuset.cpus", in: path) }
            if let mems = limits.cpusetMems, !mems.isEmpty { try ControlFile.put(mems, "cpuset.mems", in: path) }
        }
    }

    private func applyUnified(_ limits: CgroupLimits, isNew: Bool) throws(CgroupError) {
        guard let path = unifiedPath else { return }
        let memory = limits.memory ?? 0
        if memory > 0 { try Self.putKnown(String(memory), "memory.max", in: path) }
        if let swap = limits.memorySwap, swap != 0, ControlFile.exists(path + "/memory.swap.max") {
            // Version 2 counts swap alone.
            guard swap == -1 || swap >= memory else {
                throw CgroupError("set memory.swap.max", path, "memory and swap together are less than memory")
            }
            try ControlFile.put(swap == -1 ? "max" : String(swap - memory), "memory.swap.max", in: path)
        }
        if let low = limits.memoryReservation, low > 0 { try Self.putKnown(String(low), "memory.low", in: path) }
        if let shares = limits.cpuShares, shares > 0 {
            try Self.putKnown(String(Self.weight(shares: shares)), "cpu.weight", in: path)
        }
        if limits.cpuQuota ?? 0 != 0 || limits.cpuPeriod ?? 0 != 0 {
            let quota = limits.cpuQuota ?? 0
            let period = limits.cpuPeriod ?? 0
            let text = quota > 0 ? String(quota) : "max"
            try Self.putKnown("\(text) \(period > 0 ? period : 100_000)", "cpu.max", in: path)
        }
        if let cpus = limits.cpusetCpus, !cpus.isEmpty { try Self.putKnown(cpus, "cpuset.cpus", in: path) }
        if let mems = limits.cpusetMems, !mems.isEmpty { try Self.putKnown(mems, "cpuset.mems", in: path) }
        if let pids = limits.pids { try Self.putKnown(pids > 0 ? String(pids) : "max", "pids.max", in: path) }
        if let weight = limits.blkioWeight, weight > 0, ControlFile.exists(path + "/io.weight") {
            // 10…1000 to 1…10000.
            try ControlFile.put("default \(1 + (UInt64(weight) - 10) * 9999 / 990)", "io.weight", in: path)
        }
        for throttle in limits.blkioThrottle {
            try ControlFile.put(
                "\(throttle.major):\(throttle.minor) \(throttle.kind.rawValue)=\(throttle.rate)", "io.max", in: path)
        }
        for (name, value) in limits.unified {
            guard !name.contains("/") else { throw CgroupError("set \(name)", path, "not a name of a control file") }
            try ControlFile.put(value, name, in: path)
        }
        if isNew, let rules = limits.devices { try DeviceProgram.attach(rules, to: path) }
    }

    /// A controller that is not there limits nothing, in either version: ``CgroupHierarchy/controllers`` tells before.
    private static func putKnown(_ value: String, _ name: String, in path: String) throws(CgroupError) {
        if ControlFile.exists(path + "/" + name) { try ControlFile.put(value, name, in: path) }
    }

    /// Shares (2…262144, usual 1024) as a weight of version 2 (1…10000), by the usual linear rule.
    package static func weight(shares: UInt64) -> UInt64 {
        let bounded = min(max(shares, 2), 262_144)
        return 1 + (bounded - 2) * 9999 / 262_142
    }
}
