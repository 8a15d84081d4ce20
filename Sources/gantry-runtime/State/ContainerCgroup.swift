internal import CLinux
internal import Cgroups
internal import Glibc
internal import Runtime

/// The machine's cgroups, looked at once: a command is over before they change, and reading every mount takes 0.1 ms.
enum HostCgroups {
    static let hierarchy = Result<CgroupHierarchy, CgroupError> { () throws(CgroupError) in try CgroupHierarchy.detect()
    }
}

/// The cgroup that a bundle asks for.
enum ContainerCgroup {
    /// By runc's rules for `cgroupsPath`; nil for an ordinary user on a machine without cgroups.
    static func find(
        _ path: String?, _ id: String, _ context: RuntimeProgram.Context
    ) throws(LaunchFailure) -> Cgroup? {
        do throws(CgroupError) {
            return try HostCgroups.hierarchy.get().cgroup(path: path, id: id, systemd: context.namesSlices)
        } catch {
            guard context.isRootless else { throw LaunchFailure(error.description) }
            return nil
        }
    }

    /// Makes it where that is possible and sets the limits. No other container may be in it: its end is the end of every
    /// process there.
    static func make(
        _ cgroup: inout Cgroup?, _ limits: CgroupLimits, _ context: RuntimeProgram.Context
    ) throws(LaunchFailure) {
        guard var made = cgroup else { return }
        do throws(CgroupError) {
            try made.make(
                made.isUnit ? limits.withOneMoreTask : limits, context.isRootless ? .strictWhereAllowed : .strict)
        } catch {
            throw LaunchFailure(error.description)
        }
        for limit in made.leftOut { context.log.write(.warning, "\(limit)") }
        if made.places.isEmpty {
            context.log.write(.warning, "no limits and no pause: \(made.name) may not be made in any hierarchy")
        }
        cgroup = made.places.isEmpty ? nil : made
    }

    /// Has systemd make it where it is a scope's. The one in it that keeps it there waits for ``release(_:_:_:)``.
    static func start(
        _ scope: SystemdScope?, _ cgroup: inout Cgroup?, _ configuration: BundleConfiguration,
        _ record: inout StateRecord, in directory: borrowing StateDirectory, _ log: Log
    ) throws(LaunchFailure) -> ScopeKeeper? {
        guard let (keeper, made) = try scope?.start(configuration, record.id, log) else { return nil }
        cgroup = made
        // Not before: a unit of that name that was there is another's, and not to be stopped.
        record.scope = scope
        record.keep(made)
        try record.save(in: directory)
        return keeper
    }

    /// Once the container is in its cgroup by itself: the limit of tasks is the container's alone.
    static func release(_ keeper: ScopeKeeper?, _ cgroup: Cgroup?, _ limits: CgroupLimits) throws(LaunchFailure) {
        guard let keeper, let cgroup else { return }
        keeper.end()
        do throws(CgroupError) {
            if let limits = limits.onlyTasks { try cgroup.apply(limits, .strict) }
        } catch {
            throw LaunchFailure(error.description)
        }
    }

    /// After a start that failed. Until it is made it may be another's.
    static func discard(_ cgroup: Cgroup?, _ scope: SystemdScope?, _ log: Log) {
        if let cgroup, cgroup.isMade || cgroup.isUnit { cgroup.kill() }
        scope?.stop(log)
        if let cgroup, cgroup.isMade { cgroup.remove() }
    }
}
