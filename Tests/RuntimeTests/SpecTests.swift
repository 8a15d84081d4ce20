import JSON
import Runtime
import Testing

struct SpecTests {
    @Test func travelsUnchanged() throws {
        var spec = LaunchSpec()
        spec.process.args = ["sh", "-c", String(repeating: "ü", count: 70000)]
        spec.process.env = ["A=b"]
        spec.process.user = .ids(uid: 1, gid: 2, groups: [3, 4])
        spec.process.rlimits = [ResourceLimit(resource: 7, soft: 1, hard: .max)]
        spec.process.seccomp = [1, 2, 3]
        spec.process.oomScoreAdj = -5
        spec.process.tty = true
        spec.hostname = "h"
        spec.namespaces.network = .path("/x")
        spec.mounts = MountSpec.dockerDefaults()
        spec.devices = [DeviceSpec(.block, "/dev/x", major: 8, minor: 300)]
        spec.sysctls = [("a", "b")]
        spec.cgroups = [CgroupJoin(controller: "memory", path: "/sys/fs/cgroup/memory/x")]
        spec.networkComes = true
        let decoded = try LaunchSpec(decoding: spec.encoded())
        #expect(decoded == spec)
        #expect(decoded.process == spec.process)
        #expect(decoded.mounts == spec.mounts)
    }

    @Test func refusesWhatIsCutShort() throws {
        let bytes = LaunchSpec().encoded()
        for count in 0..<bytes.count {
            #expect(throws: LaunchFailure.self) { try LaunchSpec(decoding: Array(bytes[..<count])) }
        }
        #expect(throws: LaunchFailure.self) { try LaunchSpec(decoding: bytes + [0]) }
    }

    @Test func knowsCapabilities() {
        #expect(CapabilitySets.dockerDefault.bounding == 0xa804_25fb)
        #expect(CapabilitySets.dockerDefault.inheritable == 0)
        #expect(Capability.number(named: "cap_sys_admin") == 21)
        #expect(Capability.names(in: 1 << 40) == ["CAP_CHECKPOINT_RESTORE"])
    }
}
