import CLinux
import Glibc
import Linux
import Monitor
import MonitorProtocol
import Runtime
import Testing

/// Rows of the list of known escapes that the runtime answers for; each tries the real thing.
@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(2)))
struct EscapeTests {
    private func filter(_ capabilities: UInt64 = CapabilitySets.dockerDefault.bounding) throws -> [UInt8] {
        try SeccompProfile.dockerDefault.compile(capabilities: capabilities)
    }

    /// CVE-2022-24769.
    @Test func nothingIsInheritable() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sh", "-c", "grep Cap /proc/self/status; sleep 100"]))
        let text = container.stream.read(until: "CapAmb")
        #expect(text.contains("CapInh:\t0000000000000000"))
        #expect(text.contains("CapBnd:\t00000000a80425fb"))
        #expect(text.contains("CapEff:\t00000000a80425fb"))
        let result = try container.exec("c", ["grep", "Cap", "/proc/self/status"])
        #expect(result.output.contains("CapInh:\t0000000000000000"))
        #expect(result.output.contains("CapAmb:\t0000000000000000"))
        try container.link.signal(SIGKILL, exec: nil)
        _ = container.events.exit()
    }

    /// CVE-2024-21626.
    @Test func noDescriptorLeaks() throws {
        let sandbox = Sandbox()
        let result = try sandbox.run(sandbox.spec(["sh", "-c", "ls /proc/1/fd; exit 0"]))
        #expect(result.output.split(separator: "\n").sorted() == ["0", "1", "2"])
        for number in 3...20 {
            var spec = sandbox.spec(["pwd"])
            spec.process.cwd = "/proc/self/fd/\(number)"
            let attempt = try sandbox.run(spec)
            #expect(attempt.exit == nil, "cwd through descriptor \(number) was taken")
        }
        let container = try sandbox.start(sandbox.spec(["sleep", "100"]))
        _ = container.events.started()
        for number in 3...12 {
            let attempt = try container.exec("w\(number)", ["pwd"]) { $0.cwd = "/proc/self/fd/\(number)" }
            #expect(attempt.exit == nil)
        }
        let list = try container.exec("l", ["sh", "-c", "ls /proc/$$/fd; true"])
        #expect(list.output.split(separator: "\n").sorted() == ["0", "1", "2"])
        try container.link.signal(SIGKILL, exec: nil)
        _ = container.events.exit()
    }

    /// CVE-2025-31133: what covers a masked file is neither the image's null device nor the host's.
    @Test func masksWithANullDeviceOfItsOwn() throws {
        let sandbox = Sandbox()
        symlink("/proc/sys/kernel/core_pattern", sandbox.root + "/dev/null")
        var status = stat()
        #expect(stat("/dev/null", &status) == 0)
        let result = try sandbox.run(
            sandbox.spec(["stat", "-c", "%F %t:%T %d:%i", "/proc/keys", "/proc/timer_list"]))
        let lines = result.output.split(separator: "\n")
        #expect(lines.count == 2)
        for line in lines {
            #expect(
                line.hasPrefix("character special file 1:3 ") && !line.hasSuffix(" \(status.st_dev):\(status.st_ino)"))
        }
    }

    /// CVE-2019-16884, CVE-2025-52881.
    @Test func refusesAFakeProc() throws {
        let sandbox = Sandbox()
        mkdir(sandbox.directory + "/fake", 0o755)
        for mount in [
            MountSpec(.tmpfs, "/proc"), MountSpec(.bind, source: sandbox.directory + "/fake", "/proc"),
            MountSpec(.bind, source: sandbox.directory + "/fake", "/proc/../proc/."),
        ] {
            var spec = sandbox.spec(["true"])
            spec.mounts.append(mount)
            #expect(try sandbox.run(spec).failure != nil)
        }
    }

    /// CVE-2019-19921, CVE-2023-27561.
    @Test func refusesLinksInPlaceOfKernelFileSystems() throws {
        for (name, target) in [("proc", "/etc"), ("sys", ".."), ("dev", "/etc")] {
            let sandbox = Sandbox()
            rmdir(sandbox.root + "/" + name)
            symlink(target, sandbox.root + "/" + name)
            let result = try sandbox.run(sandbox.spec(["true"]))
            #expect(result.failure != nil, "/\(name) as a link was taken")
        }
    }

    /// CVE-2026-41579, CVE-2019-18837: devices and mount points stay inside.
    @Test func makesNothingOutside() throws {
        let sandbox = Sandbox()
        let outside = sandbox.directory + "/outside"
        mkdir(outside, 0o755)
        symlink(outside, sandbox.root + "/link")
        symlink("../../../../../../../../" + outside, sandbox.root + "/up")
        var spec = sandbox.spec(["sh", "-c", "true"])
        spec.mounts.append(MountSpec(.tmpfs, "/link/a"))
        spec.mounts.append(MountSpec(.tmpfs, "/up/b"))
        spec.devices = [DeviceSpec(.character, "/link/c", major: 1, minor: 3)]
        _ = try sandbox.run(spec)
        #expect(access(outside + "/a", F_OK) != 0)
        #expect(access(outside + "/b", F_OK) != 0)
        #expect(access(outside + "/c", F_OK) != 0)
    }

    /// CVE-2022-0811. The values are those of the host: a monitor that takes one does no harm here.
    @Test func refusesSysctlsOfTheHost() throws {
        func host(_ path: String) -> String { String(Sandbox().text("/proc/sys/" + path).prefix { $0 != "\n" }) }
        for (name, value, reason) in [
            ("kernel.core_pattern", host("kernel/core_pattern"), "not of a namespace"),
            ("vm.swappiness", host("vm/swappiness"), "not of a namespace"),
            ("kernel.shm_rmid_forced", "1+kernel.core_pattern=|/x", "character that is refused"),
            ("kernel.shmmax", "1\nx", "character that is refused"),
            ("net/ipv4/ip_forward", "1", "not a name"), ("net..ipv4", "1", "not a name"),
        ] {
            let sandbox = Sandbox()
            var spec = sandbox.spec(["true"])
            spec.sysctls = [(name, value)]
            let failure = try sandbox.run(spec).failure
            #expect(failure?.message.contains(reason) == true, "sysctl \(name): \(String(describing: failure))")
        }
        let sandbox = Sandbox()
        var spec = sandbox.spec(["cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/kernel/msgmax"])
        spec.sysctls = [("net.ipv4.ip_unprivileged_port_start", "77"), ("kernel.msgmax", "9000")]
        #expect(try sandbox.run(spec).output == "77\n9000\n")
    }

    /// CVE-2022-0492: no mounts, no namespaces, under the default profile.
    @Test func mountingIsBlocked() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec([
            "sh", "-c",
            "mount -t tmpfs x /tmp && echo MOUNTED; unshare -U true && echo USERS; unshare -m true && echo MOUNTS; "
                + "umount /proc && echo UNMOUNTED; grep Seccomp: /proc/self/status; echo end",
        ])
        spec.process.seccomp = try filter()
        let result = try sandbox.run(spec)
        #expect(result.output == "Seccomp:\t2\nend\n")
        #expect(result.error.contains("ermitted") || result.error.contains("denied"))
    }

    /// CVE-2022-36109: the main group is in the list.
    @Test func groupsAreComplete() throws {
        let sandbox = Sandbox()
        for (user, groups) in [
            ("alice", "1000 10 50"), ("1000:4", "4"), ("alice:staff", "50"), ("", "0"), ("5000", "0"),
        ] {
            var spec = sandbox.spec(["grep", "Groups", "/proc/self/status"])
            spec.process.user = .name(user)
            let words = try sandbox.run(spec).output.split(whereSeparator: { " \t\n".contains($0) }).dropFirst()
            #expect(Set(words) == Set(groups.split(separator: " ")), "user \(user)")
        }
    }

    /// CVE-2020-15257.
    @Test func noAbstractSockets() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["cat", "/proc/net/unix"])
        spec.namespaces.network = .host
        let result = try sandbox.run(spec)
        #expect(result.exit?.code == 0)
        #expect(!result.output.contains("@gantry"))
    }

    @Test func readOnlyRootHolds() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["sh", "-c", "touch /x; touch /dev/shm/y && echo ok; echo 1 > /proc/sys/kernel/panic"])
        spec.readonlyRootfs = true
        let result = try sandbox.run(spec)
        #expect(result.output == "ok\n")
        #expect(access(sandbox.root + "/x", F_OK) != 0)
    }
}
