internal import Cgroups
internal import DockerAPI

extension CgroupLimits {
    /// The limits that a container was given.
    init(_ host: HostConfig) {
        self.init()
        if host.Memory > 0 { memory = host.Memory }
        if host.MemorySwap != 0 { memorySwap = host.MemorySwap }
        if host.MemoryReservation > 0 { memoryReservation = host.MemoryReservation }
        // What the kernel takes: as Docker, the nearest.
        if host.CpuShares > 0 { cpuShares = min(max(UInt64(host.CpuShares), 2), 262_144) }
        if host.NanoCpus > 0 {
            cpuPeriod = 100_000
            cpuQuota = host.NanoCpus / 10_000
        }
        if host.CpuPeriod > 0 { cpuPeriod = UInt64(host.CpuPeriod) }
        if host.CpuQuota != 0 { cpuQuota = host.CpuQuota }
        if !host.CpusetCpus.isEmpty { cpusetCpus = host.CpusetCpus }
        if !host.CpusetMems.isEmpty { cpusetMems = host.CpusetMems }
        if host.Privileged { devices = DeviceRule.everything }
        if let limit = host.PidsLimit, limit != 0 { pids = limit }
        if host.BlkioWeight > 0 { blkioWeight = UInt16(clamping: host.BlkioWeight) }
    }
}
