import Glibc
import Monitor
import MonitorProtocol
import Runtime
import Testing

/// What people meet when a container does not start.
@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(2)))
struct FailureTests {
    private func failure(_ args: [String], _ prepare: (Sandbox, inout LaunchSpec) -> Void = { _, _ in }) throws
        -> LaunchFailure?
    {
        let sandbox = Sandbox()
        var spec = sandbox.spec(args)
        prepare(sandbox, &spec)
        return try sandbox.run(spec).failure
    }

    @Test func commandIsMissing() throws {
        #expect(
            try failure(["foo"]) == LaunchFailure(exitCode: 127, #"exec: "foo": executable file not found in $PATH"#))
        #expect(
            try failure(["/foo"])
                == LaunchFailure(exitCode: 127, #"exec: "/foo": stat /foo: no such file or directory"#))
    }

    @Test func commandIsNotExecutable() throws {
        let result = try failure(["/etc/passwd"])
        #expect(result == LaunchFailure(exitCode: 126, #"exec: "/etc/passwd": permission denied"#))
    }

    @Test func interpreterHasACarriageReturn() throws {
        let result = try failure(["/entrypoint.sh"]) { sandbox, _ in
            sandbox.write("/entrypoint.sh", "#!/bin/sh\r\necho hi\r\n", mode: 0o755)
        }
        #expect(result?.exitCode == 127)
        #expect(result?.message.hasPrefix("exec /entrypoint.sh: no such file or directory") == true)
        #expect(result?.message.contains("CRLF") == true)
    }

    @Test func interpreterIsMissing() throws {
        let result = try failure(["/x"]) { sandbox, _ in sandbox.write("/x", "#!/usr/bin/python9\n", mode: 0o755) }
        #expect(result?.message.contains("/usr/bin/python9") == true)
    }

    @Test func programIsForAnotherMachine() throws {
        let result = try failure(["/x"]) { sandbox, _ in
            var head = [UInt8](repeating: 0, count: 64)
            head.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
            head[16] = 2
            head[18] = 0xf3
            let handle = open(sandbox.root + "/x", O_WRONLY | O_CREAT, 0o755)
            _ = Glibc.write(handle, head, head.count)
            close(handle)
        }
        #expect(result?.exitCode == 126)
        #expect(result?.message.contains("exec format error") == true)
        #expect(result?.message.contains("riscv64") == true)
    }

    @Test func bindSourceIsMissing() throws {
        let result = try failure(["true"]) { _, spec in
            spec.mounts.append(MountSpec(.bind, source: "/no/such/place", "/x"))
        }
        #expect(result?.exitCode == 125)
        #expect(result?.message.contains("/no/such/place") == true)
    }

    @Test func userIsMissing() throws {
        let result = try failure(["true"]) { _, spec in spec.process.user = .name("nobody9") }
        #expect(result?.message == "unable to find user nobody9: no matching entries in passwd file")
    }

    @Test func makesTheWorkingDirectory() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["pwd"])
        spec.process.cwd = "/deep/er/place"
        #expect(try sandbox.run(spec).output == "/deep/er/place\n")
    }
}
