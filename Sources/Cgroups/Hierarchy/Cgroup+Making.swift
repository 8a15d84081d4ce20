internal import ByteText
internal import Glibc
internal import Linux

extension Cgroup {
    /// What happens when a limit cannot be set.
    package enum Demand: Equatable, Sendable {
        /// Continue without limits that this machine does not support, and list them in ``leftOut``.
        case lenient
        /// Fail, as for an OCI bundle: every limit must be set, and the cgroup must be empty.
        case strict
        /// As strict, but without the hierarchies that this user may not write to.
        case strictWhereAllowed
    }

    /// Creates the cgroup and its parents and sets the limits. On failure, removes what was created.
    package static func create(
        _ name: String, limits: CgroupLimits, in hierarchy: CgroupHierarchy, _ demand: Demand = .lenient
    ) throws(CgroupError) -> Cgroup {
        guard !name.split(byte: "/").contains(where: { $0 == ".." || $0 == "." }), name != "/", !name.isEmpty
        else {
            throw CgroupError("create", name, "not a name of a cgroup")
        }
        var cgroup = Cgroup(name, in: hierarchy)
        try cgroup.make(limits, demand)
        return cgroup
    }

    /// As ``create(_:limits:in:_:)``, for an existing value.
    package mutating func make(_ limits: CgroupLimits, _ demand: Demand) throws(CgroupError) {
        var made: [Place] = []
        do throws(CgroupError) {
            var allowed: [Place] = []
            var found: Set<String> = []
            for place in places {
                do throws(CgroupError) {
                    if try makeDirectory(place, limits) {
                        made.append(place)
                    } else {
                        found.insert(place.controller)
                    }
                    allowed.append(place)
                } catch {
                    let isDenied = error.code == EACCES || error.code == EPERM || error.code == EROFS
                    guard demand == .strictWhereAllowed, isDenied else { throw error }
                }
            }
            places = allowed
            kept = isUnit ? [] : found
            try checkState(isExclusive: demand != .lenient && !kept.isEmpty)
            leftOut = try apply(limits, demand)
            if let rules = limits.devices { try set(devices: rules, isNew: kept.isEmpty) }
            isMade = true
        } catch {
            for place in made { _ = Self.removeTree(place.path) }
            throw error
        }
    }

    /// True when the last directory did not exist before.
    private func makeDirectory(_ place: Place, _ limits: CgroupLimits) throws(CgroupError) -> Bool {
        var base = hierarchy.unified ?? ""
        if let mount = hierarchy.mounts.first(where: { $0.name == place.controller }) { base = mount.path }
        let parts = name.split(byte: "/")
        // Beside version 1, cgroup2 is used only for hugepages and other limits that need it.
        let wanted = hierarchy.mode == .v2 || !limits.hugepages.isEmpty ? hierarchy.unifiedControllers : []
        var path = base
        var isNew = false
        for (index, part) in parts.enumerated() {
            let parent = path
            if place.controller.isEmpty { enable(wanted, parent) }
            path += "/" + String(part)
            isNew = mkdir(path, 0o755) == 0
            if !isNew, errno != EEXIST { throw CgroupError("create", path, code: errno) }
            if place.controllers.contains("cpuset") {
                try fillCpuset(path, from: parent, isNew: isNew, limits: index == parts.count - 1 ? limits : nil)
            }
        }
        return isNew
    }

    /// Version 1 cpusets start empty, and no process can join one without processors and memory nodes.
    private func fillCpuset(
        _ path: String, from parent: String, isNew: Bool, limits: CgroupLimits?
    ) throws(CgroupError) {
        try fill("/cpuset.cpus", path, from: parent, isNew: isNew, own: limits?.cpusetCpus)
        try fill("/cpuset.mems", path, from: parent, isNew: isNew, own: limits?.cpusetMems)
    }

    private func fill(
        _ file: String, _ path: String, from parent: String, isNew: Bool, own: String?
    ) throws(CgroupError) {
        if let own, !own.isEmpty { return }
        if !isNew, let value = ControlFile.word(path + file), !value.isEmpty { return }
        guard let value = ControlFile.word(parent + file) else { return }
        let code = ControlFile.write(value, path + file)
        if code != 0 { throw CgroupError("set \(file.dropFirst()) to \(value)", path, code: code) }
    }

