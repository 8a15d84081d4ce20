package import Cgroups

extension CgroupJoin {
    /// What a process has to join to be in `cgroup`.
    package static func all(_ cgroup: Cgroup) -> [CgroupJoin] {
        cgroup.places.map { CgroupJoin(controller: $0.controller, path: $0.path) }
    }
}
