internal import ByteText
internal import Glibc

extension LimitWriter {
    mutating func writeBlock() throws(CgroupError) {
        let weight = limits.blkioWeight ?? 0
        let leaf = limits.blkioLeafWeight ?? 0
        guard weight > 0 || leaf > 0 || !limits.blkioWeightDevices.isEmpty || !limits.blkioThrottle.isEmpty else {
            return
        }
        switch try directory("blkio", for: "block I/O limit") {
        case .v1(let path):
            // The file name depends on the scheduler: CFQ before Linux 5.0, BFQ since.
            let prefix = ControlFile.exists(path + "/blkio.weight") ? "blkio." : "blkio.bfq."
            if weight > 0 { try put(String(weight), prefix + "weight", in: path, for: "block I/O weight") }
            if leaf > 0 { try put(String(leaf), "blkio.leaf_weight", in: path, for: "block I/O leaf weight") }
            for item in limits.blkioWeightDevices {
                let device = "\(item.major):\(item.minor)"
                if let weight = item.weight, weight > 0 {
                    try put("\(device) \(weight)", prefix + "weight_device", in: path, for: "block I/O weight")
                }
                if let leaf = item.leafWeight, leaf > 0 {
                    try put("\(device) \(leaf)", "blkio.leaf_weight_device", in: path, for: "block I/O leaf weight")
                }
            }
            for item in limits.blkioThrottle {
                try put("\(item.major):\(item.minor) \(item.rate)", item.kind.file, in: path, for: "block I/O limit")
            }
        case .v2(let path): try writeUnifiedBlock(path, weight)
        case nil: break
        }
    }

    private mutating func writeUnifiedBlock(_ path: String, _ weight: UInt16) throws(CgroupError) {
        // BFQ has its own file and range.
        let isBFQ = ControlFile.exists(path + "/io.bfq.weight")
        let name = isBFQ ? "io.bfq.weight" : "io.weight"
        func scaled(_ weight: UInt16) -> String { isBFQ ? String(weight) : String(Cgroup.weight(block: weight)) }
        if weight > 0 { try put(scaled(weight), name, in: path, for: "block I/O weight") }
        for item in limits.blkioWeightDevices {
            guard let weight = item.weight, weight > 0 else { continue }
            try put("\(item.major):\(item.minor) \(scaled(weight))", name, in: path, for: "block I/O weight")
        }
        if (limits.blkioLeafWeight ?? 0) > 0 || limits.blkioWeightDevices.contains(where: { ($0.leafWeight ?? 0) > 0 })
        {
            try leaveOut("block I/O leaf weight", .notInVersion2)
        }
        for item in limits.blkioThrottle {
            let rate = item.rate == 0 ? "max" : String(item.rate)
            try put(
                "\(item.major):\(item.minor) \(item.kind.rawValue)=\(rate)", "io.max", in: path, for: "block I/O limit")
        }
    }

    mutating func writeOthers() throws(CgroupError) {
        if let pids = limits.pids, let path = try directory("pids", for: "pids limit")?.path {
            try put(pids > 0 ? String(pids) : "max", "pids.max", in: path, for: "pids limit")
        }
        try writeHugepages()
        for device in limits.rdma {
            guard let path = try directory("rdma", for: "rdma limit")?.path else { break }
            func text(_ value: UInt32?) -> String { value.map { String($0) } ?? "max" }
            let value =
                "\(device.name) hca_handle=\(text(device.value.handles)) hca_object=\(text(device.value.objects))"
            try put(value, "rdma.max", in: path, for: "rdma limit")
        }
        if let number = limits.networkClass, number > 0, let path = try version1("net_cls", "network class") {
            try put(String(number), "net_cls.classid", in: path, for: "network class")
        }
        for item in limits.networkPriorities {
            guard let path = try version1("net_prio", "network priority") else { break }
            try put("\(item.name) \(item.value)", "net_prio.ifpriomap", in: path, for: "network priority")
        }
    }

