internal import CLinux
internal import Glibc
package import Linux

/// Reports kills by a cgroup's memory limit, through a descriptor to poll.
package struct OutOfMemoryEvents: ~Copyable {
    /// Readable (POLLIN) when there is a report; then call ``next()``.
    package let descriptor: Descriptor
    private let path: String
    private let isUnified: Bool
    private var kills: UInt64

    /// The result of ``next()``.
    package struct Report: Equatable, Sendable {
        /// How often memory ran out since the last report. Version 1 reports before the kill, version 2 after it.
        package var count: UInt64
        /// The cgroup has been removed or, on version 2, has no processes left: no more reports follow.
        package var isOver: Bool
    }

    package init(_ cgroup: Cgroup) throws(CgroupError) {
        guard let directory = cgroup.directory(of: "memory") else {
            throw CgroupError("watch memory", cgroup.name, "no memory controller is available")
        }
        var isUnified = false
        if case .v2 = directory { isUnified = true }
        self.init(try Self.open(directory.path, isUnified), directory.path, isUnified, kills: cgroup.oomKillCount)
    }

    private init(_ descriptor: consuming Descriptor, _ path: String, _ isUnified: Bool, kills: UInt64) {
        self.descriptor = descriptor
        self.path = path
        self.isUnified = isUnified
        self.kills = kills
    }

    private static func open(_ path: String, _ isUnified: Bool) throws(CgroupError) -> Descriptor {
        if isUnified { return try watch(path) }
        return try eventDescriptor(path)
    }

    /// An eventfd that the kernel signals (cgroup-v1/memory.rst, "OOM Control"), also when the cgroup is removed.
    private static func eventDescriptor(_ path: String) throws(CgroupError) -> Descriptor {
        let control = Glibc.open(path + "/memory.oom_control", O_RDONLY | O_CLOEXEC)
        guard control >= 0 else { throw CgroupError("open memory.oom_control", path, code: errno) }
        defer { close(control) }
        let made = linux_eventfd()
        guard made >= 0 else { throw CgroupError("watch memory", path, code: -made) }
        let event = Descriptor(owning: made)
        try ControlFile.put("\(event.raw) \(control)", "cgroup.event_control", in: path)
        return event
    }

    /// inotify(7): kernfs reports a change of an events file as IN_MODIFY.
    private static func watch(_ path: String) throws(CgroupError) -> Descriptor {
        let made = inotify_init1(Int32(IN_CLOEXEC))
        guard made >= 0 else { throw CgroupError("watch memory", path, code: errno) }
        let watch = Descriptor(owning: made)
        for name in ["memory.events", "cgroup.events"]
        where inotify_add_watch(watch.raw, path + "/" + name, UInt32(IN_MODIFY)) < 0 {
            throw CgroupError("watch \(name)", path, code: errno)
        }
        return watch
    }

    /// The events not yet returned by ``next()``, without waiting. For a container that has exited: its exit may be noticed
    /// before the report.
    package mutating func rest() -> UInt64 {
        guard isUnified else {
            var ready = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
            return poll(&ready, 1, 0) == 1 ? next().count : 0
        }
        guard let now = ControlFile.field("oom_kill", path + "/memory.events"), now > kills else { return 0 }
        defer { kills = now }
        return now - kills
    }

    /// Returns the next report; blocks until there is one.
    package mutating func next() -> Report {
        var bytes = [UInt8](repeating: 0, count: 4096)
        var length = 0
        repeat { length = read(descriptor.raw, &bytes, bytes.count) } while length < 0 && errno == EINTR
        guard isUnified else {
            // The last signal is for the cgroup's removal.
            guard length == 8, ControlFile.exists(path) else { return Report(count: 0, isOver: true) }
            return Report(count: bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }, isOver: false)
        }
        guard let now = ControlFile.field("oom_kill", path + "/memory.events") else {
            return Report(count: 0, isOver: true)
        }
        let new = now > kills ? now - kills : 0
        kills = max(kills, now)
        return Report(count: new, isOver: ControlFile.field("populated", path + "/cgroup.events") == 0)
    }
}
