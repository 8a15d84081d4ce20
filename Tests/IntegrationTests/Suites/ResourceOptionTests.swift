import Foundation
import Testing

extension Integration {
    /// Limits of block devices and of memory's finer parts: they reach the kernel, `update` changes them, `inspect` shows them.
    @Suite(.daemon) struct ResourceOptions {
        /// A disk of this machine.
        private static func withDisk(_ body: (_ path: String, _ number: String) throws -> Void) throws {
            let names = try FileManager.default.contentsOfDirectory(atPath: "/sys/block").sorted()
            let name = try #require(
                names.last { !$0.hasPrefix("loop") && !$0.hasPrefix("zram") && !$0.hasPrefix("ram") })
            let number = try Programs.text("/sys/block/\(name)/dev").trimmingCharacters(in: .whitespacesAndNewlines)
            let path = "/dev/\(name)"
            try #require(Programs.exists(path), "no node of \(name)")
            try body(path, number)
        }

        /// The first line of a control file of version 1 of a container.
        private func limit(_ controller: String, _ file: String, of id: String) throws -> String {
            let folder = try succeed(["find", "/sys/fs/cgroup/\(controller)/", "-name", id, "-type", "d"])
            return try Programs.text(folder + "/" + file).trimmingCharacters(in: .whitespacesAndNewlines)
        }

        @Test(arguments: Client.all)
        func limitsHoldForExecs(client: Client) throws {
            let id = try daemon.ok(
                client, "run", "-d", "--ulimit", "nofile=10:20", "--oom-score-adj", "100", "busybox", "sleep", "1000")
            let script = "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj"
            for flags in [[], ["--privileged"], ["-u", "1"]] {
                let limits = try daemon.run(client, ["exec"] + flags + [id, "sh", "-c", script])
                #expect(limits.lines == ["10", "20", "100"], "\(flags): \(limits)")
            }
            try daemon.ok(client, "rm", "-f", id)
        }

        /// Systemd gives daemons a score against being killed: containers must not inherit it.
        @Test(arguments: Client.all) func scoreIsNotTheDaemons(client: Client) throws {
            let pid = try #require(daemon.pid)
            let score = "/proc/\(pid)/oom_score_adj"
            try succeed(["sh", "-c", "echo 500 >\(score)"])
            defer { _ = try? command(["sh", "-c", "echo 0 >\(score)"]) }
            let script = "cat /proc/self/oom_score_adj"
            #expect(try daemon.ok(client, "run", "--rm", "busybox", "sh", "-c", script) == "0")
            let id = try daemon.ok(client, "run", "-d", "busybox", "sleep", "1000")
            #expect(try daemon.ok(client, "exec", id, "sh", "-c", script) == "0")
            try daemon.ok(client, "rm", "-f", id)
        }