    private mutating func version1(_ controller: String, _ limit: String) throws(CgroupError) -> String? {
        if cgroup.hierarchy.mode == .v2 {
            try leaveOut(limit, .notInVersion2)
            return nil
        }
        return try directory(controller, for: limit)?.path
    }

    private mutating func writeHugepages() throws(CgroupError) {
        guard !limits.hugepages.isEmpty, let directory = try directory("hugetlb", for: "hugepage limit") else { return }
        for page in limits.hugepages {
            let value = String(page.value)
            let prefix = "hugetlb.\(page.name)."
            guard case .v1(let path) = directory else {
                try put(value, prefix + "max", in: directory.path, for: "hugepage limit")
                // The limit on reservations exists since Linux 5.7.
                try putWhereKnown(value, prefix + "rsvd.max", in: directory.path)
                continue
            }
            try put(value, prefix + "limit_in_bytes", in: path, for: "hugepage limit")
            try putWhereKnown(value, prefix + "rsvd.limit_in_bytes", in: path)
        }
    }

    private func putWhereKnown(_ value: String, _ name: String, in path: String) throws(CgroupError) {
        let code = ControlFile.write(value, path + "/" + name)
        if code != 0 && code != ENOENT { throw CgroupError("set \(name) to \(value)", path, code: code) }
    }

    /// Writes the OCI `unified` map line by line, after all other limits, so that it overrides them.
    mutating func writeUnified() throws(CgroupError) {
        guard let path = cgroup.unifiedPath else { return }
        for item in limits.unified {
            let parts = item.name.split(byte: ".", maxSplits: 1)
            for line in item.value.split(byte: "\n") {
                let code = ControlFile.write(String(line), path + "/" + item.name)
                if code == 0 { continue }
                guard code == ENOENT || code == EACCES || code == EPERM else {
                    throw CgroupError("set \(item.name) to \(line)", path, code: code)
                }
                guard parts.count == 2 else {
                    let why = "unified resource \"\(item.name)\" must be in the form CONTROLLER.PARAMETER"
                    throw CgroupError("set \(item.name)", path, why)
                }
                let isKnown = ControlFile.words(path + "/cgroup.controllers").contains(String(parts[0]))
                try leaveOut(
                    "unified resource \(item.name)",
                    isKnown || parts[0] == "cgroup" ? .noFile(item.name) : .noController(String(parts[0])))
                break
            }
        }
    }

    /// A threaded version 2 cgroup (below one with processes) accepts only threaded controllers.
    func checkKind() throws(CgroupError) {
        guard cgroup.hierarchy.mode == .v2, let path = cgroup.unifiedPath,
            let kind = ControlFile.word(path + "/cgroup.type"), kind != "domain"
        else { return }
        let needsDomain =
            (limits.memory ?? 0) != 0 || (limits.memorySwap ?? 0) != 0 || (limits.memoryReservation ?? 0) != 0
            || (limits.blkioWeight ?? 0) > 0 || !limits.blkioThrottle.isEmpty || !limits.blkioWeightDevices.isEmpty
            || !limits.hugepages.isEmpty || !limits.rdma.isEmpty
        if needsDomain || demand == .lenient {
            let state = kind == "domain invalid" ? "an invalid state" : "\(kind) mode"
            throw CgroupError(
                "use", path,
                "cannot enter cgroupv2 \"\(cgroup.name)\" with domain controllers -- it is in \(state)"
                    + "; its parent has processes of its own")
        }
        if kind == "domain invalid" { try ControlFile.put("threaded", "cgroup.type", in: path) }
    }
}

extension Cgroup {
    /// Converts a version 1 block weight (10…1000) to version 2 (1…10000).
    package static func weight(block weight: UInt16) -> UInt64 {
        let bounded = UInt64(min(max(weight, 10), 1000))
        return 1 + (bounded - 10) * 9999 / 990
    }
}
