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

    @Test func readsTheOCIForm() throws {
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

    @Test func cacheGivesTheSameAgain() throws {
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