    /// Enables the controllers of cgroup2 for children. A controller that cannot be enabled is reported when a limit needs it.
    private func enable(_ controllers: Set<String>, _ path: String) {
        guard !controllers.isEmpty else { return }
        let file = path + "/cgroup.subtree_control"
        guard let text = ControlFile.read(file) else { return }
        let enabled = text.split { $0 == " " || $0 == "\n" }
        let missing = controllers.filter { name in !enabled.contains { $0 == name } }.sorted()
        if missing.isEmpty || ControlFile.write(missing.map { "+" + $0 }.joined(separator: " "), file) == 0 { return }
        // One by one, because a single refusal (cpu while real-time processes run) fails the whole write.
        for name in missing { _ = ControlFile.write("+" + name, file) }
    }

    /// Checks that the cgroup is not frozen, has a usable type on version 2 and, if asked, is empty.
    private func checkState(isExclusive: Bool) throws(CgroupError) {
        if isExclusive {
            var found: [Int32] = []
            for place in places where kept.contains(place.controller) { try Self.collect(place.path, &found) }
            let count = Set(found).count
            guard count == 0 else {
                throw CgroupError("use", name, "container's cgroup is not empty: \(count) process(es) found")
            }
        }
        // A new cgroup inherits its parent's state; the hierarchy's root and the caller's own cgroup are not frozen.
        let mayBeFrozen = !kept.isEmpty || isUnit || name.dropFirst().contains(byte: "/")
        if mayBeFrozen, let path = path(of: "freezer") {
            let state = ControlFile.word(path + "/freezer.state")
            guard state == nil || state == "THAWED" else {
                throw CgroupError("use", path, "container's cgroup unexpectedly frozen; thaw it or its parent first")
            }
        }
        guard let path = unifiedPath, hierarchy.mode == .v2 else { return }
        guard ControlFile.word(path + "/cgroup.freeze") != "1" else {
            throw CgroupError("use", path, "container's cgroup unexpectedly frozen; thaw it first")
        }
    }

    /// Removes the directories that this value created; true when all are gone. May be called again, and for a cgroup that was
    /// never created.
    ///
    /// The kernel returns EBUSY for a moment after the last process has exited: retries for about 100 ms.
    @discardableResult
    package func remove() -> Bool {
        var isGone = true
        for place in places where !kept.contains(place.controller) && !Self.removeTree(place.path) { isGone = false }
        return isGone
    }

    private static func removeTree(_ path: String) -> Bool {
        for attempt in 0..<12 {
            if rmdir(path) == 0 || errno == ENOENT { return true }
            guard errno == EBUSY || errno == ENOTEMPTY else { return false }
            removeChildren(path)
            // no event: the kernel does not report when rmdir(2) would succeed; version 2 reports the last exit late.
            if attempt > 0 { usleep(UInt32(min(20000, 250 << attempt))) }
        }
        return false
    }

    /// Removes cgroups created inside the container, at any depth.
    private static func removeChildren(_ path: String) {
        do throws(SystemError) {
            var walk = TreeWalk(try Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), onlyDirectories: true)
            while true {
                if let child = try walk.next() {
                    if unlinkat(walk.directory, child, AT_REMOVEDIR) != 0, errno == EBUSY || errno == ENOTEMPTY {
                        try walk.enter(child)
                    }
                } else {
                    if walk.depth == 0 { return }
                    let emptied = try walk.leave()
                    // Busy ones are tried again in the next round.
                    unlinkat(walk.directory, emptied, AT_REMOVEDIR)
                }
            }
        } catch {
            // Removed meanwhile, or tried again in the next round.
            return
        }
    }

    /// Removes the cgroup in each hierarchy where it has no processes; true when all directories but ``kept`` ones are gone.
    @discardableResult
    package func removeIfEmpty() -> Bool {
        var isGone = true
        for place in places where !kept.contains(place.controller) {
            if rmdir(place.path) < 0, errno != ENOENT { isGone = false }
        }
        return isGone
    }

    /// Removes every child of `parent` that is not in `keep`. Returns the names that could not be removed.
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
