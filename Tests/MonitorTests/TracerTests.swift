import Glibc
import Linux
import Monitor
import MonitorProtocol
import Runtime
import Testing

@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(3)))
struct TracerTests {
    /// The container has CAP_SYS_PTRACE, stops every process that appears, and looks for what it has of the host.
    @Test(arguments: [false, true]) func execShowsNothingOfTheHost(isFiltered: Bool) throws {
        let sandbox = Sandbox()
        let fixture =
            #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 }
            + "/IntegrationTests/Fixtures/tracer.py"
        sandbox.write("/tracer.py", sandbox.text(fixture))
        sandbox.write("/secret", "no secret of the monitor's")
        mkdir(sandbox.root + "/usr", 0o755)
        for name in ["lib", "lib64"] { symlink("usr/" + name, sandbox.root + "/" + name) }
        let canary = sandbox.directory + "/canary"
        close(open(canary, O_WRONLY | O_CREAT, 0o644))
        var spec = sandbox.spec(["/usr/bin/python3", "/tracer.py", canary, "hold"])
        spec.mounts.append(MountSpec(.bind, source: "/usr", "/usr"))
        spec.process.capabilities = CapabilitySets(
            CapabilitySets.dockerDefault.bounding | Capability.mask(["SYS_PTRACE"]))
        if isFiltered {
            spec.process.seccomp = try SeccompProfile.dockerDefault.compile(
                capabilities: spec.process.capabilities.bounding)
        }
        let container = try sandbox.start(spec)
        #expect(container.stream.read(until: "looking\n").contains("looking"))
        for number in 0..<60 {
            let result = try container.exec("e\(number)", ["true"]) {
                $0.seccomp = spec.process.seccomp
                $0.capabilities = spec.process.capabilities
                $0.tty = number % 3 == 0
            }
            #expect(result.exit?.code == 0, "\(String(describing: result.failure))")
        }
        sandbox.write("/stop", "")
        let found = container.stream.read(until: "looked\n")
        let leaks = Set(found.split(separator: "\n").filter { $0.contains("leak") })
        #expect(leaks.isEmpty)
        // What it says on the socket that it took is not believed, and keeping the socket holds nobody up.
        #expect(!container.events.all.contains(.warning("forged by the container")))
        try container.link.signal(SIGKILL, exec: nil)
        _ = container.events.exit()
    }
}
