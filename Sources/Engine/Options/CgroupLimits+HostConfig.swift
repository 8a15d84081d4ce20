internal import Cgroups
internal import DockerAPI
internal import Glibc
internal import Linux

extension CgroupLimits {
    /// The limits that a container was given.
    init(_ host: HostConfig) throws(EngineError) {
        self.init()
        if host.Memory > 0 { memory = host.Memory }
        if host.MemorySwap != 0 { memorySwap = host.MemorySwap }
        if host.MemoryReservation > 0 { memoryReservation = host.MemoryReservation }
        memorySwappiness = host.MemorySwappiness
        oomKillDisable = host.OomKillDisable ?? false
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
        if let limit = host.PidsLimit, limit != 0 { pids = limit }
        if host.BlkioWeight > 0 { blkioWeight = UInt16(clamping: host.BlkioWeight) }
        for device in host.BlkioWeightDevice {
            let number = try Self.blockDevice(device.Path)
            blkioWeightDevices.append(
                CgroupDeviceWeight(major: number.major, minor: number.minor, weight: UInt16(clamping: device.Weight)))
        }
        for (list, kind) in host.throttles {
            for device in list {
                let number = try Self.blockDevice(device.Path)
                blkioThrottle.append(
                    CgroupThrottle(
                        kind, major: number.major, minor: number.minor, rate: UInt64(clamping: device.Rate)))
            }
        }
    }

    private static func blockDevice(_ path: String) throws(EngineError) -> DeviceNumber {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw .invalid("stat \(path): \(String(cString: strerror(errno)).lowercased())")
        }
        guard status.st_mode & S_IFMT == S_IFBLK else { throw .invalid("\(path) is not a block device") }
        return DeviceNumber(UInt64(status.st_rdev))
    }
}

extension HostConfig {
    /// The rates of block devices, by what they limit.
    var throttles: [([ThrottleDevice], CgroupThrottle.Kind)] {
        [
            (BlkioDeviceReadBps, .readBytes), (BlkioDeviceWriteBps, .writeBytes), (BlkioDeviceReadIOps, .readOps),
            (BlkioDeviceWriteIOps, .writeOps),
        ]
    }
}
