internal import ByteText
internal import Glibc

/// Writes limits into the files of one cgroup and records those that this machine does not support.
struct LimitWriter {
    let cgroup: Cgroup
    let limits: CgroupLimits
    let demand: Cgroup.Demand
    private(set) var leftOut: [LeftOutLimit] = []
    private var unifiedControllers: [String]?

    init(_ cgroup: Cgroup, _ limits: CgroupLimits, _ demand: Cgroup.Demand) {
        self.cgroup = cgroup
        self.limits = limits
        self.demand = demand
    }

    /// The directory of a limit's controller; nil when the limit is skipped.
    mutating func directory(_ controller: String, for limit: String) throws(CgroupError) -> Cgroup.Directory? {
        if let directory = cgroup.directory(of: controller) {
            guard case .v2(let path) = directory, !isEnabled(controller, path) else { return directory }
        }
        if demand != .lenient, cgroup.hierarchy.mode != .v2 {
            throw CgroupError(
                "set \(limit)", cgroup.name,
                "cannot set \(controller) limit: container could not join or create cgroup")
        }
        try leaveOut(limit, .noController(controller))
        return nil
    }

    /// A parent with processes cannot enable controllers for children (cgroups(7), "no internal processes").
    private mutating func isEnabled(_ controller: String, _ path: String) -> Bool {
        let known = unifiedControllers ?? ControlFile.words(path + "/cgroup.controllers")
        unifiedControllers = known
        return known.contains(controller == "blkio" ? "io" : controller)
    }

    /// Records that a limit is not set; throws when it must be.
    mutating func leaveOut(_ limit: String, _ reason: LeftOutLimit.Reason) throws(CgroupError) {
        let item = LeftOutLimit(limit: limit, reason: reason)
        // Every runtime skips limits that version 2 does not have.
        guard demand == .lenient || reason == .notInVersion2 else {
            throw CgroupError("set \(limit)", cgroup.name, item.explanation)
        }
        if !leftOut.contains(item) { leftOut.append(item) }
    }

    /// Records limits that are skipped even for a bundle, because cgroup v2 or this kernel does not have them.
    mutating func leaveOutEvenIfStrict(_ limit: String, _ reason: LeftOutLimit.Reason) {
        leftOut.append(LeftOutLimit(limit: limit, reason: reason))
    }

    /// Writes a file that some kernels do not have.
    mutating func put(_ value: String, _ name: String, in path: String, for limit: String) throws(CgroupError) {
        let code = ControlFile.write(value, path + "/" + name)
        if code == ENOENT, ControlFile.exists(path) { return try leaveOut(limit, .noFile(name)) }
        if code != 0 { throw CgroupError("set \(name) to \(value)", path, code: code) }
    }
}

extension Cgroup {
    /// Sets limits, also of a running container: only given values change. Devices are set by ``set(devices:isNew:)``.
    ///
    /// Returns the limits that could not be set.
    @discardableResult
    package func apply(_ limits: CgroupLimits, _ demand: Demand = .lenient) throws(CgroupError) -> [LeftOutLimit] {
        try limits.check(on: hierarchy.mode)
        var writer = LimitWriter(self, limits, demand)
        try writer.checkKind()
        try writer.writeMemory()
        try writer.writeProcessor()
        try writer.writeBlock()
        try writer.writeOthers()
        try writer.writeUnified()
        return writer.leftOut
    }
}

extension CgroupLimits {
    /// Refuses contradictory or invalid limits before anything is written.
    func check(on mode: CgroupHierarchy.Mode) throws(CgroupError) {
        func refuse(_ what: String, _ why: String) throws(CgroupError) -> Never {
            throw CgroupError("set \(what)", "", why)
        }
        if let swappiness = memorySwappiness, swappiness < -1 || swappiness > 100 {
            try refuse("memory.swappiness", "invalid memory swappiness value: \(swappiness) (valid range is 0-100)")
        }
        if let shares = cpuShares, shares > 0, mode != .v2 {
            // The kernel would silently use the nearest valid value.
            if shares < 2 { try refuse("cpu.shares", "the minimum allowed cpu-shares is 2") }
            if shares > 262_144 { try refuse("cpu.shares", "the maximum allowed cpu-shares is 262144") }
        }
        if let swap = memorySwap, swap > 0 {
            if let memory, memory > 0, swap < memory {
                try refuse("swap limit", "memory+swap limit should be >= memory limit")
            }
        }
        func check(weight: UInt16?) throws(CgroupError) {
            guard let weight, weight > 0, weight < 10 || weight > 1000 else { return }
            try refuse("block weight", "invalid block weight \(weight) (valid range is 10-1000)")
        }
        try check(weight: blkioWeight)
        try check(weight: blkioLeafWeight)
        for device in blkioWeightDevices {
            try check(weight: device.weight)
            try check(weight: device.leafWeight)
        }
        for page in hugepages where page.name.contains(byte: "/") || page.name.isEmpty {
            try refuse("hugepage limit", "invalid page size \(page.name)")
        }
        for item in unified {
            guard !item.name.contains(byte: "/"), item.name != ".", item.name != ".." else {
                try refuse(item.name, "unified resource \"\(item.name)\" must be a file name (no slashes)")
            }
        }
        if !unified.isEmpty && mode != .v2 {
            try refuse("unified", "invalid configuration: cannot use unified on cgroup v1")
        }
    }
}
