import Foundation
import Testing

extension Integration {
    /// Cgroup version 2 with every controller, which the test machines' own kernels keep on version 1.
    @Suite struct RuntimeUnified {
        @Test func everythingOnVersion2() throws {
            let scratch = try Scratch("unified")
            let tree = scratch.path
            let base = try Bundle("sleep 1000")
            for name in ["bin", "etc", "usr", "new", "bundles"] { mkdir(tree + "/" + name, 0o755) }
            try succeed(["cp", "-a", base.root, tree + "/bundles/rootfs"])
            try succeed(["cp", "/bin/busybox", tree + "/bin/busybox"])
            try succeed(["cp", "-L", Programs.binaries + "/gantry-runtime", tree + "/bin/gantry-runtime"])
            for (file, place) in [("unified.sh", "/init"), ("checks.sh", "/bin/checks")] {
                try succeed(["install", "-m", "0755", Programs.fixtures + "/" + file, tree + place])
            }
            for (name, script, edit) in Self.bundles {
                let bundle = try Bundle(script)
                bundle.config["root"] = ["path": "../rootfs"] as Bundle.Document
                bundle.edit("linux") { linux in
                    linux["cgroupsPath"] = "/tests/" + name
                    edit(&linux)
                    // Inside, its own cgroups are for it to arrange.
                    if name == "nested" { linux["readonlyPaths"] = [String]() }
                }
                if name == "nested", let mounts = bundle.config["mounts"] as? [Bundle.Document] {
                    bundle.config["mounts"] = mounts.map { mount in
                        var mount = mount
                        if mount["destination"] as? String == "/sys/fs/cgroup" {
                            mount["options"] = ["nosuid", "noexec", "nodev"]
                        }
                        return mount
                    }
                }
                if name == "delegated", let mounts = bundle.config["mounts"] as? [Bundle.Document] {
                    // Its own copy, and no group beyond the one that it has.
                    bundle.config["root"] = ["path": "rootfs"] as Bundle.Document
                    bundle.config["mounts"] = mounts.map { mount in
                        var mount = mount
                        mount["options"] = (mount["options"] as? [String])?.filter { $0 != "gid=5" }
                        return mount
                    }
                }
                try bundle.write()
                mkdir(tree + "/bundles/" + name, 0o755)
                try succeed(["cp", bundle.directory + "/config.json", tree + "/bundles/\(name)/config.json"])
            }
            let (output, console) = try VirtualMachine.boot(tree)
            try VirtualMachine.judge(output, console, by: "unified.sh")
        }

        private typealias Edit = (inout Bundle.Document) -> Void

        private static var bundles: [(String, String, Edit)] {
            let memory: Bundle.Document = ["memory": ["limit": 32 << 20, "swap": 32 << 20]]
            let exhausting = "tail /dev/zero; echo survived $?; sleep 1000"
            return [
                ("limits", "sleep 1000", { $0["resources"] = limits }),
                (
                    "group", exhausting,
                    { $0["resources"] = memory.merging(["unified": ["memory.oom.group": "1"]]) { $1 } }
                ),
                ("single", exhausting, { $0["resources"] = memory }),
                ("waiting", "until [ -e /tmp/go ]; do sleep 0.1; done; tail /dev/zero", { $0["resources"] = memory }),
                (
                    "nested",
                    """
                    cd /sys/fs/cgroup && mkdir inside inside/deep && echo 1 >inside/cgroup.procs &&
                    echo +pids >cgroup.subtree_control; sleep 1000
                    """, { $0["resources"] = ["pids": ["limit": 50]] as Bundle.Document }
                ),
                ("relative", "sleep 1000", { $0["cgroupsPath"] = nil }),
                ("kept", "sleep 1000", { $0["cgroupsPath"] = "/mine" }),
                ("second", "sleep 1000", { $0["cgroupsPath"] = "/mine" }),
                (
                    "busy", "true",
                    {
                        $0["cgroupsPath"] = "/busy/one"
                        $0["resources"] = memory
                    }
                ),
                (
                    "threaded", "true",
                    {
                        $0["cgroupsPath"] = "/threads/one"
                        $0["resources"] = memory
                    }
                ),
                (
                    "delegated", "sleep 1000",
                    {
                        $0["cgroupsPath"] = "/user/box"
                        $0["resources"] = memory.merging(["pids": ["limit": 33]]) { $1 }
                        $0["namespaces"] = ["pid", "ipc", "uts", "mount", "cgroup", "user", "network"].map {
                            ["type": $0]
                        }
                        $0["uidMappings"] = [["containerID": 0, "hostID": 4711, "size": 1]]
                        $0["gidMappings"] = [["containerID": 0, "hostID": 4711, "size": 1]]
                    }
                ),
                ("unknown", "true", { $0["resources"] = ["unified": ["nosuch.max": "1"]] as Bundle.Document }),
                ("device", "true", { $0["resources"] = ["rdma": ["mlx5_1": ["hcaHandles": 3]]] as Bundle.Document }),
                ("slash", "true", { $0["resources"] = ["unified": ["../pids.max": "1"]] as Bundle.Document }),
            ]
        }

        private static var limits: Bundle.Document {
            // The script puts its disk's numbers in their place.
            func disk(_ rate: Int) -> [Bundle.Document] { [["major": 1234, "minor": 5678, "rate": rate]] }
            return [
                "memory": [
                    "limit": 64 << 20, "swap": 96 << 20, "reservation": 32 << 20, "swappiness": 10,
                ] as Bundle.Document,
                "cpu": [
                    "shares": 1024, "quota": 50000, "period": 200_000, "burst": 10000, "cpus": "1", "mems": "0",
                ] as Bundle.Document,
                "pids": ["limit": 77],
                "blockIO": [
                    "weight": 500, "throttleReadBpsDevice": disk(1 << 20), "throttleWriteIOPSDevice": disk(200),
                ] as Bundle.Document,
                "hugepageLimits": [["pageSize": "2MB", "limit": 4 << 20] as Bundle.Document],
                "unified": ["memory.high": String(48 << 20)],
                "devices": [
                    ["allow": false, "access": "rwm"] as Bundle.Document,
                    // The disk may be read only.
                    ["allow": true, "type": "b", "major": 1234, "minor": 5678, "access": "rm"],
                ],
            ]
        }
    }
}
