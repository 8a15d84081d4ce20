internal import Cgroups
internal import DockerAPI
internal import Glibc

/// The resources of a request, as Docker checks them: what contradicts itself is refused, what this kernel cannot limit is taken
/// out and told.
struct ResourceCheck {
    let isUpdate: Bool
    /// Asked only when there is a limit to look at: the first time it costs some system calls.
    let abilities: () -> CgroupAbilities
    private(set) var warnings: [String] = []

    init(isUpdate: Bool, abilities: @escaping () -> CgroupAbilities) {
        self.isUpdate = isUpdate
        self.abilities = abilities
    }

    /// Refuses, or takes out of `host` what its warnings name.
    mutating func check(_ host: inout HostConfig) throws(EngineError) {
        try checkMemory(&host)
        try checkProcessors(&host)
        try checkBlock(&host)
        if let limit = host.PidsLimit, limit != 0, !abilities().pids {
            if limit > 0 { discard("PIDs limit capabilities", "PIDs limit") }
            host.PidsLimit = nil
        }
        if host.CpuPercent > 0 { warnings.append("linux does not support CPU percent. Percent discarded.") }
        if host.CpuCount > 0 { warnings.append("linux does not support CPU count. Count discarded.") }
        if (host.KernelMemory ?? 0) != 0 || (host.KernelMemoryTCP ?? 0) != 0 {
            warnings.append("Specifying a kernel memory limit is deprecated and has no effect. Limitation discarded.")
        }
        host.CpuPercent = 0
        host.CpuCount = 0
        host.KernelMemory = nil
        host.KernelMemoryTCP = nil
        if host.CpuRealtimePeriod != 0 || host.CpuRealtimeRuntime != 0 {
            throw .notAvailable(
                "the scheduling of CpuRealtimePeriod and CpuRealtimeRuntime (--cpu-rt-period, --cpu-rt-runtime)")
        }
        if host.IOMaximumBandwidth != 0 {
            throw .invalid("invalid option: QoS maximum bandwidth configuration is not supported on linux")
        }
        if host.IOMaximumIOps != 0 {
            throw .invalid("invalid option: QoS maximum IOPs configuration is not supported on linux")
        }
    }

    private mutating func discard(_ what: String, _ discarded: String) {
        warnings.append(
            "Your kernel does not support \(what) or the cgroup is not mounted. \(discarded) discarded.")
    }

    private mutating func checkMemory(_ host: inout HostConfig) throws(EngineError) {
        let least: Int64 = 6 << 20
        // Docker's clients said so for "as it is".
        if host.MemorySwappiness == -1 { host.MemorySwappiness = nil }
        if host.Memory != 0, host.Memory < least { throw .invalid("Minimum memory limit allowed is 6MB") }
        if host.Memory > 0, !abilities().memory {
            discard("memory limit capabilities", "Limitation")
            host.Memory = 0
            host.MemorySwap = -1
        }
        if host.Memory > 0, host.MemorySwap != -1, !abilities().swap {
            warnings.append(
                "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
                    + "Memory limited without swap.")
            host.MemorySwap = -1
        }
        if host.Memory > 0, host.MemorySwap > 0, host.MemorySwap < host.Memory {
            throw .invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
        }
        if host.Memory == 0, host.MemorySwap > 0, !isUpdate {
            throw .invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
        }
        if let swappiness = host.MemorySwappiness {
            if !abilities().swappiness {
                discard("memory swappiness capabilities", "Memory swappiness")
                host.MemorySwappiness = nil
            } else if !(0...100).contains(swappiness) {
                throw .invalid("Invalid value: \(swappiness), valid memory swappiness range is 0-100")
            }
        }
        if host.MemoryReservation > 0 {
            if !abilities().memoryReservation {
                discard("memory soft limit capabilities", "Limitation")
                host.MemoryReservation = 0
            } else if host.MemoryReservation < least {
                throw .invalid("Minimum memory reservation allowed is 6MB")
            } else if host.Memory > 0, host.Memory < host.MemoryReservation {
                throw .invalid("Minimum memory limit can not be less than memory reservation limit, see usage")
            }
        }
        if host.OomKillDisable == true {
            if !abilities().oomKillDisable {
                warnings.append("Your kernel does not support OomKillDisable. OomKillDisable discarded.")
                host.OomKillDisable = nil
            } else if host.Memory == 0 {
                warnings.append(
                    "OOM killer is disabled for the container, but no memory limit is set, this can result in the "
                        + "system running out of resources.")
            }
        }
    }