        @Test(arguments: Client.all)
        func ratesOfDevices(client: Client) throws {
            try Self.withDisk { path, number in
                let id = try daemon.ok(
                    client, "run", "-d", "--device-read-bps", "\(path):1mb", "--device-write-bps", "\(path):2mb",
                    "--device-read-iops", "\(path):300", "--device-write-iops", "\(path):400", "busybox", "sleep",
                    "1000")
                for (file, rate) in [
                    ("read_bps", "1048576"), ("write_bps", "2097152"), ("read_iops", "300"), ("write_iops", "400"),
                ] {
                    #expect(try limit("blkio", "blkio.throttle.\(file)_device", of: id) == "\(number) \(rate)")
                }
                #expect(
                    try daemon.ok(client, "inspect", "-f", "{{json .HostConfig.BlkioDeviceReadBps}}", id)
                        == #"[{"Path":"\#(path)","Rate":1048576}]"#)
                // An update replaces the list; a restart keeps it.
                let changed = try daemon.request(
                    "POST", "/v1.41/containers/\(id)/update",
                    body: #"{"BlkioDeviceReadBps": [{"Path": "\#(path)", "Rate": 4096}]}"#)
                #expect(changed.status == 200, "\(changed)")
                #expect(try limit("blkio", "blkio.throttle.read_bps_device", of: id) == "\(number) 4096")
                #expect(try limit("blkio", "blkio.throttle.write_bps_device", of: id) == "\(number) 2097152")
                try daemon.ok(client, "restart", "-t", "0", id)
                #expect(try limit("blkio", "blkio.throttle.read_bps_device", of: id) == "\(number) 4096")
                try daemon.ok(client, "rm", "-f", id)
            }
        }

        /// In the file that this kernel has for it, or told in Docker's words where it has none.
        @Test(arguments: Client.all)
        func weights(client: Client) throws {
            let created = try daemon.run(client, "create", "--blkio-weight", "300", "busybox", "sleep", "1000")
            let id = created.trimmed
            #expect(created.status == 0, "\(created)")
            try daemon.ok(client, "start", id)
            let folder = try succeed(["find", "/sys/fs/cgroup/blkio/", "-name", id, "-type", "d"])
            let file = ["blkio.weight", "blkio.bfq.weight"].first { Programs.exists(folder + "/" + $0) }
            if let file {
                #expect(try limit("blkio", file, of: id) == "300")
                #expect(created.err.isEmpty, "\(created)")
                try daemon.ok(client, "update", "--blkio-weight", "500", id)
                #expect(try limit("blkio", file, of: id) == "500")
            } else {
                let text =
                    "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."
                #expect(created.err.contains(text), "\(created)")
            }
            let shown = try daemon.ok(client, "inspect", "-f", "{{.HostConfig.BlkioWeight}}", id)
            #expect(shown == (file == nil ? "0" : "500"))
            try daemon.ok(client, "rm", "-f", id)
        }

        @Test(arguments: Client.all)
        func swappinessAndTheKiller(client: Client) throws {
            let id = try daemon.ok(
                client, "run", "-d", "-m", "64m", "--memory-swappiness", "13", "--oom-kill-disable", "busybox", "sleep",
                "1000")
            #expect(try limit("memory", "memory.swappiness", of: id) == "13")
            #expect(try limit("memory", "memory.oom_control", of: id).hasPrefix("oom_kill_disable 1"))
            #expect(try daemon.ok(client, "inspect", "-f", "{{.HostConfig.MemorySwappiness}}", id) == "13")
            let update = try daemon.request(
                "POST", "/v1.41/containers/\(id)/update", body: #"{"MemorySwappiness": 31}"#)
            #expect(update.status == 200, "\(update)")
            #expect(try limit("memory", "memory.swappiness", of: id) == "31")
            try daemon.ok(client, "rm", "-f", id)
        }

        @Test func refusesWhatCannotBeMeant() throws {
            for (fragment, words) in [
                (#""BlkioWeight": 5"#, "Range of blkio weight is from 10 to 1000"),
                (#""BlkioWeight": 1001"#, "Range of blkio weight is from 10 to 1000"),
                (
                    #""BlkioDeviceReadBps": [{"Path": "/dev/nosuch", "Rate": 1}]"#,
                    "stat /dev/nosuch: no such file or directory"
                ),
                (#""BlkioDeviceReadBps": [{"Path": "/dev/null", "Rate": 1}]"#, "/dev/null is not a block device"),
                (#""BlkioDeviceWriteIOps": [{"Path": "/dev/null", "Rate": -1}]"#, "must not be negative"),
                (#""MemorySwappiness": 101"#, "Invalid value: 101, valid memory swappiness range is 0-100"),
                (#""MemorySwappiness": -2"#, "Invalid value: -2, valid memory swappiness range is 0-100"),
                (#""Memory": 1024"#, "Minimum memory limit allowed is 6MB"),
                (
                    #""Memory": 10000000, "MemoryReservation": 20000000"#,
                    "can not be less than memory reservation limit"
                ),
                (#""CpuPeriod": 10"#, "CPU cfs period can not be less than 1ms"),
                (#""CpuQuota": 10"#, "CPU cfs quota can not be less than 1ms"),
                (#""CpuShares": -1"#, "invalid CPU shares (-1)"),
                (#""CpusetCpus": "1-""#, "Invalid value 1- for cpuset cpus"),
                (#""CpusetCpus": "0,8192""#, "Invalid value 0,8192 for cpuset cpus"),
                (#""CpusetMems": "x""#, "Invalid value x for cpuset mems"),
                (
                    #""CpusetCpus": "0,4000-4001""#,
                    "Requested CPUs are not available - requested 0,4000-4001, available: "
                ),
                (#""CpusetMems": "900""#, "Requested memory nodes are not available - requested 900, available: "),
                (#""NanoCpus": 500000000, "CpuQuota": 5000"#, "Conflicting options: Nano CPUs and CPU Quota"),
                (#""IOMaximumIOps": 1"#, "QoS maximum IOPs"), (#""CpuRealtimeRuntime": 1000"#, "CpuRealtimeRuntime"),
            ] {
                let body = #"{"Image": "busybox", "Cmd": ["true"], "HostConfig": {\#(fragment)}}"#
                let create = try daemon.request("POST", "/v1.41/containers/create", body: body)
                #expect(create.status == 400 && create.body.contains(words), "\(fragment): \(create)")
            }
            let id = try daemon.ok(.docker, "create", "busybox", "true")
            for (fragment, words) in [
                (#""BlkioWeight": 5"#, "Range of blkio weight"), (#""Memory": 1024"#, "6MB"),
                (#""CpusetCpus": "4000""#, "Requested CPUs are not available"),
                (
                    #""Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}]"#,
                    "Devices"
                ),
                (#""Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 1}]"#, "Ulimits"),
            ] {
                let update = try daemon.request("POST", "/v1.41/containers/\(id)/update", body: "{\(fragment)}")
                #expect(update.status == 400 && update.body.contains(words), "\(fragment): \(update)")
            }
            try daemon.ok(.docker, "rm", id)
        }
    }
}
