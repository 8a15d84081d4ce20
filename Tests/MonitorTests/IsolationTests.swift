import Cgroups
import CLinux
import Glibc
import Linux
import Monitor
import MonitorProtocol
import Runtime
import Testing

@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(2)))
struct IsolationTests {
    private func withCgroup(_ limits: CgroupLimits, _ body: (Cgroup) throws -> Void) throws {
        let hierarchy = try CgroupHierarchy.detect()
        let name = "/gantry-isolation-\(getpid())"
        let cgroup = try Cgroup.create(name + "/x", limits: limits, in: hierarchy)
        defer {
            cgroup.kill()
            #expect(cgroup.remove())
            Cgroup(name, in: hierarchy).remove()
        }
        try body(cgroup)
    }

    @Test func memoryLimitKillsAndIsReported() throws {
        var limits = CgroupLimits()
        limits.memory = 16 << 20
        limits.memorySwap = 16 << 20
        guard try CgroupHierarchy.detect().controllers.contains("memory") else { return }
        try withCgroup(limits) { cgroup in
            let sandbox = Sandbox()
            var spec = sandbox.spec(["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=4"])
            spec.cgroups = CgroupJoin.all(cgroup)
            let result = try sandbox.run(spec)
            #expect(result.exit?.code == 137)
            #expect(result.exit?.oomKilled == true)
            #expect(MonitorExit.readExit(runDirectory: sandbox.run)?.oomKilled == true)
        }
    }

    @Test func processesAreInTheirCgroups() throws {
        var limits = CgroupLimits()
        limits.pids = 50
        try withCgroup(limits) { cgroup in
            let sandbox = Sandbox()
            var spec = sandbox.spec(["sleep", "100"])
            spec.cgroups = CgroupJoin.all(cgroup)
            let container = try sandbox.start(spec)
            let pid = try #require(container.events.started())
            #expect(try cgroup.processes() == [pid])
            let result = try container.exec("c", ["cat", "/proc/self/cgroup"])
            // In the container's own view it is at the root of every hierarchy.
            for place in cgroup.places where place.controller == "memory" || place.controller == "pids" {
                #expect(result.output.contains(":\(place.controller):/\n"))
            }
            let refused = try container.exec("w", ["sh", "-c", "echo 1 > /sys/fs/cgroup/pids/pids.max"])
            #expect(refused.exit?.code != 0)
            try container.link.signal(SIGKILL, exec: nil)
            _ = container.events.exit()
        }
    }

    @Test func devicesAreLimited() throws {
        try withCgroup(CgroupLimits()) { cgroup in
            let sandbox = Sandbox()
            var spec = sandbox.spec([
                "sh", "-c", "echo x > /dev/null && echo null; head -c 1 /dev/none; head -c1 /dev/zero | wc -c",
            ])
            // No driver has it: whoever may open it is told that there is no such device.
            spec.devices = [DeviceSpec(.character, "/dev/none", major: 1, minor: 6)]
            spec.cgroups = CgroupJoin.all(cgroup)
            let result = try sandbox.run(spec)
            #expect(result.output == "null\n1\n")
            #expect(result.error.contains("not permitted"), "\(result.error)")
        }
    }

    @Test func sharesNamespacesOfAnother() throws {
        let first = Sandbox()
        let second = Sandbox()
        var spec = first.spec(["sleep", "100"])
        spec.hostname = "shared"
        let container = try first.start(spec)
        let pid = try #require(container.events.started())
        var other = second.spec(["sh", "-c", "hostname; ps; readlink /proc/self/ns/net"])
        other.namespaces.uts = .path("/proc/\(pid)/ns/uts")
        other.namespaces.pid = .path("/proc/\(pid)/ns/pid")
        other.namespaces.network = .path("/proc/\(pid)/ns/net")
        other.namespaces.ipc = .path("/proc/\(pid)/ns/ipc")
        let result = try second.run(other)
        #expect(result.output.hasPrefix("shared\n"))
        #expect(result.output.contains("sleep 100"))
        var buffer = [CChar](repeating: 0, count: 100)
        let count = readlink("/proc/\(pid)/ns/net", &buffer, 99)
        let name = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        #expect(result.output.contains(name))
        try container.link.signal(SIGKILL, exec: nil)
        _ = container.events.exit()
    }

