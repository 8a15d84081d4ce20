import Foundation
import Testing

extension Integration {
    /// `linux.resources` and `linux.cgroupsPath` where the controllers are on version 1; RuntimeUnified has version 2.
    @Suite(.enabled(if: Programs.exists("/sys/fs/cgroup/memory/memory.limit_in_bytes")))
    struct RuntimeResources {
        private func bundle(_ script: String = "sleep 1000", _ resources: Bundle.Document = [:]) throws -> Bundle {
            let bundle = try Bundle(script)
            bundle.edit("linux") {
                $0["cgroupsPath"] = "/gantry-" + bundle.id
                $0["resources"] = resources
            }
            return bundle
        }

        private func file(_ bundle: Bundle, _ controller: String, _ name: String) -> String? {
            try? Programs.text("/sys/fs/cgroup/\(controller)/gantry-\(bundle.id)/\(name)")
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }

        private func pid(_ bundle: Bundle) throws -> Int {
            let output = try bundle.runtime(["state", bundle.id]).out
            let state = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? Bundle.Document
            return state?["pid"] as? Int ?? 0
        }

        @Test func limitsAreSetAndChanged() throws {
            let bundle = try bundle(
                "sleep 1000",
                [
                    "memory": ["limit": 64 << 20, "swap": 96 << 20, "reservation": 32 << 20, "swappiness": 7],
                    "cpu": [
                        "shares": 512, "quota": 50000, "period": 200_000, "cpus": "0", "mems": "0",
                    ] as Bundle.Document,
                    "pids": ["limit": 77], "blockIO": ["weight": 321],
                    "devices": [["allow": false, "access": "rwm"] as Bundle.Document],
                ])
            try bundle.start()
            #expect(file(bundle, "memory", "memory.limit_in_bytes") == "\(64 << 20)")
            #expect(file(bundle, "memory", "memory.memsw.limit_in_bytes") == "\(96 << 20)")
            #expect(file(bundle, "memory", "memory.soft_limit_in_bytes") == "\(32 << 20)")
            #expect(file(bundle, "memory", "memory.swappiness") == "7")
            #expect(file(bundle, "cpu", "cpu.shares") == "512")
            #expect(file(bundle, "cpu", "cpu.cfs_quota_us") == "50000")
            #expect(file(bundle, "cpu", "cpu.cfs_period_us") == "200000")
            #expect(file(bundle, "cpuset", "cpuset.cpus") == "0")
            #expect(file(bundle, "pids", "pids.max") == "77")
            #expect(file(bundle, "blkio", "blkio.bfq.weight") == "321")
            let pid = try pid(bundle)
            // In every hierarchy, the named one and cgroup2 too.
            let lines = try Programs.text("/proc/\(pid)/cgroup").split(separator: "\n")
            #expect(lines.count > 3 && lines.allSatisfy { $0.hasSuffix(":/gantry-" + bundle.id) }, "\(lines)")

            try bundle.runtime(["update", "--memory", "\(256 << 20)", "--memory-swap", "\(256 << 20)", bundle.id])
            #expect(file(bundle, "memory", "memory.limit_in_bytes") == "\(256 << 20)")
            try bundle.runtime(["update", "--memory", "\(32 << 20)", "--memory-swap", "\(32 << 20)", bundle.id])
            #expect(file(bundle, "memory", "memory.memsw.limit_in_bytes") == "\(32 << 20)")
            try bundle.runtime(["update", "--cpu-quota", "5000", "--cpu-period", "10000", bundle.id])
            #expect(file(bundle, "cpu", "cpu.cfs_quota_us") == "5000")
            #expect(file(bundle, "cpu", "cpu.cfs_period_us") == "10000")
            try bundle.runtime(["update", "--pids-limit", "20", "--cpu-share", "300", bundle.id])
            #expect(file(bundle, "pids", "pids.max") == "20")
            #expect(file(bundle, "cpu", "cpu.shares") == "300")
            let input = Array(#"{"memory": {"limit": 134217728, "swap": 134217728}, "cpu": {"shares": 400}}"#.utf8)
            try bundle.runtime(["update", "--resources", "-", bundle.id], input: input)
            #expect(file(bundle, "memory", "memory.limit_in_bytes") == "134217728")
            #expect(file(bundle, "cpu", "cpu.shares") == "400")
            #expect(file(bundle, "pids", "pids.max") == "20")

            try bundle.runtime(["pause", bundle.id])
            #expect(file(bundle, "freezer", "freezer.state") == "FROZEN")
            #expect(try bundle.runtime(["state", bundle.id]).out.contains(#""status": "paused""#))
            try bundle.runtime(["resume", bundle.id])
            #expect(file(bundle, "freezer", "freezer.state") == "THAWED")
            #expect(try bundle.runtime(["delete", "--force", bundle.id]).status == 0)
            #expect(file(bundle, "memory", "cgroup.procs") == nil && file(bundle, "unified", "cgroup.procs") == nil)
        }

        /// The words are runc's where it has any of its own.
        @Test func whatCannotBeSetIsAnError() throws {
            let cases: [(Bundle.Document, String)] = [
                (["network": ["classID": 1_048_577]], "cannot set net_cls limit: container could not join"),
                (["rdma": ["mlx5_1": ["hcaHandles": 3]]], "cannot set rdma limit: container could not join"),
                (["unified": ["memory.max": "1"]], "cannot use unified on cgroup v1"),
                (["memory": ["limit": 64 << 20, "swap": 1 << 20]], ""),
                (["memory": ["swappiness": 101]], "invalid memory swappiness value: 101 (valid range is 0-100)"),
                (["cpu": ["shares": 1]], "the minimum allowed cpu-shares is 2"),
                (["cpu": ["cpus": "9999"]], "cpuset.cpus"),
                (["cpu": ["quota": 50000, "period": 10]], "cpu.cfs_period_us"),
                (["blockIO": ["leafWeight": 500]], "blkio.leaf_weight"),
                (["blockIO": ["weight": 5]], "invalid block weight 5 (valid range is 10-1000)"),
                (["blockIO": ["leafWeight": 1001]], "invalid block weight 1001 (valid range is 10-1000)"),
                (["blockIO": ["weightDevice": [["major": 8, "minor": 0, "weight": 9]]]], "invalid block weight 9"),
            ]
            for (resources, message) in cases {
                let bundle = try bundle("true", resources)
                let output = try bundle.run()
                #expect(output.status == 1, "\(resources): \(output)")
                #expect(message.isEmpty || output.err.contains(message), "\(resources): \(output)")
                #expect(file(bundle, "memory", "cgroup.procs") == nil)
            }
        }

        /// Time for processes of the real-time classes: a group has none until it is given some.
        @Test(.enabled(if: Programs.exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"))) func realTime() throws {
            let bundle = try bundle(
                "sleep 1000", ["cpu": ["realtimeRuntime": 9500, "realtimePeriod": 500_000] as Bundle.Document])
            try bundle.start()
            #expect(file(bundle, "cpu", "cpu.rt_runtime_us") == "9500")
            #expect(file(bundle, "cpu", "cpu.rt_period_us") == "500000")
            let words = ["--cpu-rt-runtime", "4000", "--cpu-rt-period", "200000", bundle.id]
            #expect(try bundle.runtime(["update"] + words).status == 0)
            #expect(file(bundle, "cpu", "cpu.rt_runtime_us") == "4000")
            #expect(file(bundle, "cpu", "cpu.rt_period_us") == "200000")
            // More than the machine has.
            let greedy = try self.bundle("true", ["cpu": ["realtimeRuntime": 999_000]])
            let refused = try greedy.run()
            #expect(refused.status == 1 && refused.err.contains("cpu.rt_runtime_us"), "\(refused)")
        }

        /// Rates of a disk, one file for each kind.
        @Test func blockDevicesAreThrottled() throws {
            let image = try Scratch("disk")
            try succeed(["truncate", "-s", "1M", image.path + "/image"])
            let loop = try succeed(["losetup", "--find", "--show", image.path + "/image"])
            defer { _ = try? command(["losetup", "--detach", loop]) }
            let numbers = try succeed(["stat", "-c", "%Hr %Lr", loop]).split(separator: " ").compactMap { Int($0) }
            func rate(_ value: Int) -> [Bundle.Document] {
                [["major": numbers[0], "minor": numbers[1], "rate": value]]
            }
            let bundle = try bundle(
                "sleep 1000",
                [
                    "blockIO": [
                        "throttleReadBpsDevice": rate(1 << 20), "throttleWriteBpsDevice": rate(2 << 20),
                        "throttleReadIOPSDevice": rate(300), "throttleWriteIOPSDevice": rate(400),
                    ]
                ])
            try bundle.start()
            let disk = "\(numbers[0]):\(numbers[1]) "
            #expect(file(bundle, "blkio", "blkio.throttle.read_bps_device") == disk + "1048576")
            #expect(file(bundle, "blkio", "blkio.throttle.write_bps_device") == disk + "2097152")
            #expect(file(bundle, "blkio", "blkio.throttle.read_iops_device") == disk + "300")
            #expect(file(bundle, "blkio", "blkio.throttle.write_iops_device") == disk + "400")
            let none = try self.bundle(
                "true", ["blockIO": ["throttleReadBpsDevice": [["major": 4000, "minor": 1, "rate": 1]]]])
            #expect(try none.run().status == 1)
        }

        /// Controllers that the machine's own file systems leave out are mounted for the test, in a mount namespace of its own.
        @Test(.enabled(if: (try? Programs.text("/proc/cgroups"))?.contains("net_cls") == true))
        func classesAndPrioritiesOfTheNetwork() throws {
            let bundle = try bundle(
                "sleep 1000",
                ["network": ["classID": 1_048_577, "priorities": [["name": "lo", "priority": 7]]] as Bundle.Document])
            try bundle.write()
            let mount = bundle.volume("net_cls,net_prio")
            let script = """
                mount -t cgroup -o net_cls,net_prio none "$1" || exit 3
                trap 'rmdir "$1"/gantry-*; umount "$1"' EXIT
                "$2" --root "$3" run --detach --bundle "$4" "$5" </dev/null >/dev/null 2>"$4/log" || { cat "$4/log"; exit 4; }
                cd "$1/gantry-$5" && cat net_cls.classid && grep lo net_prio.ifpriomap && wc -l <cgroup.procs; cd /
                "$2" --root "$3" delete --force "$5" && ls -d "$1"/gantry-* 2>/dev/null
                exit 0
                """
            let result = try command(
                ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", mount, Bundle.runtime]
                    + [bundle.state, bundle.directory, bundle.id])
            #expect(result.status == 0 && result.lines == ["1048577", "lo 7", "1"], "\(result)")
            // Every process is in it until the kernel has taken it down, which it does when the last mount goes and no
            // group has been there for a while.
            let again = #"mount -t cgroup -o net_cls,net_prio none "$1" && umount "$1"; cat /proc/self/cgroup"#
            try eventually("the hierarchy is gone") {
                try Programs.exists("/sys/fs/cgroup/net_cls")
                    || !Programs.text("/proc/self/cgroup").contains("net_cls")
                    || !command(["unshare", "-m", "--propagation", "private", "sh", "-c", again, "sh", mount]).out
                        .contains("net_cls")
            }
        }

        @Test func devicesAreFiltered() throws {
            let bundle = try bundle("sleep 1000")
            try bundle.start()
            try succeed(["mknod", bundle.root + "/tmp/line", "c", "4", "65"])
            try succeed(["mknod", bundle.root + "/tmp/null", "c", "1", "3"])
            let refused = try bundle.exec([], "sh", "-c", "echo x >/tmp/line")
            #expect(refused.status == 1 && refused.err.contains("Operation not permitted"), "\(refused)")
            #expect(try bundle.exec([], "sh", "-c", "echo x >/tmp/null").status == 0)
        }

        /// A path without a leading slash, or none, starts at the caller's own cgroup in each hierarchy.
        @Test func pathsStartAtTheCallersCgroup() throws {
            for path in [nil, "gantry-relative"] {
                let bundle = try bundle()
                bundle.edit("linux") { $0["cgroupsPath"] = path.map { $0 + bundle.id } }
                try bundle.start()
                let pid = try pid(bundle)
                let own = try Programs.text("/proc/self/cgroup").split(separator: "\n")
                let inside = try Programs.text("/proc/\(pid)/cgroup").split(separator: "\n")
                let name = (path ?? "") + bundle.id
                #expect(inside == own.map { Substring(($0.hasSuffix("/") ? $0 : $0 + "/") + name) })
                try bundle.runtime(["delete", "--force", bundle.id])
                #expect(try succeed(["find", "/sys/fs/cgroup", "-name", name]).isEmpty)
            }
            let up = try bundle()
            up.edit("linux") { $0["cgroupsPath"] = "/../../gantry-" + up.id }
            try up.start()
            #expect(file(up, "memory", "cgroup.procs") == String(try pid(up)))
        }

        /// runc 1.2 and later refuse these too; Debian's 1.1 warns.
        @Test(.enabled(if: Bundle.isGantry)) func cgroupsOfOthersAreLeftAlone() throws {
            let first = try bundle()
            let paths = ["memory", "pids", "freezer"].map { "/sys/fs/cgroup/\($0)/gantry-\(first.id)" }
            for path in paths { #expect(mkdir(path, 0o755) == 0) }
            defer { for path in paths { rmdir(path) } }
            try first.start()
            let second = try bundle()
            second.edit("linux") { $0["cgroupsPath"] = "/gantry-" + first.id }
            let refused = try second.run()
            #expect(refused.status == 1 && refused.err.contains("container's cgroup is not empty"), "\(refused)")
            #expect(try first.exec([], "true").status == 0)
            try first.runtime(["delete", "--force", first.id])
            // What was there before stays.
            #expect(Programs.exists(paths[0]))
            try "FROZEN".write(toFile: paths[2] + "/freezer.state", atomically: false, encoding: .utf8)
            let frozen = try second.run()
            #expect(frozen.status == 1 && frozen.err.contains("unexpectedly frozen"), "\(frozen)")
            let left = try succeed(["find", "/sys/fs/cgroup", "-name", "gantry-" + first.id])
            #expect(Set(left.split(separator: "\n").map(String.init)) == Set(paths))
        }
    }
}
