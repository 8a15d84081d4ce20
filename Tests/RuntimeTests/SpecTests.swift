import JSON
import Runtime
import Testing

struct SpecTests {
    @Test func knowsCapabilities() {
        #expect(CapabilitySets.dockerDefault.bounding == 0xa804_25fb)
        #expect(CapabilitySets.dockerDefault.inheritable == 0)
        #expect(Capability.number(named: "cap_sys_admin") == 21)
        #expect(Capability.names(in: 1 << 40) == ["CAP_CHECKPOINT_RESTORE"])
    }
}
