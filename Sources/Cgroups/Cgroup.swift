internal import CLinux
internal import Glibc
internal import Linux

/// One container's cgroup: a directory of the same name in every hierarchy.
package struct Cgroup: Sendable {
    /// A directory of it that a process joins.
    package struct Place: Equatable, Sendable {
        /// The hierarchy's folder (`memory`, `cpu,cpuacct`); empty for cgroup2.
        package let controller: String
        package let path: String
    }

    package let hierarchy: CgroupHierarchy
    /// `/gantry/<id>`, relative to each hierarchy.
    package let name: String
    /// Where its processes belong, version 1 first.
    package let places: [Place]

    /// The cgroup of that name, made or not.
    package init(_ name: String, in hierarchy: CgroupHierarchy) {
        self.hierarchy = hierarchy
        let clean = name.split(separator: "/").joined(separator: "/")
        self.name = "/" + clean
        var places = hierarchy.mounts.map { Place(controller: $0.name, path: $0.path + "/" + clean) }
        if let unified = hierarchy.unified { places.append(Place(controller: "", path: unified + "/" + clean)) }
        self.places = places
    }

    /// The directories to join, as the runtime wants them.
    package var joinPaths: [String] { places.map(\.path) }

    func path(of controller: String) -> String? {
        guard let mount = hierarchy.mount(of: controller) else { return nil }
        return mount.path + name
    }

    var unifiedPath: String? { hierarchy.unified.map { $0 + name } }

    /// Makes it and its parents and sets the limits. Whatever was made is removed again when that fails.
    package static func create(
        _ name: String, limits: CgroupLimits, in hierarchy: CgroupHierarchy
    ) throws(CgroupError) -> Cgroup {
        guard !name.split(separator: "/").contains(where: { $0 == ".." || $0 == "." }), name != "/", !name.isEmpty
        else {
            throw CgroupError("create", name, "not a name of a cgroup")
        }
        let cgroup = Cgroup(name, in: hierarchy)
        do throws(CgroupError) {
            for mount in hierarchy.mounts { try cgroup.makeDirectory(mount) }
            if let unified = hierarchy.unified { try cgroup.makeUnified(unified) }
            try cgroup.apply(limits, isNew: true)
        } catch {
            cgroup.remove()
            throw error
        }
        return cgroup
    }

    private func makeDirectory(_ mount: CgroupHierarchy.Mount) throws(CgroupError) {
        var path = mount.path
        let isCpuset = mount.controllers.contains("cpuset")
        for part in name.split(separator: "/") {
            let parent = path
            path += "/" + part
            if mkdir(path, 0o755) < 0 {
                if errno == EEXIST { continue }
                throw CgroupError("create", path, code: errno)
            }
            // Without them no process can be put in.
            if isCpuset {
                for file in ["cpuset.cpus", "cpuset.mems"] {
                    guard let value = ControlFile.read(parent + "/" + file) else { continue }
                    try ControlFile.put(String(value.prefix { $0 != "\n" }), file, in: path)
                }
            }
        }
    }

    private func makeUnified(_ root: String) throws(CgroupError) {
        var path = root
        for part in name.split(separator: "/") {
            // Controllers are handed down level by level; processes live in the last one only.
            if hierarchy.mode == .v2, let available = ControlFile.read(path + "/cgroup.controllers") {
                for controller in available.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
                    _ = ControlFile.write("+" + controller, path + "/cgroup.subtree_control")
                }
            }
            path += "/" + part
            if mkdir(path, 0o755) < 0 && errno != EEXIST { throw CgroupError("create", path, code: errno) }
        }
    }

    /// Removes it everywhere; true when nothing is left. Can be called again, and for one that was never made.
    ///
    /// The kernel answers EBUSY for a moment after the last process is gone: it is tried for about 100 ms.
    @discardableResult
    package func remove() -> Bool {
        var isGone = true
        for place in places where !Self.removeTree(place.path) { isGone = false }
        return isGone
    }

    private static func removeTree(_ path: String) -> Bool {
        for attempt in 0..<12 {
            if rmdir(path) == 0 || errno == ENOENT { return true }
            guard errno == EBUSY || errno == ENOTEMPTY else { return false }
            // Cgroups that were made inside the container.
            for child in ControlFile.directories(path) { _ = removeTree(path + "/" + child) }
            if attempt > 0 { usleep(UInt32(min(20000, 250 << attempt))) }
        }
        return false
    }

    /// Removes it in each hierarchy where nothing is inside: for a parent that may still have children.
    package func removeIfEmpty() {
        for place in places { _ = rmdir(place.path) }
    }

    /// Removes every child of `parent` that `keep` does not name. Returns the names that could not be removed.
    package static func removeOrphans(
        under parent: String, keep: Set<String>, in hierarchy: CgroupHierarchy
    ) -> [String] {
        let base = Cgroup(parent, in: hierarchy)
        var names: Set<String> = []
        for place in base.places { names.formUnion(ControlFile.directories(place.path)) }
        return names.subtracting(keep).sorted().filter { name in
            let orphan = Cgroup(parent + "/" + name, in: hierarchy)
            orphan.kill()
            return !orphan.remove()
        }
    }
}
