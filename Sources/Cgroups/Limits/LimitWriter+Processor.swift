internal import Glibc

extension LimitWriter {
    mutating func writeProcessor() throws(CgroupError) {
        let asksShares = (limits.cpuShares ?? 0) > 0
        let asksTime = (limits.cpuQuota ?? 0) != 0 || (limits.cpuPeriod ?? 0) > 0 || limits.cpuBurst != nil
        let asksRealtime = (limits.cpuRealtimeRuntime ?? 0) != 0 || (limits.cpuRealtimePeriod ?? 0) > 0
        if asksShares || asksTime || asksRealtime || limits.cpuIdle != nil {
            switch try directory("cpu", for: "cpu limit") {
            case .v1(let path):
                try writeShares(path, "cpu.shares", limits.cpuShares.map { String($0) })
                try writeTime(path)
                try writeRealtime(path)
            case .v2(let path):
                try writeShares(path, "cpu.weight", limits.cpuShares.map { String(Cgroup.weight(shares: $0)) })
                try writeUnifiedTime(path)
                if asksRealtime { try leaveOut("real-time scheduling limit", .notInVersion2) }
            case nil: break
            }
        }
        let cpus = limits.cpusetCpus ?? ""
        let mems = limits.cpusetMems ?? ""
        guard !cpus.isEmpty || !mems.isEmpty else { return }
        guard let path = try directory("cpuset", for: "cpuset")?.path else { return }
        if !cpus.isEmpty { try put(cpus, "cpuset.cpus", in: path, for: "cpuset") }
        if !mems.isEmpty { try put(mems, "cpuset.mems", in: path, for: "cpuset") }
    }

    /// An idle cgroup accepts no weight, so idle is cleared before the weight and set after it.
    private mutating func writeShares(_ path: String, _ name: String, _ value: String?) throws(CgroupError) {
        let idle = limits.cpuIdle
        if let idle, idle == 0 { try put("0", "cpu.idle", in: path, for: "idle scheduling") }
        if let value, (limits.cpuShares ?? 0) > 0 { try put(value, name, in: path, for: "cpu shares") }
        if let idle, idle != 0 { try put(String(idle), "cpu.idle", in: path, for: "idle scheduling") }
    }

    /// Writes a value that the kernel may refuse (EINVAL) until `later` is set; true when it has to be written again.
    private mutating func putEarly(
        _ value: String, _ name: String, in path: String, for limit: String, later: Bool
    ) throws(CgroupError) -> Bool {
        if later && ControlFile.write(value, path + "/" + name) == EINVAL { return true }
        try put(value, name, in: path, for: limit)
        return false
    }

    /// Quota, period and burst limit one another and depend on the parent's: only one order of writes may succeed.
    private mutating func writeTime(_ path: String) throws(CgroupError) {
        let quota = limits.cpuQuota ?? 0
        let period = limits.cpuPeriod.flatMap { $0 > 0 ? String($0) : nil }
        let burst = limits.cpuBurst.map { String($0) }
        var again: [(String, String)] = []
        if let period,
            try putEarly(period, "cpu.cfs_period_us", in: path, for: "cpu period", later: quota != 0)
        {
            again.append((period, "cpu.cfs_period_us"))
        }
        if let burst, try putEarly(burst, "cpu.cfs_burst_us", in: path, for: "cpu burst", later: quota != 0) {
            again.append((burst, "cpu.cfs_burst_us"))
        }
        if quota != 0 { try put(String(quota), "cpu.cfs_quota_us", in: path, for: "cpu quota") }
        for (value, name) in again { try put(value, name, in: path, for: "cpu quota") }
    }

    private mutating func writeRealtime(_ path: String) throws(CgroupError) {
        let runtime = limits.cpuRealtimeRuntime ?? 0
        let period = limits.cpuRealtimePeriod ?? 0
        var isLate = false
        if period > 0 {
            isLate = try putEarly(
                String(period), "cpu.rt_period_us", in: path, for: "real-time period", later: runtime != 0)
        }
        if runtime != 0 { try put(String(runtime), "cpu.rt_runtime_us", in: path, for: "real-time runtime") }
        if isLate { try put(String(period), "cpu.rt_period_us", in: path, for: "real-time period") }
    }

    private mutating func writeUnifiedTime(_ path: String) throws(CgroupError) {
        let quota = limits.cpuQuota ?? 0
        let period = limits.cpuPeriod ?? 0
        let burst = limits.cpuBurst.map { String($0) }
        var isLate = false
        if let burst {
            isLate = try putEarly(burst, "cpu.max.burst", in: path, for: "cpu burst", later: quota != 0)
        }
        if quota != 0 || period > 0 {
            // A period alone keeps the quota, a quota alone the period.
            let now = quota == 0 ? ControlFile.words(path + "/cpu.max").first ?? "max" : "max"
            let text = quota > 0 ? String(quota) : now
            try put(period > 0 ? "\(text) \(period)" : text, "cpu.max", in: path, for: "cpu quota")
        }
        if isLate, let burst { try put(burst, "cpu.max.burst", in: path, for: "cpu burst") }
    }
}

extension Cgroup {
    /// Converts shares (2…262144, default 1024) to a version 2 weight (1…10000, default 100).
    ///
    /// Uses the curve of runc 1.3.2 and crun 1.23, which maps minimum, default and maximum to each other. Their earlier linear
    /// formula mapped 1024 to weight 39, less than that of processes outside any container.
    package static func weight(shares: UInt64) -> UInt64 {
        if shares <= 2 { return 1 }
        if shares >= 262_144 { return 10000 }
        let exponent = log2(Double(shares))
        return UInt64(ceil(pow(10, (exponent * exponent + 125 * exponent) / 612 - 7.0 / 34)))
    }
}
