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

    static func collect(_ path: String, _ result: inout [Int32]) {
        // A threaded cgroup of version 2 tells its processes only at its root.
        let text = ControlFile.read(path + "/cgroup.procs") ?? ""
        for line in text.split(separator: "\n") { if let pid = Int32(line), pid > 0 { result.append(pid) } }
        for child in ControlFile.directories(path) { collect(path + "/" + child, &result) }
    }

    /// Kills every process in it (SIGKILL), also when they fork meanwhile.
    package func kill() {
        if let unifiedPath, ControlFile.write("1", unifiedPath + "/cgroup.kill") == 0 {
            // Frozen by version 1, they die only when they thaw.
            if path(of: "freezer") != nil, isFrozen { try? thaw() }
            return
        }
        // Linux before 5.14, or no cgroup2: standing still, none can fork away from its signal.
        for _ in 0..<100 {
            if processes().isEmpty { return }
            try? freeze()
            for pid in processes() { _ = Glibc.kill(pid, SIGKILL) }
            try? thaw()
            usleep(1000)
        }
    }
}
