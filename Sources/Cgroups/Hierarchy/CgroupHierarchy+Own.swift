internal import ByteText
internal import Glibc
internal import Linux

extension CgroupHierarchy {
    /// The same hierarchies with names that start at the caller's own cgroups, for a path that does not begin with `/`.
    ///
    /// On version 2 they start one level up: the caller's cgroup holds the caller, so it can hand no controller down.
    package func beneathOwn() throws(CgroupError) -> CgroupHierarchy {
        guard let text = ControlFile.read("/proc/self/cgroup") else {
            throw CgroupError("find the own cgroup", "/proc/self/cgroup", code: errno)
        }
        return beneath(own: text)
    }

    /// `own` is what /proc/self/cgroup says: `4:memory:/a/b` per hierarchy, `0::/a/b` for cgroup2.
    package func beneath(own text: String) -> CgroupHierarchy {
        let own = Membership(text)
        let moved = mounts.map { mount in
            Mount(
                name: mount.name, controllers: mount.controllers,
                path: mount.path + Self.inside(own[mount.label] ?? "/", mount.root), root: mount.root,
                label: mount.label)
        }
        var place = Self.inside(own[""] ?? "/", unifiedRoot)
        if mode == .v2, let slash = place.lastIndex(ofByte: "/") { place = String(place[..<slash]) }
        return CgroupHierarchy(
            mounts: moved, unified: unified.map { $0 + place }, unifiedRoot: unifiedRoot,
            unifiedControllers: unifiedControllers)
    }

    /// The cgroup2 directory that a process is in; nil when it has ended or is elsewhere.
    package func unifiedPath(of pid: Int32) -> String? {
        guard let unified, let path = Membership(of: pid)?[""] else { return nil }
        return unified + Self.inside(path, unifiedRoot)
    }

    /// The cgroup in every hierarchy of the name that a process's has in the one where systemd keeps its units: version 1's
    /// `name=systemd`, or else cgroup2. Nil when the process has ended or is elsewhere.
    package func unitCgroup(of pid: Int32) -> Cgroup? {
        let mount = mounts.first { $0.label == "name=systemd" }
        guard let path = Membership(of: pid)?[mount?.label ?? ""] else { return nil }
        return Cgroup(Self.inside(path, mount?.root ?? unifiedRoot), in: self)
    }

    /// Lets go a process that somebody has moved to a frozen cgroup of version 1: there SIGKILL does not end it.
    package func thaw(processOf pid: Int32) {
        guard let mount = mount(of: "freezer"), let path = Membership(of: pid)?[mount.label], path != "/" else {
            return
        }
        _ = ControlFile.write("THAWED", mount.path + Self.inside(path, mount.root) + "/freezer.state")
    }

    /// A path of the hierarchy as seen through a mount of `root`: empty for the mount point itself.
    private static func inside(_ path: String, _ root: String) -> String {
        // Outside of what is mounted here (a process of another cgroup namespace): the best is the mount point.
        if path.hasBytePrefix("/..") { return "" }
        if root == "/" { return path == "/" ? "" : path }
        return path.hasBytePrefix(root + "/") ? String(path.dropFirst(bytes: root.utf8.count)) : ""
    }

    /// The cgroup that a bundle's `linux.cgroupsPath` means, by runc's rules: one that begins with `/` starts at the
    /// mount, any other at the caller's own cgroup, none is `id` there; with `systemd` it reads `slice:prefix:name`.
    package func cgroup(path: String?, id: String, systemd: Bool) throws(CgroupError) -> Cgroup {
        if systemd {
            let name = try SystemdName(path ?? "::\(id)").path
            return Cgroup(name, in: self)
        }
        let wanted = path ?? id
        let parts = PathText.components(wanted)
        guard !parts.isEmpty else { throw CgroupError("create", wanted, "not a name of a cgroup") }
        return Cgroup(PathText.joined(parts), in: wanted.hasBytePrefix("/") ? self : try beneathOwn())
    }
}

/// The cgroups of a process, as /proc/PID/cgroup tells them: `4:memory:/a/b` per hierarchy, `0::/a/b` for cgroup2.
private struct Membership {
    private let lines: [ArraySlice<UInt8>]

    init(_ text: String) { lines = Array(text.utf8).split(separator: UInt8(ascii: "\n")) }

    /// Nil when the process has ended.
    init?(of pid: Int32) {
        guard let text = ControlFile.read("/proc/\(pid)/cgroup") else { return nil }
        self.init(text)
    }

    /// By a hierarchy's label; empty for cgroup2.
    subscript(label: String) -> String? {
        for line in lines {
            let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
            if parts.count == 3, parts[1].elementsEqual(label.utf8) { return String(decoding: parts[2], as: UTF8.self) }
        }
        return nil
    }
}
