extension Cgroup {
    /// How often the memory limit killed something.
    package var oomKillCount: UInt64 {
        if let path = path(of: "memory") { return ControlFile.field("oom_kill", path + "/memory.oom_control") ?? 0 }
        return unifiedPath.flatMap { ControlFile.field("oom_kill", $0 + "/memory.events") } ?? 0
    }

    /// Bytes of memory in use, with the page cache.
    package var memoryUsage: UInt64 {
        if let path = path(of: "memory") { return ControlFile.number(path + "/memory.usage_in_bytes") ?? 0 }
        return unifiedPath.flatMap { ControlFile.number($0 + "/memory.current") } ?? 0
    }

    /// The most bytes of memory that were in use (version 2: Linux 5.19).
    package var memoryPeak: UInt64 {
        if let path = path(of: "memory") { return ControlFile.number(path + "/memory.max_usage_in_bytes") ?? 0 }
        return unifiedPath.flatMap { ControlFile.number($0 + "/memory.peak") } ?? 0
    }

    /// The limit in bytes; nil when there is none.
    package var memoryLimit: UInt64? {
        if let path = path(of: "memory") {
            // Unlimited is the largest page-aligned number.
            return ControlFile.number(path + "/memory.limit_in_bytes").flatMap { $0 >= 1 << 62 ? nil : $0 }
        }
        return unifiedPath.flatMap { ControlFile.number($0 + "/memory.max") }
    }

    /// The lines of memory.stat.
    package var memoryStatistics: [String: UInt64] {
        let path = path(of: "memory") ?? unifiedPath
        return Self.fields(path.flatMap { ControlFile.read($0 + "/memory.stat") })
    }

    private static func fields(_ text: String?) -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for line in (text ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, let value = UInt64(words[1]) { result[String(words[0])] = value }
        }
        return result
    }

    /// Processor time: all, in user mode, in the kernel; nanoseconds.
    package var processorTime: (total: UInt64, user: UInt64, system: UInt64) {
        if let path = path(of: "cpuacct") {
            let total = ControlFile.number(path + "/cpuacct.usage") ?? 0
            let parts = Self.fields(ControlFile.read(path + "/cpuacct.stat"))
            // In ticks of USER_HZ, 100 everywhere.
            return (total, (parts["user"] ?? 0) * 10_000_000, (parts["system"] ?? 0) * 10_000_000)
        }
        let parts = Self.fields(unifiedPath.flatMap { ControlFile.read($0 + "/cpu.stat") })
        return (
            (parts["usage_usec"] ?? 0) * 1000, (parts["user_usec"] ?? 0) * 1000, (parts["system_usec"] ?? 0) * 1000
        )
    }

    /// Periods, throttled periods and throttled nanoseconds.
    package var throttling: (periods: UInt64, throttled: UInt64, time: UInt64) {
        let text = (path(of: "cpu") ?? unifiedPath).flatMap { ControlFile.read($0 + "/cpu.stat") }
        let parts = Self.fields(text)
        let time = parts["throttled_time"] ?? (parts["throttled_usec"] ?? 0) * 1000
        return (parts["nr_periods"] ?? 0, parts["nr_throttled"] ?? 0, time)
    }

    /// Processes and threads now, and the limit (nil for none).
    package var pids: (current: UInt64, limit: UInt64?) {
        guard let path = path(of: "pids") ?? unifiedPath else { return (0, nil) }
        return (ControlFile.number(path + "/pids.current") ?? 0, ControlFile.number(path + "/pids.max"))
    }

    /// Bytes read and written per block device.
    package var blockTransfers: [(major: UInt32, minor: UInt32, read: UInt64, written: UInt64)] {
        var result: [String: (UInt64, UInt64)] = [:]
        if let path = path(of: "blkio") {
            let text = ControlFile.read(path + "/blkio.throttle.io_service_bytes") ?? ""
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.count == 3, let value = UInt64(words[2]) else { continue }
                var entry = result[String(words[0])] ?? (0, 0)
                if words[1] == "Read" { entry.0 = value } else if words[1] == "Write" { entry.1 = value }
                result[String(words[0])] = entry
            }
        } else if let text = unifiedPath.flatMap({ ControlFile.read($0 + "/io.stat") }) {
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                guard let device = words.first else { continue }
                func value(_ name: String) -> UInt64 {
                    words.first { $0.hasPrefix(name + "=") }.flatMap { UInt64($0.dropFirst(name.count + 1)) } ?? 0
                }
                result[String(device)] = (value("rbytes"), value("wbytes"))
            }
        }
        return result.sorted { $0.key < $1.key }.compactMap { device, value in
            let numbers = device.split(separator: ":").compactMap { UInt32($0) }
            return numbers.count == 2 ? (numbers[0], numbers[1], value.0, value.1) : nil
        }
    }
}
