internal import ByteText
internal import Glibc
internal import Linux

extension Cgroup {
    /// How much of what is asked has to be possible.
    package enum Demand: Equatable, Sendable {
        /// Goes on without a limit that this machine cannot set, and tells (``leftOut``).
        case lenient
        /// What an OCI bundle asks for: every limit, in a cgroup where nobody else is.
        case strict
        /// As strict, but without the hierarchies that this user may not write in.
        case strictWhereAllowed
    }

    /// Makes it and its parents and sets the limits. Whatever was made is removed again when that fails.
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

    /// As ``create(_:limits:in:_:)``, for a cgroup that is described already.
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

    /// True when the last directory was not there before.
    private func makeDirectory(_ place: Place, _ limits: CgroupLimits) throws(CgroupError) -> Bool {
        var base = hierarchy.unified ?? ""
        if let mount = hierarchy.mounts.first(where: { $0.name == place.controller }) { base = mount.path }
        let parts = name.split(byte: "/")
        // Beside version 1, cgroup2 only limits what a bundle asks of it.
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

    /// No process can be put into a cpuset without processors and memory nodes: version 1 starts empty.
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

    /// Hands the controllers of cgroup2 down one level. What cannot be handed down is told when a limit needs it.
    private func enable(_ controllers: Set<String>, _ path: String) {
        guard !controllers.isEmpty else { return }
        let file = path + "/cgroup.subtree_control"
        guard let text = ControlFile.read(file) else { return }
        let enabled = text.split { $0 == " " || $0 == "\n" }
        let missing = controllers.filter { name in !enabled.contains { $0 == name } }.sorted()
        if missing.isEmpty || ControlFile.write(missing.map { "+" + $0 }.joined(separator: " "), file) == 0 { return }
        // One that is refused (cpu while real-time processes run) must not keep the others away.
        for name in missing { _ = ControlFile.write("+" + name, file) }
    }

    /// Neither frozen nor, on version 2, of a kind that processes cannot be in; nor, when asked, in use.
    private func checkState(isExclusive: Bool) throws(CgroupError) {
        if isExclusive {
            var found: [Int32] = []
            for place in places where kept.contains(place.controller) { try Self.collect(place.path, &found) }
            let count = Set(found).count
            guard count == 0 else {
                throw CgroupError("use", name, "container's cgroup is not empty: \(count) process(es) found")
            }
        }
        // A new one is as its parent, which is not frozen where it is the hierarchy's root or the caller's own.
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

    /// Removes it everywhere but where it was ``kept``; true when nothing is left. Can be called again, and for one that was never made.
    ///
    /// The kernel answers EBUSY for a moment after the last process is gone: it is tried for about 100 ms.
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
            // no event: the kernel tells nobody when rmdir(2) would go through, and on version 2 its word about the last process comes late.
            if attempt > 0 { usleep(UInt32(min(20000, 250 << attempt))) }
        }
        return false
    }

    /// Cgroups that were made inside the container: as deep as it likes.
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
                    // What is busy for a moment is there in the next round.
                    unlinkat(walk.directory, emptied, AT_REMOVEDIR)
                }
            }
        } catch {
            // It has gone meanwhile, or is tried again.
            return
        }
    }

    /// Removes it in each hierarchy where nothing is inside; true when it was there nowhere but where it is ``kept``.
    @discardableResult
    package func removeIfEmpty() -> Bool {
        var isGone = true
        for place in places where !kept.contains(place.controller) {
            if rmdir(place.path) < 0, errno != ENOENT { isGone = false }
        }
        return isGone
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
