internal import Glibc
internal import Linux

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

    /// Also of cgroups that a container has nested deeper than a path can say.
    static func collect(_ path: String, _ result: inout [Int32]) {
        // A cgroup that is gone has no processes.
        guard let root = try? Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else { return }
        var walk = TreeWalk(root, onlyDirectories: true)
        read(walk.directory, &result)
        do throws(SystemError) {
            while true {
                guard let child = try walk.next() else {
                    if walk.depth == 0 { return }
                    try walk.leave()
                    continue
                }
                do throws(SystemError) {
                    try walk.enter(child)
                } catch {
                    continue
                }
                read(walk.directory, &result)
            }
        } catch {
            // The cgroup has gone, and whoever kills looks again.
            return
        }
    }

    private static func read(_ directory: Int32, _ result: inout [Int32]) {
        // A threaded cgroup of version 2 tells its processes only at its root.
        let bytes = (try? Descriptor.open("cgroup.procs", O_RDONLY, at: directory).readAll(limit: .max)) ?? []
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            if let pid = Int32(line), pid > 0 { result.append(pid) }
        }
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
