internal import ByteText

extension Cgroup {
    /// Reads all counters.
    package func statistics() -> CgroupStatistics {
        var result = CgroupStatistics()
        readProcessor(&result.processor)
        readCpuset(&result.cpuset)
        switch directory(of: "memory") {
        case .v1(let path): Self.readMemory(path, &result.memory)
        case .v2(let path): Self.readUnifiedMemory(path, &result.memory)
        case nil: break
        }
        if let path = directory(of: "pids")?.path {
            result.pids.current = ControlFile.number(path + "/pids.current") ?? 0
            result.pids.limit = ControlFile.number(path + "/pids.max")
        }
        switch directory(of: "blkio") {
        case .v1(let path): Self.readBlock(path, &result.block)
        case .v2(let path): Self.readUnifiedBlock(path, &result.block)
        case nil: break
        }
        if let place = directory(of: "hugetlb") { result.hugepages = Self.readHugepages(place) }
        // cgroup2 provides pressure data even when all controllers are on version 1.
        if let unifiedPath {
            result.processor.pressure = Self.pressure(unifiedPath + "/cpu.pressure")
            result.memory.pressure = Self.pressure(unifiedPath + "/memory.pressure")
            result.block.pressure = Self.pressure(unifiedPath + "/io.pressure")
        }
        return result
    }

    /// How often the memory limit killed a process.
    package var oomKillCount: UInt64 {
        switch directory(of: "memory") {
        case .v1(let path): return ControlFile.field("oom_kill", path + "/memory.oom_control") ?? 0
        case .v2(let path): return ControlFile.field("oom_kill", path + "/memory.events") ?? 0
        case nil: return 0
        }
    }

    private func readProcessor(_ result: inout CgroupStatistics.Processor) {
        // Version 2 counts CPU time even without the cpu controller.
        let unified = hierarchy.mode == .v2 ? unifiedPath.map { Directory.v2($0) } : nil
        switch directory(of: "cpuacct") ?? unified {
        case .v1(let path):
            result.total = ControlFile.number(path + "/cpuacct.usage") ?? 0
            let parts = ControlFile.fields(path + "/cpuacct.stat")
            // In ticks of USER_HZ, which is 100.
            result.user = (parts["user"] ?? 0) * 10_000_000
            result.kernel = (parts["system"] ?? 0) * 10_000_000
            // `cpu user system`, then a line per processor.
            for line in (ControlFile.read(path + "/cpuacct.usage_all") ?? "").split(byte: "\n").dropFirst() {
                let numbers = line.split(byte: " ").compactMap { UInt64($0) }
                guard numbers.count == 3 else { continue }
                result.perProcessorUser.append(numbers[1])
                result.perProcessorKernel.append(numbers[2])
            }
            let each = ControlFile.read(path + "/cpuacct.usage_percpu") ?? ""
            result.perProcessor = each.split { $0 == " " || $0 == "\n" }.compactMap { UInt64($0) }
        case .v2(let path):
            let parts = ControlFile.fields(path + "/cpu.stat")
            result.total = (parts["usage_usec"] ?? 0) * 1000
            result.user = (parts["user_usec"] ?? 0) * 1000
            result.kernel = (parts["system_usec"] ?? 0) * 1000
        case nil: break
        }
        guard let path = directory(of: "cpu")?.path else { return }
        let parts = ControlFile.fields(path + "/cpu.stat")
        result.periods = parts["nr_periods"] ?? 0
        result.throttledPeriods = parts["nr_throttled"] ?? 0
        result.throttledTime = parts["throttled_time"] ?? (parts["throttled_usec"] ?? 0) * 1000
        result.bursts = parts["nr_bursts"] ?? 0
        result.burstTime = parts["burst_time"] ?? (parts["burst_usec"] ?? 0) * 1000
    }

    private func readCpuset(_ result: inout CgroupStatistics.Cpuset) {
        switch directory(of: "cpuset") {
        case .v1(let path):
            func number(_ name: String) -> UInt64 { ControlFile.number(path + "/cpuset." + name) ?? 0 }
            result.cpus = Self.list(ControlFile.read(path + "/cpuset.cpus"))
            result.mems = Self.list(ControlFile.read(path + "/cpuset.mems"))
            result.cpuExclusive = number("cpu_exclusive")
            result.memExclusive = number("mem_exclusive")
            result.memHardwall = number("mem_hardwall")
            result.memoryMigrate = number("memory_migrate")
            result.memoryPressure = number("memory_pressure")
            result.memorySpreadPage = number("memory_spread_page")
            result.memorySpreadSlab = number("memory_spread_slab")
            result.schedLoadBalance = number("sched_load_balance")
            result.schedRelaxDomainLevel =
                ControlFile.word(path + "/cpuset.sched_relax_domain_level").flatMap { Int64($0) } ?? 0
        case .v2(let path):
            result.cpus = Self.list(ControlFile.read(path + "/cpuset.cpus.effective"))
            result.mems = Self.list(ControlFile.read(path + "/cpuset.mems.effective"))
        case nil: break
        }
    }

    /// Parses `0-2,5`.
    package static func list(_ text: String?) -> [UInt16] {
        var result: [UInt16] = []
        for part in (text ?? "").split(whereSeparator: { $0 == "," || $0 == "\n" }) {
            let ends = part.split(byte: "-").compactMap { UInt16($0) }
            guard let first = ends.first, let last = ends.last, first <= last else { continue }
            result += first...last
        }
        return result
    }

