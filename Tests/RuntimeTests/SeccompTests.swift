import Glibc
import JSON
import Runtime
import Testing

struct SeccompTests {
    @Test func dependsOnCapabilities() throws {
        let plain = try SeccompProfile.dockerDefault.compile(capabilities: CapabilitySets.dockerDefault.bounding)
        let all = try SeccompProfile.dockerDefault.compile(capabilities: Capability.all)
        #expect(plain.count % 8 == 0 && !plain.isEmpty)
        #expect(plain != all)
    }

    @Test func parsesOCIFormat() throws {
        let profile = try SeccompProfile(
            text: Array(
                """
                {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
                 "syscalls": [{"names": ["chmod", "fchmodat", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13,
                   "args": [{"index": 1, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]}]}
                """.utf8))
        #expect(!(try profile.compile(capabilities: 0)).isEmpty)
        #expect(throws: LaunchFailure.self) { try SeccompProfile(text: Array("{}".utf8)) }
        #expect(throws: LaunchFailure.self) { try SeccompProfile(text: Array("{".utf8)) }
    }

    /// Docker reads these too; ignoring half of a profile would silently remove protection.
    @Test(arguments: [
        #"{"defaultAction": "SCMP_ACT_ALLOW", "SYSCALLS": []}"#,
        #"{"defaultAction": "SCMP_ACT_ALLOW", "DefaultAction": "SCMP_ACT_ERRNO"}"#,
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_ERRNO", "Args": []}]}"#,
    ])
    func refusesMembersInAnotherCase(_ text: String) {
        #expect(throws: LaunchFailure.self) { try SeccompProfile(text: Array(text.utf8)) }
    }

    /// libseccomp 2.5 lacks names for calls added after Linux 5.16; rules for them must not be dropped silently.
    @Test func deniesCallsUnknownToLibseccomp() throws {
        func profile(_ rules: String) throws -> SeccompProfile {
            try SeccompProfile(text: Array(#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [\#(rules)]}"#.utf8))
        }
        let (changeMode, statMount): (Int32, Int32) = (452, 457)
        let denying = try profile(#"{"names": ["chmod", "fchmodat2", "statmount"], "action": "SCMP_ACT_ERRNO"}"#)
        let filter = FilterEvaluation(program: try denying.compile(capabilities: 0))
        #expect(!filter.allows(changeMode) && !filter.allows(statMount) && !filter.allows(90) && filter.allows(0))
        #expect(denying.unknownDenials().isEmpty)
        let other = try profile(#"{"names": ["chmod"], "action": "SCMP_ACT_ERRNO"}"#)
        #expect(FilterEvaluation(program: try other.compile(capabilities: 0)).allows(changeMode))
        let unknown = try profile(
            #"{"names": ["no_such_call", "chmod", "arm_sync_file_range"], "action": "SCMP_ACT_KILL_PROCESS"}, "#
                + #"{"names": ["also_none"], "action": "SCMP_ACT_LOG"}"#)
        #expect(unknown.unknownDenials() == ["no_such_call"])
        #expect(SeccompProfile.dockerDefault.unknownDenials().isEmpty)
    }

    /// `minKernel` as in Docker: every supported kernel is newer than 4.0 and older than 200.0.
    @Test func parsesDockerFormat() throws {
        func filter(_ rule: String) throws -> [UInt8] {
            let text =
                """
                {"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64",
                 "subArchitectures": ["SCMP_ARCH_X86"]}], "syscalls": [
                 {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "comment": "none", "args": null},
                 {"names": ["chmod"], "action": "SCMP_ACT_ERRNO", \(rule)}]}
                """
            return try SeccompProfile(text: Array(text.utf8)).compile(capabilities: 0)
        }
        let with = try filter(#""includes": {}"#)
        let without = try filter(#""includes": {"caps": ["CAP_SYS_ADMIN"]}"#)
        #expect(with != without)
        #expect(try filter(#""includes": {"minKernel": "4.0"}"#) == with)
        #expect(try filter(#""includes": {"minKernel": "200.0"}"#) == without)
        #expect(try filter(#""excludes": {"minKernel": "4.0"}"#) == without)
        #expect(try filter(#""excludes": {"minKernel": "200.0"}"#) == with)
        #expect(try filter(#""includes": {"arches": ["none"]}"#) == without)
        #expect(try filter(#""excludes": {"arches": ["amd64", "arm64"]}"#) == without)
        for broken in [
            #""includes": {"minKernel": "4"}"#, #""includes": {"minKernel": "4.8.1"}"#, #""name": "mkdir""#,
        ] {
            #expect(throws: LaunchFailure.self, "\(broken)") { try filter(broken) }
        }
    }

    @Test func cacheReturnsSameFilter() throws {
        let directory = "/tmp/gantry-seccomp-\(getpid())"
        defer {
            if let stream = opendir(directory) {
                while let entry = readdir(stream) {
                    let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                    }
                    unlink(directory + "/" + name)
                }
                closedir(stream)
            }
            rmdir(directory)
        }
        let first = try SeccompCache(directory: directory).filter(for: .dockerDefault, capabilities: 0)
        let second = try SeccompCache(directory: directory).filter(for: .dockerDefault, capabilities: 0)
        #expect(first == second)
        var status = stat()
        #expect(stat(directory, &status) == 0 && status.st_mode & 0o777 == 0o700)
    }
}
