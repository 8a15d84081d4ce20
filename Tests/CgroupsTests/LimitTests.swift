import Cgroups
import Foundation
import Testing

/// Limits as read back from this machine's kernel.
@Suite(.enabled(if: geteuid() == 0), .serialized)
struct LimitTests {
    /// A control file's text; nil where this machine lacks the controller.
    private func file(_ cgroup: Cgroup, _ controller: String, _ name: String) -> String? {
        let place = cgroup.places.first { $0.controller.split(separator: ",").contains { $0 == controller } }
        guard let place = place ?? cgroup.places.last else { return nil }
        return try? String(contentsOfFile: place.path + "/" + name, encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private var hasVersion1: Bool { (try? CgroupHierarchy.detect().mount(of: "memory")) ?? nil != nil }

    @Test func setsEveryLimit() throws {
        guard hasVersion1 else { return }
        var limits = CgroupLimits()
        limits.memory = 64 << 20
        limits.memorySwap = 96 << 20
        limits.memoryReservation = 32 << 20
        limits.memorySwappiness = 7
        limits.oomKillDisable = true
        limits.pids = 77
        limits.cpuShares = 512
        limits.cpuQuota = 50000
        limits.cpuPeriod = 200_000
        limits.cpuBurst = 10000
        limits.cpusetCpus = "0"
        limits.cpusetMems = "0"
        limits.blkioWeight = 321
        try withCgroup(limits) { cgroup in
            #expect(file(cgroup, "memory", "memory.limit_in_bytes") == "\(64 << 20)")
            #expect(file(cgroup, "memory", "memory.memsw.limit_in_bytes") == "\(96 << 20)")
            #expect(file(cgroup, "memory", "memory.soft_limit_in_bytes") == "\(32 << 20)")
            #expect(file(cgroup, "memory", "memory.swappiness") == "7")
            #expect(file(cgroup, "memory", "memory.oom_control")?.contains("oom_kill_disable 1") == true)
            #expect(file(cgroup, "pids", "pids.max") == "77")
            #expect(file(cgroup, "cpu", "cpu.shares") == "512")
            #expect(file(cgroup, "cpu", "cpu.cfs_quota_us") == "50000")
            #expect(file(cgroup, "cpu", "cpu.cfs_period_us") == "200000")
            #expect(file(cgroup, "cpu", "cpu.cfs_burst_us") == "10000")
            #expect(file(cgroup, "cpuset", "cpuset.cpus") == "0")
            #expect(file(cgroup, "cpuset", "cpuset.mems") == "0")
            #expect(file(cgroup, "blkio", "blkio.bfq.weight") == "321")
            let list = file(cgroup, "devices", "devices.list")?.split(separator: "\n") ?? []
            #expect(list.contains("c 1:3 rwm") && list.contains("b *:* m") && !list.contains("a *:* rwm"))
            #expect(cgroup.leftOut.isEmpty)
            let statistics = cgroup.statistics()
            #expect(statistics.memory.usage.limit == 64 << 20)
            #expect(statistics.memory.swap.limit == 96 << 20)
            #expect(statistics.memory.kernelTCP.limit == nil)
            #expect(statistics.pids.limit == 77)
            #expect(statistics.cpuset.cpus == [0])
            #expect(statistics.memory.raw["total_cache"] != nil)
        }
    }

    /// For each change the kernel refuses the wrong order of writes.
    @Test func changesLimitsInAcceptedOrder() throws {
        guard hasVersion1 else { return }
        func change(_ cgroup: Cgroup, _ edit: (inout CgroupLimits) -> Void) throws {
            var limits = CgroupLimits()
            edit(&limits)
            try cgroup.apply(limits)
        }
        try withCgroup { cgroup in
            for (memory, swap) in [(64, 64), (256, 256), (32, 32), (32, 64), (128, 128), (-1, 0), (64, 128)] {
                try change(cgroup) {
                    $0.memory = Int64(memory) << (memory > 0 ? 20 : 0)
                    $0.memorySwap = Int64(swap) << 20
                }
                let limit = cgroup.statistics().memory
                #expect(limit.usage.limit == (memory > 0 ? UInt64(memory) << 20 : nil))
                #expect(limit.swap.limit == (swap > 0 ? UInt64(swap) << 20 : nil))
            }
            // A child may not have a larger share of the time than its parent.
            let parent = Cgroup(String(cgroup.name.dropLast("/one".count)), in: cgroup.hierarchy)
            try change(parent) {
                $0.cpuQuota = 50000
                $0.cpuPeriod = 100_000
            }
            for (quota, period) in [(50000, 100_000), (5000, 10000), (400_000, 800_000)] {
                try change(cgroup) {
                    $0.cpuQuota = Int64(quota)
                    $0.cpuPeriod = UInt64(period)
                }
                #expect(file(cgroup, "cpu", "cpu.cfs_quota_us") == "\(quota)")
                #expect(file(cgroup, "cpu", "cpu.cfs_period_us") == "\(period)")
            }
            #expect(throws: CgroupError.self) { try change(cgroup) { $0.cpuQuota = 700_000 } }
            try change(cgroup) { $0.cpuIdle = 1 }
            #expect(file(cgroup, "cpu", "cpu.idle") == "1")
            try change(cgroup) {
                $0.cpuIdle = 0
                $0.cpuShares = 300
            }
            #expect(file(cgroup, "cpu", "cpu.shares") == "300")
            try cgroup.set(devices: [DeviceRule(allow: true, .character, major: 1, minor: 3, access: [.read])])
            #expect(file(cgroup, "devices", "devices.list") == "c 1:3 r")
            try cgroup.set(devices: DeviceRule.everything)
            #expect(file(cgroup, "devices", "devices.list") == "a *:* rwm")
        }
    }

    @Test func refusesContradictoryLimits() throws {
        let cases: [(String, (inout CgroupLimits) -> Void)] = [
            (
                "memory+swap limit should be >= memory limit",
                {
                    $0.memory = 64 << 20; $0.memorySwap = 1 << 20
                }
            ),
            ("invalid memory swappiness value: 101", { $0.memorySwappiness = 101 }),
            ("must be a file name", { $0.unified = [.init("../memory.max", "1")] }),
            ("invalid page size", { $0.hugepages = [.init("../2MB", 1)] }),
            ("invalid block weight 5", { $0.blkioWeight = 5 }),
            (
                "rejecting memory limit 1 <= usage",
                {
                    $0.memory = 1; $0.checkMemoryBeforeUpdate = true
                }
            ),
            ("cpuset.cpus", { $0.cpusetCpus = "9999" }),
        ]
        for (message, edit) in cases {
            var limits = CgroupLimits()
            edit(&limits)
            // withCgroup checks that nothing of a failed creation is left.
            let error = #expect(throws: CgroupError.self) {
                try withCgroup { cgroup in
                    try withProcess(in: cgroup, "sh", "-c", "while :; do sh -c :; done") { _ in
                        while cgroup.statistics().memory.usage.usage == 0 { usleep(1000) }
                        try cgroup.apply(limits)
                    }
                }
            }
            #expect(error?.description.contains(message) == true, "\(error as Any)")
        }
    }

    /// Without a net_prio hierarchy a lenient creation succeeds and reports it, a strict one fails.
    @Test func reportsMissingLimitControllers() throws {
        let hierarchy = try CgroupHierarchy.detect()
        guard hierarchy.mode != .v2, hierarchy.mount(of: "net_prio") == nil else { return }
        var limits = CgroupLimits()
        limits.networkPriorities = [.init("lo", 3)]
        limits.pids = 5
        try withCgroup(limits) { cgroup in
            #expect(cgroup.leftOut.map(\.description) == ["network priority: no net_prio controller is available"])
            #expect(cgroup.statistics().pids.limit == 5)
        }
        let error = #expect(throws: CgroupError.self) { try withCgroup(limits, .strict) { _ in } }
        #expect(error?.description.contains("cannot set net_prio limit") == true, "\(error as Any)")
    }

    /// A controller that is not mounted as version 1 may be on the cgroup2 mount.
    @Test func limitsHugepagesOnEitherVersion() throws {
        let hierarchy = try CgroupHierarchy.detect()
        guard hierarchy.controllers.contains("hugetlb") else { return }
        var limits = CgroupLimits()
        limits.hugepages = [.init("2MB", 4 << 20)]
        try withCgroup(limits, .strict) { cgroup in
            let name = hierarchy.mount(of: "hugetlb") == nil ? "max" : "limit_in_bytes"
            #expect(file(cgroup, "hugetlb", "hugetlb.2MB.\(name)") == "\(4 << 20)")
            #expect(file(cgroup, "hugetlb", "hugetlb.2MB.rsvd.\(name)") == "\(4 << 20)")
            #expect(cgroup.statistics().hugepages["2MB"]?.usage == 0)
        }
    }

    @Test func countsProcessorTime() throws {
        try withCgroup { cgroup in
            try withProcess(in: cgroup, "sh", "-c", "while :; do :; done") { _ in
                var statistics = cgroup.statistics()
                while statistics.processor.total < 50_000_000 || statistics.processor.user == 0 {
                    usleep(10000)
                    statistics = cgroup.statistics()
                }
                #expect(statistics.pids.current == 1)
                if hasVersion1 {
                    #expect(statistics.processor.perProcessor.reduce(0, +) >= 50_000_000)
                    #expect(statistics.processor.perProcessorUser.count == statistics.processor.perProcessor.count)
                }
                if access("/proc/pressure/cpu", F_OK) == 0, let unified = cgroup.unifiedPath,
                    access(unified + "/cpu.pressure", F_OK) == 0
                {
                    #expect(statistics.processor.pressure != nil && statistics.memory.pressure != nil)
                }
            }
        }
    }
}
