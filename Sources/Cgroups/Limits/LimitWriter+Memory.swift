internal import Glibc

extension LimitWriter {
    private var isMemoryAsked: Bool {
        func asks(_ value: Int64?) -> Bool { (value ?? 0) != 0 }
        return asks(limits.memory) || asks(limits.memorySwap) || asks(limits.memoryReservation)
            || (limits.memorySwappiness ?? -1) >= 0 || asks(limits.kernelMemory) || asks(limits.kernelMemoryTCP)
            || limits.oomKillDisable
    }

    mutating func writeMemory() throws(CgroupError) {
        guard isMemoryAsked else { return }
        switch try directory("memory", for: "memory limit") {
        case .v1(let path): try writeMemory(path)
        case .v2(let path): try writeUnifiedMemory(path)
        case nil: break
        }
    }

    private mutating func writeMemory(_ path: String) throws(CgroupError) {
        try checkUsage(path, "memory.usage_in_bytes", "memory.memsw.usage_in_bytes")
        let memory = limits.memory ?? 0
        var swap = limits.memorySwap ?? 0
        // Unlimited memory implies unlimited swap, unless a swap limit is given.
        if memory == -1 && swap == 0 && ControlFile.exists(path + "/memory.memsw.limit_in_bytes") { swap = -1 }
        func setMemory() throws(CgroupError) {
            if memory == 0 { return }
            let code = ControlFile.write(String(memory), path + "/memory.limit_in_bytes")
            if code == EBUSY {
                let usage = ControlFile.word(path + "/memory.usage_in_bytes") ?? "unknown"
                let peak = ControlFile.word(path + "/memory.max_usage_in_bytes") ?? "unknown"
                throw CgroupError(
                    "set memory.limit_in_bytes", path,
                    "unable to set memory limit to \(memory) (current usage: \(usage), peak usage: \(peak))")
            }
            if code != 0 { throw CgroupError("set memory.limit_in_bytes to \(memory)", path, code: code) }
        }
        // The memory limit may never exceed the memory+swap limit, so the order depends on whether it is raised or lowered.
        func isRaised() -> Bool {
            swap == -1 || (ControlFile.number(path + "/memory.limit_in_bytes") ?? 0) < UInt64(clamping: swap)
        }
        let swapFirst = memory != 0 && swap != 0 && isRaised()
        if !swapFirst { try setMemory() }
        if swap != 0 { try put(String(swap), "memory.memsw.limit_in_bytes", in: path, for: "swap limit") }
        if swapFirst { try setMemory() }
        if let reservation = limits.memoryReservation, reservation != 0 {
            try put(String(reservation), "memory.soft_limit_in_bytes", in: path, for: "memory reservation")
        }
        try writeKernelMemory(path)
        if limits.oomKillDisable { try put("1", "memory.oom_control", in: path, for: "disabled out-of-memory killer") }
        if let swappiness = limits.memorySwappiness, swappiness >= 0 {
            try put(String(swappiness), "memory.swappiness", in: path, for: "memory swappiness")
        }
    }

    /// Removed in Linux 5.16: refused, or the file is missing. Other runtimes ignore the limit too.
    private mutating func writeKernelMemory(_ path: String) throws(CgroupError) {
        for (value, name, limit) in [
            (limits.kernelMemory, "memory.kmem.limit_in_bytes", "kernel memory limit"),
            (limits.kernelMemoryTCP, "memory.kmem.tcp.limit_in_bytes", "kernel memory limit of TCP buffers"),
        ] {
            guard let value, value != 0 else { continue }
            let code = ControlFile.write(String(value), path + "/" + name)
            if code == ENOENT || code == EOPNOTSUPP || code == 524 /* ENOTSUPP of the kernel's own */ {
                leaveOutEvenIfStrict(limit, .noFile(name))
            } else if code != 0 {
                throw CgroupError("set \(name) to \(value)", path, code: code)
            }
        }
    }

    private mutating func writeUnifiedMemory(_ path: String) throws(CgroupError) {
        try checkUsage(path, "memory.current", nil)
        let memory = limits.memory ?? 0
        let given = limits.memorySwap ?? 0
        if given != 0 || memory == -1 {
            let known = memory != 0 ? memory : ControlFile.number(path + "/memory.max").map { Int64(clamping: $0) } ?? 0
            let value = try Self.unifiedSwap(given, memory: known)
            if let value {
                let code = ControlFile.write(value, path + "/memory.swap.max")
                // Without swap accounting, unlimited or no swap needs no file.
                if code == ENOENT && value != "max" && value != "0" {
                    try leaveOut("swap limit", .noFile("memory.swap.max"))
                } else if code != 0 && code != ENOENT {
                    throw CgroupError("set memory.swap.max to \(value)", path, code: code)
                }
            }
        }
        if memory != 0 { try put(Self.unlimited(memory), "memory.max", in: path, for: "memory limit") }
        if let low = limits.memoryReservation, low != 0 {
            try put(Self.unlimited(low), "memory.low", in: path, for: "memory reservation")
        }
        if (limits.memorySwappiness ?? -1) >= 0 { try leaveOut("memory swappiness", .notInVersion2) }
        if (limits.kernelMemory ?? 0) != 0 { try leaveOut("kernel memory limit", .notInVersion2) }
        if (limits.kernelMemoryTCP ?? 0) != 0 { try leaveOut("kernel memory limit of TCP buffers", .notInVersion2) }
        if limits.oomKillDisable { try leaveOut("disabled out-of-memory killer", .notInVersion2) }
    }

    static func unlimited(_ value: Int64) -> String { value == -1 ? "max" : String(value) }

    /// Converts a limit of memory and swap together to `memory.swap.max`, which limits swap alone. Nil leaves it unchanged.
    static func unifiedSwap(_ swap: Int64, memory: Int64) throws(CgroupError) -> String? {
        if swap == -1 || (swap == 0 && memory == -1) { return "max" }
        if swap == 0 { return nil }
        guard memory > 0 else {
            throw CgroupError("set swap limit", "", "unable to set swap limit without memory limit")
        }
        guard swap >= memory else {
            throw CgroupError("set swap limit", "", "memory+swap limit should be >= memory limit")
        }
        return String(swap - memory)
    }

    /// `checkBeforeUpdate`: refuses a limit below the usage instead of letting the kernel kill processes.
    private func checkUsage(_ path: String, _ usageName: String, _ swapName: String?) throws(CgroupError) {
        guard limits.checkMemoryBeforeUpdate, let usage = ControlFile.number(path + "/" + usageName) else { return }
        if let memory = limits.memory, memory > 0, UInt64(memory) <= usage {
            throw CgroupError("set memory limit", path, "rejecting memory limit \(memory) <= usage \(usage)")
        }
        let both = swapName.flatMap { ControlFile.number(path + "/" + $0) } ?? usage
        if let swap = limits.memorySwap, swap > 0, UInt64(swap) <= both {
            throw CgroupError("set swap limit", path, "rejecting memory+swap limit \(swap) <= usage \(both)")
        }
    }
}
