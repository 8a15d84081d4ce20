/// Which limits this machine supports: available controllers and the files this kernel has for them.
package struct CgroupAbilities: Equatable, Sendable {
    package var memory = true
    package var swap = true
    package var memoryReservation = true
    package var swappiness = true
    package var oomKillDisable = true
    package var cpuShares = true
    package var cpuQuota = true
    package var cpuset = true
    /// The processors and memory nodes available to a cpuset, in the kernel's notation (`0-3,7`); empty when unknown.
    package var processors = ""
    package var memoryNodes = ""
    package var pids = true
    package var blockWeight = true
    package var blockWeightDevice = true
    package var blockReadBytes = true
    package var blockWriteBytes = true
    package var blockReadOps = true
    package var blockWriteOps = true

    /// Everything is supported.
    package init() {}
}

extension Cgroup {
    /// Creates a temporary cgroup and looks at its files, because many do not exist in a hierarchy's root.
    package static func abilities(
        probing name: String, in hierarchy: CgroupHierarchy
    ) throws(CgroupError) -> CgroupAbilities {
        var limits = CgroupLimits()
        limits.devices = nil
        let cgroup = try create(name, limits: limits, in: hierarchy)
        defer { cgroup.remove() }
        func has(_ controller: String, _ old: [String], _ new: [String]) -> Bool {
            switch cgroup.directory(of: controller) {
            case .v1(let path): old.contains { ControlFile.exists(path + "/" + $0) }
            case .v2(let path): new.contains { ControlFile.exists(path + "/" + $0) }
            case nil: false
            }
        }
        func throttle(_ kind: CgroupThrottle.Kind) -> Bool { has("blkio", [kind.file], ["io.max"]) }
        var found = CgroupAbilities()
        found.memory = has("memory", ["memory.limit_in_bytes"], ["memory.max"])
        found.swap = has("memory", ["memory.memsw.limit_in_bytes"], ["memory.swap.max"])
        found.memoryReservation = has("memory", ["memory.soft_limit_in_bytes"], ["memory.low"])
        found.swappiness = has("memory", ["memory.swappiness"], [])
        found.oomKillDisable = has("memory", ["memory.oom_control"], [])
        found.cpuShares = has("cpu", ["cpu.shares"], ["cpu.weight"])
        found.cpuQuota = has("cpu", ["cpu.cfs_quota_us"], ["cpu.max"])
        found.cpuset = has("cpuset", ["cpuset.cpus"], ["cpuset.cpus"])
        if let directory = cgroup.directory(of: "cpuset") {
            func list(_ name: String) -> String {
                switch directory {
                case .v1(let path): ControlFile.word(path + "/cpuset." + name) ?? ""
                case .v2(let path): ControlFile.word(path + "/cpuset.\(name).effective") ?? ""
                }
            }
            found.processors = list("cpus")
            found.memoryNodes = list("mems")
        }
        found.pids = has("pids", ["pids.max"], ["pids.max"])
        found.blockWeight = has("blkio", ["blkio.weight", "blkio.bfq.weight"], ["io.weight", "io.bfq.weight"])
        found.blockWeightDevice = has(
            "blkio", ["blkio.weight_device", "blkio.bfq.weight_device"], ["io.weight", "io.bfq.weight"])
        found.blockReadBytes = throttle(.readBytes)
        found.blockWriteBytes = throttle(.writeBytes)
        found.blockReadOps = throttle(.readOps)
        found.blockWriteOps = throttle(.writeOps)
        return found
    }
}
