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
    /// runc's rules: nothing is `/ID`; with `--systemd-cgroup` it is `slice:prefix:name`, and the directory is the one that
    /// systemd would make.
    static func name(
        _ path: String?, _ id: String, _ context: RuntimeProgram.Context
    ) throws(LaunchFailure) -> String {
        let path = path ?? (context.namesSlices ? "system.slice:gantry:\(id)" : "/" + id)
        guard context.namesSlices else { return path.hasPrefix("/") ? path : "/" + path }
        let parts = path.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw LaunchFailure("cgroupsPath \(path): with --systemd-cgroup it has the form slice:prefix:name")
        }
        let name = parts[2].hasSuffix(".slice") ? String(parts[2]) : "\(parts[1])-\(parts[2]).scope"
        return try slice(parts[0].isEmpty ? "system.slice" : parts[0]) + "/" + name
    }

    /// `a-b.slice` is inside `a.slice` (systemd.slice(5)).
    private static func slice(_ name: Substring) throws(LaunchFailure) -> String {
        if name == "-.slice" { return "" }
        let parts = name.dropLast(6).split(separator: "-", omittingEmptySubsequences: false)
        guard name.hasSuffix(".slice"), !name.contains("/"), !parts.contains(where: \.isEmpty) else {
            throw LaunchFailure("cgroupsPath: \(name) is not the name of a slice")
        }
        return parts.indices.map { "/" + parts[...$0].joined(separator: "-") + ".slice" }.joined()
    }

    /// The cgroup of that name, which no other container may be in: its end is the end of every process there.
    static func available(_ record: ContainerRecord, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Cgroup?
    {
        let cgroup: Cgroup
        do throws(CgroupError) {
            cgroup = Cgroup(record.cgroup, in: try HostCgroups.hierarchy.get())
        } catch {
            guard context.isRootless else { throw LaunchFailure(error.description) }
            return nil
        }
        let others = cgroup.processes()
        guard others.isEmpty else {
            throw LaunchFailure(
                "cgroup \(record.cgroup) is not empty: process \(others[0]) is in it; give the container another cgroupsPath"
            )
        }
        return cgroup
    }

    /// Makes it; false when an ordinary user may not and need not.
    static func make(
        _ cgroup: Cgroup?, _ limits: CgroupLimits, _ context: RuntimeProgram.Context
    ) throws(LaunchFailure) -> Bool {
        guard let cgroup else { return false }
        do throws(CgroupError) {
            _ = try Cgroup.create(cgroup.name, limits: limits, in: cgroup.hierarchy)
            return true
        } catch {
            guard context.isRootless, [EACCES, EPERM, EROFS].contains(error.code) else {
                throw LaunchFailure(error.description)
            }
            context.log.write(.warning, "no limits and no pause: \(error.description)")
            return false
        }
    }
}
