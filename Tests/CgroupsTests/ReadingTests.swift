import Cgroups
import Testing

/// Parsing and conversions, without a kernel.
struct ReadingTests {
    private let hybrid = """
        30 20 0:25 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro
        31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
        32 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
        33 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
        34 30 0:29 /docker/x /other rw - cgroup cgroup rw,memory
        35 30 0:26 / /again rw - cgroup cgroup rw,cpu,cpuacct
        """

    @Test func mounts() {
        let hierarchy = CgroupHierarchy.parse(hybrid) { $0 == "/sys/fs/cgroup/unified" ? ["hugetlb"] : [] }
        #expect(hierarchy.mode == .hybrid)
        #expect(hierarchy.mounts.map(\.name) == ["cpu,cpuacct", "systemd"])
        #expect(hierarchy.mount(of: "cpuacct")?.path == "/sys/fs/cgroup/cpu,cpuacct")
        #expect(hierarchy.controllers == ["cpu", "cpuacct", "hugetlb"])
    }

    @Test func pathsFollowRunc() throws {
        let own = "4:cpu,cpuacct:/user/7\n3:name=systemd:/user\n0::/user.slice/session"
        let hierarchy = CgroupHierarchy.parse(hybrid)
        #expect(
            try hierarchy.cgroup(path: "/a/../b//c", id: "x", systemd: false).joinPaths == [
                "/sys/fs/cgroup/cpu,cpuacct/b/c", "/sys/fs/cgroup/systemd/b/c", "/sys/fs/cgroup/unified/b/c",
            ])
        #expect(
            Cgroup("x", in: hierarchy.beneath(own: own)).joinPaths == [
                "/sys/fs/cgroup/cpu,cpuacct/user/7/x", "/sys/fs/cgroup/systemd/user/x",
                "/sys/fs/cgroup/unified/user.slice/session/x",
            ])
        // Version 2: the caller is in its own cgroup, which therefore cannot enable controllers for children.
        let unified = CgroupHierarchy.parse("33 30 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
        #expect(Cgroup("x", in: unified.beneath(own: own)).joinPaths == ["/sys/fs/cgroup/user.slice/x"])
        #expect(Cgroup("x", in: unified.beneath(own: "0::/")).joinPaths == ["/sys/fs/cgroup/x"])
        // In a container without a cgroup namespace, the mount shows only the container's cgroup.
        let nested = CgroupHierarchy.parse(
            """
            31 30 0:26 /docker/1234 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
            32 30 0:27 /../.. /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids
            """)
        #expect(nested.mounts.map(\.name) == ["memory"])
        #expect(
            Cgroup("x", in: nested.beneath(own: "4:memory:/docker/1234/init")).joinPaths
                == ["/sys/fs/cgroup/memory/init/x"])
        #expect(Cgroup("/x", in: nested).joinPaths == ["/sys/fs/cgroup/memory/x"])
    }

    @Test func systemdNames() throws {
        #expect(try SystemdName("system.slice:docker:1234").path == "/system.slice/docker-1234.scope")
        #expect(try SystemdName("user-1000.slice::app").path == "/user.slice/user-1000.slice/app.scope")
        #expect(try SystemdName(":cri:pod.slice").path == "/system.slice/pod.slice")
        #expect(try SystemdName("-.slice:a:b").path == "/a-b.scope")
        let own = try SystemdName("::app", defaultSlice: "user.slice")
        #expect(own.slice == "user.slice" && own.unit == "gantry-runtime-app.scope")
        for text in ["/a/b", "a:b", "a.slice:b:", "a--b.slice:c:d", "../x.slice:c:d", "x:c:d", "a.slice:b:c*"] {
            #expect(throws: CgroupError.self) { try SystemdName(text) }
        }
    }

    @Test func weightsFollowShares() {
        #expect([0, 1, 2, 1024, 262_144, .max].map { Cgroup.weight(shares: $0) } == [1, 1, 1, 100, 10000, 10000])
        #expect([10, 100, 500, 1000].map { Cgroup.weight(block: $0) } == [1, 910, 4950, 10000])
    }

    @Test func pressureAndBlockCounters() {
        let pressure = Cgroup.pressure(
            parsing: """
                some avg10=1.25 avg60=0.50 avg300=0.01 total=4290419
                full avg10=0.00 avg60=0.00 avg300=0.00 total=7
                """)
        #expect(pressure.some.average10 == 1.25 && pressure.some.average300 == 0.01)
        #expect(pressure.some.total == 4_290_419 && pressure.full.total == 7)
        #expect(
            Cgroup.blockEntries("8:0 Read 4096\n8:16 7\nTotal 4103\n") == [
                .init(major: 8, minor: 0, operation: "Read", value: 4096),
                .init(major: 8, minor: 16, operation: "", value: 7),
            ])
        let unified = Cgroup.unifiedBlockEntries("8:0 8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n")
        #expect(unified.bytes.map(\.value) == [1, 2, 5] && unified.bytes.allSatisfy { $0.minor == 16 })
        #expect(unified.operations.map(\.operation) == ["Read", "Write", "Discard"])
        #expect(Cgroup.list("0-2,5\n") == [0, 1, 2, 5])
    }

    @Test func deviceLists() throws {
        func character(_ allow: Bool, _ minor: UInt32?, _ access: DeviceRule.Access = .all) -> DeviceRule {
            DeviceRule(allow: allow, .character, major: 1, minor: minor, access: access)
        }
        let list = try DeviceList([
            character(true, 3), DeviceRule(allow: false, .all), character(true, 5, .read), character(true, 5, .write),
            character(true, 7), character(false, 7, .mknod), character(true, 9), character(false, nil, .all),
            character(true, 8),
        ])
        #expect(!list.allowsAll)
        #expect(list.exceptions == [character(true, 8)])
        #expect(try DeviceList([]) == DeviceList([DeviceRule(allow: false, .all)]))
        #expect(throws: CgroupError.self) { try DeviceList([character(true, nil), character(false, 3)]) }
        #expect(
            try DeviceList([character(true, 5, .read), character(true, 5, .write)]).exceptions == [
                character(true, 5, [.read, .write])
            ])
        let program = DeviceProgram.assemble(DeviceRule.dockerDefault)
        #expect(program.count > 40)
        #expect(DeviceProgram.assemble(DeviceRule.everything).count == 8)
    }
}

extension CgroupHierarchy {
    static func parse(_ mountinfo: String, controllers: (String) -> [String] = { _ in [] }) -> CgroupHierarchy {
        parse(Array(mountinfo.utf8), controllers: controllers)
    }
}
