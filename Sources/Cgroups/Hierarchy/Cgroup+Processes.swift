internal import CLinux
internal import Glibc
internal import Linux

extension Cgroup {
    /// A directory in which to list the processes: freezer first, then memory, then any other.
    private var listing: String? {
        unifiedPath ?? path(of: "freezer") ?? path(of: "memory") ?? places.first?.path
    }

    /// The processes in the cgroup and its descendants, as the host's pids; empty when the cgroup has been removed.
    package func processes() throws(CgroupError) -> [Int32] {
        guard let listing else { return [] }
        var result: [Int32] = []
        try Self.collect(listing, &result)
        return result.sorted()
    }

    /// Also for descendants whose path is longer than PATH_MAX.
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

    /// Whether the error means that the cgroup was removed (ENODEV: while its file was open).
    private static func isGone(_ error: SystemError) -> Bool { error.code == ENOENT || error.code == ENODEV }

    private static func read(_ directory: Int32, _ result: inout [Int32]) throws(SystemError) {
        let bytes: [UInt8]
        do {
            // At most pid_max (2^22) lines of up to eight bytes.
            bytes = try Descriptor.open("cgroup.procs", O_RDONLY, at: directory).readAll(limit: 32 << 20)
        } catch  where error.code == EOPNOTSUPP {
            // In version 2 the processes of a threaded cgroup are listed only in its domain root.
            return
        }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            if let pid = Int32(String(decoding: line, as: UTF8.self)), pid > 0 { result.append(pid) }
        }
    }

    /// Kills every process (SIGKILL), including those forked meanwhile.
    package func kill() {
        if let unifiedPath, ControlFile.write("1", unifiedPath + "/cgroup.kill") == 0 {
            // In a frozen version 1 cgroup processes die only when they are thawed.
            if path(of: "freezer") != nil, isFrozen { try? thaw() }
            return
        }
        // Linux before 5.14, or no cgroup2: freeze first, so that none can fork while the others are killed.
        for _ in 0..<100 {
            // A failure to list (no descriptors left) may be gone in the next round.
            if let found = try? processes(), found.isEmpty { return }
            try? freeze()
            let found = (try? processes()) ?? []
            for pid in found { _ = Glibc.kill(pid, SIGKILL) }
            let last = found.last.map { linux_pidfd_open($0) } ?? -1
            try? thaw()
            Self.waitForEnd(last)
        }
    }

    /// Waits until a killed process has exited; waits only briefly when no pidfd can be opened (no descriptors left, or already
    /// gone).
    private static func waitForEnd(_ process: Int32) {
        var waiting = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
        _ = poll(&waiting, 1, process < 0 ? 1 : 100)
        if process >= 0 { close(process) }
    }
}