    @Test func runsInTheHostsNamespaces() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["sh", "-c", "echo pid $$; readlink /proc/self/ns/net; sleep 50 & exit 3"])
        spec.namespaces.pid = .host
        spec.namespaces.network = .host
        spec.namespaces.ipc = .host
        spec.namespaces.uts = .host
        // A child that outlives the first process holds the pipe: the end is reported all the same.
        let container = try sandbox.start(spec)
        let exit = container.events.exit()
        #expect(exit?.code == 3)
        #expect(!demultiplex(container.stream.readAll()).output.contains("pid 1\n"))
        #expect(container.events.closed())
    }

    @Test func bindsFilesAndDirectories() throws {
        let sandbox = Sandbox()
        mkdir(sandbox.directory + "/volume", 0o755)
        sandbox.write("/../volume/file", "content")
        var spec = sandbox.spec([
            "sh", "-c", "cat /new/place/file /etc/one; touch /new/place/x && echo written; touch /ro/x || echo refused",
        ])
        spec.mounts += [
            MountSpec(.bind, source: sandbox.directory + "/volume", "/new/place"),
            MountSpec(.bind, source: sandbox.directory + "/volume/file", "/etc/one", flags: [.readOnly]),
            MountSpec(.bind, source: sandbox.directory + "/volume", "/ro", flags: [.readOnly]),
        ]
        #expect(try sandbox.run(spec).output == "contentcontentwritten\nrefused\n")
        #expect(access(sandbox.directory + "/volume/x", F_OK) == 0)
    }

    @Test func setsLimitsAndHome() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["sh", "-c", "ulimit -n; echo $HOME; umask"])
        spec.process.rlimits = [ResourceLimit(resource: 7, soft: 99, hard: 100)]
        spec.process.user = .name("alice")
        spec.process.umask = 0o077
        #expect(try sandbox.run(spec).output == "99\n/home/alice\n0077\n")
    }

    /// CVE-2021-30465, CVE-2024-45310: a destination that is exchanged with a link to the host while it is mounted on.
    @Test func racingDestinationsStayInside() throws {
        let sandbox = Sandbox()
        let outside = sandbox.directory + "/outside"
        mkdir(outside, 0o755)
        mkdir(sandbox.directory + "/volume", 0o755)
        mkdir(sandbox.directory + "/volume/target", 0o755)
        symlink("../../../../../../../.." + outside, sandbox.directory + "/volume/link")
        nonisolated(unsafe) var isRunning = true
        var thread = pthread_t()
        let base = strdup(sandbox.directory + "/volume")!
        defer { free(base) }
        struct Racer {
            var base: UnsafeMutablePointer<CChar>
            var isRunning: UnsafeMutablePointer<Bool>
        }
        try withUnsafeMutablePointer(to: &isRunning) { flag in
            let racer = UnsafeMutablePointer<Racer>.allocate(capacity: 1)
            racer.initialize(to: Racer(base: base, isRunning: flag))
            pthread_create(
                &thread, nil,
                { argument in
                    let racer = argument!.assumingMemoryBound(to: Racer.self).pointee
                    let directory = open(racer.base, O_RDONLY | O_DIRECTORY)
                    while racer.isRunning.pointee {
                        _ = linux_exchange(directory, "target", "link")
                    }
                    close(directory)
                    return nil
                }, racer)
            for _ in 0..<60 {
                var spec = sandbox.spec(["true"])
                spec.mounts.append(MountSpec(.bind, source: sandbox.directory + "/volume", "/volume"))
                spec.mounts.append(MountSpec(.tmpfs, "/volume/target/deep/er"))
                _ = try sandbox.run(spec)
            }
            flag.pointee = false
            pthread_join(thread, nil)
            racer.deallocate()
        }
        #expect(rmdir(outside) == 0, "something was made outside")
    }
}
