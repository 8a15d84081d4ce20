import CLinux
import Glibc
import Linux
import Monitor
import Runtime
import Testing

/// Rows of the list of known escapes that the runtime answers for; each tries the real thing.
@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(2)))
struct EscapeTests {
    private func filter(_ capabilities: UInt64 = CapabilitySets.dockerDefault.bounding) throws -> [UInt8] {
        try SeccompProfile.dockerDefault.compile(capabilities: capabilities)
    }

    /// CVE-2019-5736.
    @Test func executableCannotBeOverwritten() throws {
        let sandbox = Sandbox()
        let before = sandbox.text(Sandbox.executable).utf8.count
        symlink("/proc/self/exe", sandbox.root + "/entry")
        // The program that runs is the runtime itself, inside: harmless, and not writable from there.
        let result = try sandbox.run(sandbox.spec(["/entry", "x"]))
        #expect(result.exit != nil || result.failure != nil)
        let container = try sandbox.start(
            sandbox.spec([
                "sh", "-c",
                "while true; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] && continue; "
                    + "l=$(readlink $p/exe) || continue; case $l in *runtime*) (echo x > $p/exe) 2>/dev/null "
                    + "&& echo WRITTEN;; esac; done; done",
            ]))
        _ = container.events.started()
        for number in 0..<30 { _ = try container.exec("e\(number)", ["true"]) }
        try container.link.signal(SIGKILL, exec: nil)
        #expect(!demultiplex(container.stream.readAll()).output.contains("WRITTEN"))
        #expect(sandbox.text(Sandbox.executable).utf8.count == before)
        let handle = open(Sandbox.executable, O_RDONLY)
        defer { close(handle) }
        #expect(handle >= 0)
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

    /// CVE-2025-31133: what covers a masked file is the host's null device, not the image's.
    @Test func masksWithTheRealNullDevice() throws {
        let sandbox = Sandbox()
        symlink("/proc/sys/kernel/core_pattern", sandbox.root + "/dev/null")
        let result = try sandbox.run(sandbox.spec(["stat", "-c", "%F %t:%T", "/proc/keys", "/proc/timer_list"]))
        #expect(result.output == "character special file 1:3\ncharacter special file 1:3\n")
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

    /// CVE-2022-0811.
    @Test func refusesSysctlsOfTheHost() throws {
        for (name, value) in [
            ("kernel.core_pattern", "|/x"), ("kernel.shm_rmid_forced", "1+kernel.core_pattern=|/x"),
            ("net/ipv4/ip_forward", "1"), ("kernel.shmmax", "1\nx"), ("net..ipv4", "1"), ("vm.swappiness", "1"),
        ] {
            let sandbox = Sandbox()
            var spec = sandbox.spec(["true"])
            spec.sysctls = [(name, value)]
            #expect(try sandbox.run(spec).failure != nil, "sysctl \(name) was taken")
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
            "mount -t tmpfs x /tmp; unshare -U true; unshare -m true; grep Seccomp: /proc/self/status; echo end",
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

    /// CVE-2024-9676, CVE-2026-47262: a FIFO or a giant instead of /etc/passwd does not hold anybody up.
    @Test func hostileDatabases() throws {
        let sandbox = Sandbox()
        unlink(sandbox.root + "/etc/passwd")
        mkfifo(sandbox.root + "/etc/passwd", 0o644)
        #expect(try sandbox.run(sandbox.spec(["true"])).failure?.message.contains("not a regular file") == true)
        unlink(sandbox.root + "/etc/passwd")
        sandbox.write("/etc/passwd", "")
        truncate(sandbox.root + "/etc/passwd", 8 << 30)
        #expect(try sandbox.run(sandbox.spec(["true"])).failure?.message.contains("larger") == true)
        unlink(sandbox.root + "/etc/passwd")
        symlink("/proc/kmsg", sandbox.root + "/etc/passwd")
        _ = try sandbox.run(sandbox.spec(["true"]))
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
