internal import ByteText
internal import Glibc
internal import Linux

extension CgroupHierarchy {
    /// The hierarchies with names relative to the caller's own cgroup, for a path that does not begin with `/`.
    ///
    /// On version 2 names start at the parent of the caller's cgroup: a cgroup with processes cannot enable controllers for
    /// children.
    package func relativeToCallersCgroup() throws(CgroupError) -> CgroupHierarchy {
        guard let text = ControlFile.read("/proc/self/cgroup") else {
            throw CgroupError("find the own cgroup", "/proc/self/cgroup", code: errno)
        }
        return beneath(own: text)
    }

    /// `own` is the text of /proc/self/cgroup: `4:memory:/a/b` per hierarchy, `0::/a/b` for cgroup2.
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

    /// The cgroup2 directory of a process; nil when it has exited or is outside this mount.
    package func unifiedPath(of pid: Int32) -> String? {
        guard let unified, let path = Membership(of: pid)?[""] else { return nil }
        return unified + Self.inside(path, unifiedRoot)
    }

    /// The cgroup of a process in the hierarchy that systemd uses for units (version 1's `name=systemd`, otherwise cgroup2), with
    /// that name in every hierarchy. Nil when the process has exited or is outside these mounts.
    package func unitCgroup(of pid: Int32) -> Cgroup? {
        let mount = mounts.first { $0.label == "name=systemd" }
        guard let path = Membership(of: pid)?[mount?.label ?? ""] else { return nil }
        return Cgroup(Self.inside(path, mount?.root ?? unifiedRoot), in: self)
    }

    /// Thaws the version 1 freezer cgroup of a process that was moved to one: SIGKILL does not end a frozen process.
    package func thaw(processOf pid: Int32) {
        guard let mount = mount(of: "freezer"), let path = Membership(of: pid)?[mount.label], path != "/" else {
            return
        }
        _ = ControlFile.write("THAWED", mount.path + Self.inside(path, mount.root) + "/freezer.state")
    }

    /// Converts a path in the hierarchy to one below a mount of `root`: empty for the mount point itself.
    private static func inside(_ path: String, _ root: String) -> String {
        // A process outside the mounted part (in another cgroup namespace) is mapped to the mount point.
        if path.hasBytePrefix("/..") { return "" }
        if root == "/" { return path == "/" ? "" : path }
        return path.hasBytePrefix(root + "/") ? String(path.dropFirst(bytes: root.utf8.count)) : ""
    }

    /// Resolves a bundle's `linux.cgroupsPath` by runc's rules: relative to the mount when it begins with `/`, otherwise to the
    /// caller's own cgroup; `id` when it is missing. With `systemd` it has the form `slice:prefix:name`.
    package func cgroup(path: String?, id: String, systemd: Bool) throws(CgroupError) -> Cgroup {
        if systemd {
            let name = try SystemdName(path ?? "::\(id)").path
            return Cgroup(name, in: self)
        }
        let wanted = path ?? id
        let parts = PathText.components(wanted)
        guard !parts.isEmpty else { throw CgroupError("create", wanted, "not a name of a cgroup") }
        return Cgroup(PathText.joined(parts), in: wanted.hasBytePrefix("/") ? self : try relativeToCallersCgroup())
    }
}

/// The cgroups of a process from /proc/PID/cgroup: `4:memory:/a/b` per hierarchy, `0::/a/b` for cgroup2.
private struct Membership {
    private let lines: [ArraySlice<UInt8>]

    init(_ text: String) { lines = Array(text.utf8).split(separator: UInt8(ascii: "\n")) }

    /// Nil when the process has exited.
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
