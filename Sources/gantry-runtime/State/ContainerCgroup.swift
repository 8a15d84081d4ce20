internal import CLinux
internal import Cgroups
internal import Glibc
internal import Runtime

/// The machine's cgroup mounts, read once per command, because reading all mounts takes 0.1 ms.
enum HostCgroups {
    static let hierarchy = Result<CgroupHierarchy, CgroupError> { () throws(CgroupError) in try CgroupHierarchy.detect()
    }
}

/// The cgroup that a bundle asks for.
enum ContainerCgroup {
    /// Resolves `cgroupsPath` by runc's rules; nil for an unprivileged user on a machine without cgroups.
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

    /// Creates the cgroup where possible and sets the limits. It must contain no other container, because deleting the container
    /// kills every process in it.
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

    /// For a systemd scope, has systemd create the cgroup. A placeholder process keeps the scope alive until ``release(_:_:_:)``.
    static func start(
        _ scope: SystemdScope?, _ cgroup: inout Cgroup?, _ configuration: BundleConfiguration,
        _ record: inout StateRecord, in directory: borrowing StateDirectory, _ log: Log
    ) throws(LaunchFailure) -> ScopePlaceholder? {
        guard let (placeholder, made) = try scope?.start(configuration, record.id, log) else { return nil }
        cgroup = made
        // Set only after success: an existing unit of that name is another's and must not be stopped.
        record.scope = scope
        record.keep(made)
        try record.save(in: directory)
        return placeholder
    }

    /// Releases the placeholder when the container's process has joined, and sets the pids limit without the extra task.
    static func release(_ placeholder: ScopePlaceholder?, _ cgroup: Cgroup?, _ limits: CgroupLimits)
        throws(LaunchFailure)
    {
        guard let placeholder, let cgroup else { return }
        placeholder.end()
        do throws(CgroupError) {
            if let limits = limits.onlyTasks { try cgroup.apply(limits, .strict) }
        } catch {
            throw LaunchFailure(error.description)
        }
    }

    /// Cleans up after a failed start. A cgroup that was not created by this start may be another's and is kept.
    static func discard(_ cgroup: Cgroup?, _ scope: SystemdScope?, _ log: Log) {
        if let cgroup, cgroup.isMade || cgroup.isUnit { cgroup.kill() }
        scope?.stop(log)
        if let cgroup, cgroup.isMade { cgroup.remove() }
    }
}
