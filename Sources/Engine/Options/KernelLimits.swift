internal import Cgroups
internal import Logging
internal import Synchronization

/// What the machine can limit, found out when it is first asked for.
final class KernelLimits: Sendable {
    private let found = Mutex<CgroupAbilities?>(nil)

    /// Everything where the look fails: a limit that cannot be set is then the start's error, and not left out.
    func abilities(_ environment: EngineEnvironment) -> CgroupAbilities {
        if let known = found.withLock({ $0 }) { return known }
        let name = environment.configuration.cgroupParent + "/probe-" + makeIdentifier().prefix(12)
        let abilities: CgroupAbilities
        do throws(CgroupError) {
            abilities = try Cgroup.abilities(probing: name, in: environment.hierarchy)
        } catch {
            environment.log.warning("what this machine can limit is not known: \(error)")
            return CgroupAbilities()
        }
        found.withLock { $0 = abilities }
        return abilities
    }
}
