internal import Glibc

extension Cgroup {
    /// Where the processes can be listed: the freezer, the memory, any other hierarchy.
    private var listing: String? {
        unifiedPath ?? path(of: "freezer") ?? path(of: "memory") ?? places.first?.path
    }

    /// The processes in it and in the cgroups beneath it, in the host's numbers.
    package func processes() -> [Int32] {
        guard let listing else { return [] }
        var result: [Int32] = []
        Self.collect(listing, &result)
        return result.sorted()
    }

    private static func collect(_ path: String, _ result: inout [Int32]) {
        guard let text = ControlFile.read(path + "/cgroup.procs") else { return }
        for line in text.split(separator: "\n") { if let pid = Int32(line), pid > 0 { result.append(pid) } }
        for child in ControlFile.directories(path) { collect(path + "/" + child, &result) }
    }

    /// Kills every process in it (SIGKILL), also when they fork meanwhile.
    package func kill() {
        if let unified = unifiedPath, ControlFile.write("1", unified + "/cgroup.kill") == 0 { return }
        for _ in 0..<100 {
            let pids = processes()
            if pids.isEmpty { return }
            for pid in pids { _ = Glibc.kill(pid, SIGKILL) }
            // A frozen process of version 1 dies only when it thaws.
            _ = try? setFrozen(false)
            usleep(1000)
        }
    }

    /// Stops every process in it (`docker pause`). Returns when all stand still.
    package func freeze() throws(CgroupError) { try setFrozen(true) }

    /// Lets them run again.
    package func thaw() throws(CgroupError) { try setFrozen(false) }

    /// Whether they are stopped.
    package var isFrozen: Bool {
        if let path = path(of: "freezer") {
            return ControlFile.read(path + "/freezer.state").map { !$0.hasPrefix("THAWED") } ?? false
        }
        return unifiedPath.map { ControlFile.field("frozen", $0 + "/cgroup.events") == 1 } ?? false
    }

    private func setFrozen(_ frozen: Bool) throws(CgroupError) {
        if let path = path(of: "freezer") {
            // FREEZING can stick when a process forks at that moment; writing again helps.
            for _ in 0..<500 {
                try ControlFile.put(frozen ? "FROZEN" : "THAWED", "freezer.state", in: path)
                if ControlFile.read(path + "/freezer.state")?.hasPrefix(frozen ? "FROZEN" : "THAWED") == true { return }
                usleep(1000)
            }
            throw CgroupError(frozen ? "freeze" : "thaw", path, "the processes do not come to a stop")
        }
        guard let path = unifiedPath else { return }
        try ControlFile.put(frozen ? "1" : "0", "cgroup.freeze", in: path)
        for _ in 0..<500 {
            if ControlFile.field("frozen", path + "/cgroup.events") == (frozen ? 1 : 0) { return }
            usleep(1000)
        }
        throw CgroupError(frozen ? "freeze" : "thaw", path, "the processes do not come to a stop")
    }
}
