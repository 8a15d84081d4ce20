import Cgroups
import Glibc
import Testing

@Suite(.enabled(if: geteuid() == 0), .serialized)
struct CgroupTests {
    private func withCgroup(
        _ limits: CgroupLimits = CgroupLimits(), _ body: (Cgroup) throws -> Void
    ) throws {
        let hierarchy = try CgroupHierarchy.detect()
        let cgroup = try Cgroup.create("/gantry-test-\(getpid())/one", limits: limits, in: hierarchy)
        defer {
            cgroup.kill()
            #expect(cgroup.remove())
            #expect(cgroup.remove())
            #expect(Cgroup("/gantry-test-\(getpid())", in: hierarchy).remove())
        }
        try body(cgroup)
    }

    @Test func limitsAreSet() throws {
        var limits = CgroupLimits()
        limits.memory = 64 << 20
        limits.pids = 77
        limits.cpuShares = 512
        limits.cpuQuota = 50000
        limits.cpuPeriod = 100_000
        limits.cpusetCpus = "0"
        try withCgroup(limits) { cgroup in
            #expect(cgroup.pids.limit == 77 || cgroup.hierarchy.mode == .v2)
            if cgroup.hierarchy.mount(of: "memory") != nil { #expect(cgroup.memoryLimit == 64 << 20) }
            #expect(cgroup.processes().isEmpty)
            #expect(cgroup.oomKillCount == 0)
        }
    }

    @Test func processesAreListedFrozenAndKilled() throws {
        try withCgroup { cgroup in
            var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("100"), nil]
            var pid: pid_t = 0
            #expect(posix_spawnp(&pid, "sleep", nil, nil, &arguments, environ) == 0)
            for place in cgroup.places {
                let file = open(place.path + "/cgroup.procs", O_WRONLY)
                let text = String(pid)
                #expect(write(file, text, text.utf8.count) > 0)
                close(file)
            }
            #expect(cgroup.processes() == [pid])
            try cgroup.freeze()
            #expect(cgroup.isFrozen)
            try cgroup.thaw()
            #expect(!cgroup.isFrozen)
            cgroup.kill()
            var status: Int32 = 0
            #expect(waitpid(pid, &status, 0) == pid)
        }
    }

    @Test func orphansAreRemoved() throws {
        let hierarchy = try CgroupHierarchy.detect()
        let parent = "/gantry-orphans-\(getpid())"
        let kept = try Cgroup.create(parent + "/kept", limits: CgroupLimits(), in: hierarchy)
        _ = try Cgroup.create(parent + "/lost", limits: CgroupLimits(), in: hierarchy)
        #expect(Cgroup.removeOrphans(under: parent, keep: ["kept"], in: hierarchy).isEmpty)
        #expect(access(kept.joinPaths[0], F_OK) == 0)
        #expect(access(Cgroup(parent + "/lost", in: hierarchy).joinPaths[0], F_OK) != 0)
        #expect(kept.remove())
        #expect(Cgroup(parent, in: hierarchy).remove())
    }

    @Test func namesStayBelow() throws {
        let hierarchy = try CgroupHierarchy.detect()
        for name in ["/", "", "/a/../..", "/./x"] {
            #expect(throws: CgroupError.self) { try Cgroup.create(name, limits: CgroupLimits(), in: hierarchy) }
        }
    }

    @Test func readsMounts() {
        let text = """
            30 20 0:25 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro
            31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
            32 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
            33 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
            34 30 0:29 /docker/x /other rw - cgroup cgroup rw,memory
            """
        let hierarchy = CgroupHierarchy.parse(text)
        #expect(hierarchy.mode == .hybrid)
        #expect(hierarchy.mounts.map(\.name) == ["cpu,cpuacct", "systemd"])
        #expect(hierarchy.mount(of: "cpuacct")?.path == "/sys/fs/cgroup/cpu,cpuacct")
    }

    @Test func weightsFollowShares() {
        #expect(Cgroup.weight(shares: 2) == 1)
        #expect(Cgroup.weight(shares: 1024) == 39)
        #expect(Cgroup.weight(shares: 262_144) == 10000)
    }

    @Test func devicePrograms() {
        let program = DeviceProgram.assemble(DeviceRule.dockerDefault)
        #expect(program.count > 40)
        #expect(DeviceProgram.assemble(DeviceRule.everything).count == 8)
    }
}
