internal import ByteText
internal import Glibc

extension Cgroup {
    /// Freezes every process in the cgroup (`docker pause`). Returns when all are frozen.
    package func freeze() throws(CgroupError) {
        if let path = path(of: "freezer") { return try Self.freeze(path) }
        try setUnified(frozen: true)
    }

    /// Thaws the processes.
    package func thaw() throws(CgroupError) {
        if let path = path(of: "freezer") { return try ControlFile.put("THAWED", "freezer.state", in: path) }
        try setUnified(frozen: false)
    }

    /// Whether the processes are frozen.
    package var isFrozen: Bool {
        if let path = path(of: "freezer") { return Self.isFrozen(freezer: path) }
        return unifiedPath.map { Self.isFrozen(unified: $0) } ?? false
    }

    /// As ``isFrozen``, without reading the machine's mounts: version 1 hierarchies are usually mounted in directories named
    /// after their controllers. Nil when these are not.
    package static func isFrozen(places: [(controller: String, path: String)]) -> Bool? {
        for (folder, path) in places where folder.split(byte: ",").contains("freezer") {
            return isFrozen(freezer: path)
        }
        guard let (folder, path) = places.first else { return false }
        return folder.isEmpty ? isFrozen(unified: path) : nil
    }

    private static func isFrozen(freezer path: String) -> Bool {
        ControlFile.word(path + "/freezer.state").map { $0 != "THAWED" } ?? false
    }

    private static func isFrozen(unified path: String) -> Bool {
        ControlFile.field("frozen", path + "/cgroup.events") == 1
    }

    /// Version 1 has no event for it, and FREEZING can stick while processes are forked: writing again helps, and so does thawing
    /// for a moment. On failure everything is thawed.
    private static func freeze(_ path: String) throws(CgroupError) {
        for attempt in 1...1000 {
            if attempt % 50 == 0 {
                try ControlFile.put("THAWED", "freezer.state", in: path)
                // no event: version 1 does not report when it is frozen.
                usleep(10000)
            }
            try ControlFile.put("FROZEN", "freezer.state", in: path)
            if ControlFile.word(path + "/freezer.state") == "FROZEN" { return }
            // no event: as above.
            if attempt % 25 == 0 { usleep(10) }
        }
        _ = ControlFile.write("THAWED", path + "/freezer.state")
        throw CgroupError("freeze", path, "some processes did not freeze")
    }

    /// Version 2 reports a change of cgroup.events as POLLPRI.
    private func setUnified(frozen: Bool) throws(CgroupError) {
        guard let path = unifiedPath else {
            throw CgroupError(frozen ? "freeze" : "thaw", name, "no freezer is available")
        }
        let events = open(path + "/cgroup.events", O_RDONLY | O_CLOEXEC)
        guard events >= 0 else { throw CgroupError(frozen ? "freeze" : "thaw", path, code: errno) }
        defer { close(events) }
        try ControlFile.put(frozen ? "1" : "0", "cgroup.freeze", in: path)
        let wanted = frozen ? "frozen 1" : "frozen 0"
        for _ in 0..<20 {
            var bytes = [UInt8](repeating: 0, count: 256)
            let count = pread(events, &bytes, bytes.count, 0)
            guard count > 0 else { throw CgroupError(frozen ? "freeze" : "thaw", path, code: errno) }
            if String(decoding: bytes[..<count], as: UTF8.self).split(byte: "\n").contains(where: { $0 == wanted }) {
                return
            }
            var waiting = pollfd(fd: events, events: Int16(POLLPRI), revents: 0)
            _ = poll(&waiting, 1, 500)
        }
        // A process in vfork or in an uninterruptible wait may never freeze.
        if frozen { _ = ControlFile.write("0", path + "/cgroup.freeze") }
        throw CgroupError(
            frozen ? "freeze" : "thaw", path, frozen ? "some processes did not freeze" : "some processes stayed frozen")
    }
}
