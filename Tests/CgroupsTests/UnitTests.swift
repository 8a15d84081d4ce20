import Cgroups
import Testing

/// Limits as systemd properties.
@Suite struct UnitTests {
    private let unified = CgroupHierarchy.parse(Array("30 20 0:25 / /sys/fs/cgroup rw - cgroup2 none rw".utf8))
    private let first = CgroupHierarchy.parse(
        Array("30 20 0:25 / /sys/fs/cgroup/memory rw - cgroup none rw,memory".utf8))

    @Test func limitsAsProperties() throws {
        var limits = CgroupLimits()
        #expect(try limits.unitProperties(in: unified).isEmpty)
        (limits.memory, limits.memorySwap, limits.memoryReservation) = (64 << 20, 96 << 20, 32 << 20)
        (limits.cpuShares, limits.cpuQuota, limits.cpuPeriod) = (1024, 50500, 200_000)
        (limits.pids, limits.cpusetCpus, limits.blkioWeight) = (-1, "0-1", 500)
        limits.unified = [.init("memory.high", "max"), .init("cpu.max", "max 50000"), .init("memory.oom.group", "1")]
        #expect(
            try limits.unitProperties(in: unified) == [
                "MemoryMax=67108864", "MemoryLow=33554432", "MemorySwapMax=33554432", "CPUWeight=100",
                "CPUQuotaPeriodSec=200000us", "CPUQuota=26%", "TasksMax=infinity", "AllowedCPUs=0-1",
                "MemoryHigh=infinity", "CPUQuotaPeriodSec=50000us", "CPUQuota=",
            ])
        #expect(
            try limits.unitProperties(in: first) == [
                "MemoryLimit=67108864", "CPUShares=1024", "CPUQuotaPeriodSec=200000us", "CPUQuota=26%",
                "BlockIOWeight=500", "TasksMax=infinity", "AllowedCPUs=0-1",
            ])
        limits.memorySwap = 1
        #expect(throws: CgroupError.self) { try limits.unitProperties(in: unified) }
    }

    @Test func pidsLimitAllowsOneMoreTask() throws {
        var limits = CgroupLimits()
        #expect(limits.onlyTasks == nil && limits.withOneMoreTask.pids == nil)
        limits.pids = 5
        #expect(limits.onlyTasks?.pids == 5 && limits.withOneMoreTask.pids == 6)
        limits.unified = [.init("pids.max", "2")]
        #expect(limits.onlyTasks?.pids == 2 && limits.withOneMoreTask.pids == 3)
        #expect(limits.withOneMoreTask.unified.isEmpty)
    }

    @Test func devicesAsProperties() throws {
        var limits = CgroupLimits()
        limits.devices = DeviceRule.everything
        #expect(limits.unitDeviceProperties(in: unified) == ["DevicePolicy=auto"])
        limits.devices = [
            DeviceRule(allow: false, .all), DeviceRule(allow: true, .block, access: .mknod),
            DeviceRule(allow: true, .character, major: 136),
            DeviceRule(allow: true, .block, major: 8, minor: 1, access: .read),
        ]
        let expressed = [
            "DevicePolicy=strict", "DeviceAllow=block-* m", "DeviceAllow=char-136 rwm", "DeviceAllow=/dev/block/8:1 r",
        ]
        #expect(limits.unitDeviceProperties(in: unified) == expressed)
        #expect(limits.unitDeviceProperties(in: first) == expressed)
        // Rules that DeviceAllow= cannot express: refused on version 1, on version 2 left to the other filter.
        limits.devices?.append(DeviceRule(allow: true, .character, minor: 7))
        #expect(limits.unitDeviceProperties(in: first) == expressed)
        #expect(limits.unitDeviceProperties(in: unified) == ["DevicePolicy=auto"])
    }

    @Test func annotationsAsAssignments() throws {
        func assignment(_ name: String, _ text: String) throws -> String { try UnitProperty.assignment(name, text) }
        #expect(try assignment("TimeoutStopUSec", "uint64 5") == "TimeoutStopSec=5us")
        #expect(try assignment("RuntimeMaxUSec", "@t 18446744073709551615") == "RuntimeMaxSec=infinity")
        #expect(try assignment("TimeoutStopSec", " 2.5 ") == "TimeoutStopSec=2.5")
        #expect(try assignment("SendSIGHUP", "true") == "SendSIGHUP=true")
        #expect(try assignment("Description", #"'it\'s a \"b\", c'"#) == #"Description=it's a "b", c"#)
        #expect(try assignment("After", #"['a.target', "b,c.target"]"#) == "After=a.target b,c.target")
        #expect(try assignment("After", "@as []") == "After=")
        for (name, text) in [
            ("A", "1"), ("A=B", "1"), ("After", "['a'"), ("After", "['a]"), ("After", ""), ("After", "name"),
            ("AllowedCPUs", "[byte 1]"), ("AllowedCPUs", "@ay [1]"), ("DeviceAllow", "[('/dev/null', 'rw')]"),
            ("Description", #"'a\nb'"#), ("Description", "'a'b'"),
        ] {
            #expect(throws: CgroupError.self) { try assignment(name, text) }
        }
    }
}