    private mutating func checkProcessors(_ host: inout HostConfig) throws(EngineError) {
        if host.NanoCpus > 0, host.CpuPeriod > 0 {
            throw .invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set")
        }
        if host.NanoCpus > 0, host.CpuQuota > 0 {
            throw .invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
        }
        let processors = Int64(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        if host.NanoCpus < 0 || host.NanoCpus > processors * 1_000_000_000 {
            throw .invalid(
                "range of CPUs is from 0.01 to \(processors).00, as there are only \(processors) CPUs available")
        }
        if host.NanoCpus > 0, !abilities().cpuQuota {
            throw .invalid(
                "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted"
            )
        }
        if host.CpuShares < 0 {
            throw .invalid("invalid CPU shares (\(host.CpuShares)): value must be a positive integer")
        }
        if host.CpuShares > 0, !abilities().cpuShares {
            warnings.append("Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.")
            host.CpuShares = 0
        }
        if host.CpuPeriod != 0 || host.CpuQuota != 0, !abilities().cpuQuota {
            warnings.append("Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.")
            host.CpuPeriod = 0
            host.CpuQuota = 0
        }
        if host.CpuPeriod != 0, !(1000...1_000_000).contains(host.CpuPeriod) {
            throw .invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
        }
        if host.CpuQuota > 0, host.CpuQuota < 1000 {
            throw .invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)")
        }
        if !host.CpusetCpus.isEmpty || !host.CpusetMems.isEmpty, !abilities().cpuset {
            warnings.append("Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.")
            host.CpusetCpus = ""
            host.CpusetMems = ""
        }
        try check(host.CpusetCpus, of: { $0.processors }, "CPUs", "cpuset cpus")
        try check(host.CpusetMems, of: { $0.memoryNodes }, "memory nodes", "cpuset mems")
    }

    private func check(
        _ list: String, of known: (CgroupAbilities) -> String, _ what: String, _ name: String
    ) throws(EngineError) {
        guard !list.isEmpty else { return }
        guard let wanted = Cgroup.numbers(list) else { throw .invalid("Invalid value \(list) for \(name)") }
        let available = known(abilities())
        guard let there = Cgroup.numbers(available), !wanted.isSubset(of: there) else { return }
        throw .invalid("Requested \(what) are not available - requested \(list), available: \(available)")
    }

    private mutating func checkBlock(_ host: inout HostConfig) throws(EngineError) {
        if host.BlkioWeight > 0, !abilities().blockWeight {
            discard("Block I/O weight", "Weight")
            host.BlkioWeight = 0
        }
        func check(_ weight: Int) throws(EngineError) {
            if weight != 0, !(10...1000).contains(weight) { throw .invalid("Range of blkio weight is from 10 to 1000") }
        }
        try check(host.BlkioWeight)
        for device in host.BlkioWeightDevice { try check(device.Weight) }
        if !host.BlkioWeightDevice.isEmpty, !abilities().blockWeightDevice {
            discard("Block I/O weight_device", "Weight-device")
            host.BlkioWeightDevice = []
        }
        for device in host.throttles.flatMap(\.0) where device.Rate < 0 {
            throw .invalid("invalid rate \(device.Rate) for device \(device.Path): it must not be negative")
        }
        if !host.BlkioDeviceReadBps.isEmpty, !abilities().blockReadBytes {
            discard("BPS Block I/O read limit", "Block I/O BPS read limit")
            host.BlkioDeviceReadBps = []
        }
        if !host.BlkioDeviceWriteBps.isEmpty, !abilities().blockWriteBytes {
            discard("BPS Block I/O write limit", "Block I/O BPS write limit")
            host.BlkioDeviceWriteBps = []
        }
        if !host.BlkioDeviceReadIOps.isEmpty, !abilities().blockReadOps {
            discard("IOPS Block read limit", "Block I/O IOPS read limit")
            host.BlkioDeviceReadIOps = []
        }
        if !host.BlkioDeviceWriteIOps.isEmpty, !abilities().blockWriteOps {
            discard("IOPS Block write limit", "Block I/O IOPS write limit")
            host.BlkioDeviceWriteIOps = []
        }
    }
}