    /// Parses a client's cpuset (`0-3,7`); nil for invalid text or numbers too large for a kernel.
    package static func numbers(_ text: String) -> Set<UInt16>? {
        var result: Set<UInt16> = []
        for part in text.split(byte: ",", omittingEmptySubsequences: false) {
            let ends = part.split(byte: "-", omittingEmptySubsequences: false).map { end in
                end.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? UInt16(end) : nil
            }
            guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first <= last, last < 8192
            else {
                return nil
            }
            result.formUnion(first...last)
        }
        return result
    }

    private static func readMemory(_ path: String, _ result: inout CgroupStatistics.Memory) {
        func entry(_ name: String) -> CgroupStatistics.Memory.Entry {
            var entry = CgroupStatistics.Memory.Entry()
            entry.usage = ControlFile.number(path + "/\(name).usage_in_bytes") ?? 0
            entry.peak = ControlFile.number(path + "/\(name).max_usage_in_bytes") ?? 0
            entry.failures = ControlFile.number(path + "/\(name).failcnt") ?? 0
            // Unlimited is reported as the largest page-aligned number.
            let limit = ControlFile.number(path + "/\(name).limit_in_bytes")
            entry.limit = limit.flatMap { $0 >= 1 << 62 ? nil : $0 }
            return entry
        }
        result.raw = ControlFile.fields(path + "/memory.stat")
        result.cache = result.raw["cache"] ?? 0
        result.usage = entry("memory")
        result.swap = entry("memory.memsw")
        result.kernel = entry("memory.kmem")
        result.kernelTCP = entry("memory.kmem.tcp")
        result.kills = ControlFile.field("oom_kill", path + "/memory.oom_control") ?? 0
    }

    private static func readUnifiedMemory(_ path: String, _ result: inout CgroupStatistics.Memory) {
        result.raw = ControlFile.fields(path + "/memory.stat")
        result.cache = result.raw["file"] ?? 0
        let events = ControlFile.fields(path + "/memory.events")
        result.usage.usage = ControlFile.number(path + "/memory.current") ?? 0
        // Linux 5.19.
        result.usage.peak = ControlFile.number(path + "/memory.peak") ?? 0
        result.usage.limit = ControlFile.number(path + "/memory.max")
        result.usage.failures = events["max"] ?? 0
        result.kills = events["oom_kill"] ?? 0
        result.kernel.usage = result.raw["kernel"] ?? 0
        // Version 2 counts swap alone; the result is memory and swap together.
        guard let swap = ControlFile.number(path + "/memory.swap.current") else { return }
        result.swap.usage = swap + result.usage.usage
        result.swap.peak = (ControlFile.number(path + "/memory.swap.peak") ?? 0) + result.usage.peak
        if let limit = ControlFile.number(path + "/memory.swap.max"), let memory = result.usage.limit {
            result.swap.limit = limit + memory
        }
        result.swap.failures = ControlFile.field("max", path + "/memory.swap.events") ?? 0
    }

    private static func readHugepages(_ place: Directory) -> [String: CgroupStatistics.Hugepages] {
        var result: [String: CgroupStatistics.Hugepages] = [:]
        for size in hugepageSizes {
            let path = place.path + "/hugetlb.\(size)"
            var entry = CgroupStatistics.Hugepages()
            if case .v1 = place {
                // Reserved pages are included where the kernel counts them (Linux 5.7).
                let prefix = ControlFile.exists(path + ".rsvd.usage_in_bytes") ? path + ".rsvd" : path
                guard let usage = ControlFile.number(prefix + ".usage_in_bytes") else { continue }
                entry.usage = usage
                entry.peak = ControlFile.number(prefix + ".max_usage_in_bytes") ?? 0
                entry.failures = ControlFile.number(prefix + ".failcnt") ?? 0
            } else {
                let usage = ControlFile.number(path + ".rsvd.current") ?? ControlFile.number(path + ".current")
                guard let usage else { continue }
                entry.usage = usage
                entry.failures = ControlFile.field("max", path + ".events") ?? 0
            }
            result[size] = entry
        }
        return result
    }

    /// The page sizes of this kernel in the spelling of the controller's files: `2MB`, `1GB`.
    static var hugepageSizes: [String] {
        ControlFile.directories("/sys/kernel/mm/hugepages").compactMap { name in
            guard name.hasBytePrefix("hugepages-"), name.hasByteSuffix("kB"),
                let kilobytes = UInt64(name.dropFirst("hugepages-".count).dropLast(2))
            else { return nil }
            if kilobytes >= 1 << 20 { return "\(kilobytes >> 20)GB" }
            return kilobytes >= 1 << 10 ? "\(kilobytes >> 10)MB" : "\(kilobytes)KB"
        }.sorted()
    }

    /// Reads a file like `cpu.pressure`; nil where the kernel has none.
    package static func pressure(_ path: String) -> CgroupStatistics.Pressure? {
        guard let text = ControlFile.read(path) else { return nil }
        return pressure(parsing: text)
    }

    package static func pressure(parsing text: String) -> CgroupStatistics.Pressure {
        var result = CgroupStatistics.Pressure()
        for line in text.split(byte: "\n") {
            let words = line.split(byte: " ")
            var share = CgroupStatistics.Pressure.Share()
            for word in words.dropFirst() {
                let pair = word.split(byte: "=", maxSplits: 1)
                guard pair.count == 2 else { continue }
                switch pair[0] {
                case "avg10": share.average10 = Double(pair[1]) ?? 0
                case "avg60": share.average60 = Double(pair[1]) ?? 0
                case "avg300": share.average300 = Double(pair[1]) ?? 0
                case "total": share.total = UInt64(pair[1]) ?? 0
                default: break
                }
            }
            if words.first == "some" { result.some = share } else if words.first == "full" { result.full = share }
        }
        return result
    }
}
