internal import CLinux
internal import Glibc
internal import Linux

extension Cgroup {
    /// Where the processes can be listed: the freezer, the memory, any other hierarchy.
    private var listing: String? {
        unifiedPath ?? path(of: "freezer") ?? path(of: "memory") ?? places.first?.path
    }

    /// The processes in it and in the cgroups beneath it, in the host's numbers; none of a cgroup that is gone.
    package func processes() throws(CgroupError) -> [Int32] {
        guard let listing else { return [] }
        var result: [Int32] = []
        try Self.collect(listing, &result)
        return result.sorted()
    }

    /// Also of cgroups that a container has nested deeper than a path can say.
    static func collect(_ path: String, _ result: inout [Int32]) throws(CgroupError) {
        do throws(SystemError) {
            var walk = TreeWalk(
                try Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), onlyDirectories: true)
            try read(walk.directory, &result)
            while true {
                guard let child = try walk.next() else {
                    if walk.depth == 0 { return }
                    try walk.leave()
                    continue
                }
                do throws(SystemError) {
                    try walk.enter(child)
                    try read(walk.directory, &result)
                } catch  where isGone(error) {
                    continue
                }
            }
        } catch  where isGone(error) {
            return
        } catch {
            throw CgroupError("list the processes", path, code: error.code)
        }
    }

    /// Whether a cgroup has no processes because it was removed meanwhile (ENODEV: while its file was open).
    private static func isGone(_ error: SystemError) -> Bool { error.code == ENOENT || error.code == ENODEV }

    private static func read(_ directory: Int32, _ result: inout [Int32]) throws(SystemError) {
        let bytes: [UInt8]
        do {
            // As many processes as a kernel can have (pid_max is 2^22 at most), eight bytes each.
            bytes = try Descriptor.open("cgroup.procs", O_RDONLY, at: directory).readAll(limit: 32 << 20)
        } catch  where error.code == EOPNOTSUPP {
            // A threaded cgroup of version 2 tells its processes only at its root.
            return
        }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            if let pid = Int32(String(decoding: line, as: UTF8.self)), pid > 0 { result.append(pid) }
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
            // What cannot be listed now (no descriptors left) may be in the next round.
            if let found = try? processes(), found.isEmpty { return }
            try? freeze()
            let found = (try? processes()) ?? []
            for pid in found { _ = Glibc.kill(pid, SIGKILL) }
            let last = found.last.map { linux_pidfd_open($0) } ?? -1
            try? thaw()
            Self.waitForEnd(last)
        }
    }

    /// Waits until a process that was killed is gone; for a moment when there is no descriptor of it (none left, or gone already).
    private static func waitForEnd(_ process: Int32) {
        var waiting = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
        _ = poll(&waiting, 1, process < 0 ? 1 : 100)
        if process >= 0 { close(process) }
    }
}
