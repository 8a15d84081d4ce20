import Foundation
import Testing

extension Integration {
    /// `--systemd-cgroup` beside the real one, which is the first process of a virtual machine; compared with runc's.
    @Suite struct RuntimeSystemd {
        @Test(arguments: ["", "systemd.unified_cgroup_hierarchy=0"])
        func scopesOfSystemd(hierarchy: String) throws {
            let scratch = try Scratch("systemd")
            let tree = scratch.path
            try VirtualMachine.furnish(
                tree, programs: Self.programs, script: "systemd.sh", first: "/lib/systemd/systemd")
            for folder in ["system", "user"] { try succeed(["mkdir", "-p", tree + "/etc/systemd/" + folder]) }
            let base = try Bundle()
            try succeed(["cp", "-a", base.root, tree + "/bundles/rootfs"])
            for (name, text) in Self.files { _ = try scratch.write(text, to: name) }
            for (name, script, edit) in Self.bundles {
                let bundle = try Bundle(script)
                bundle.config["root"] = ["path": "../rootfs"] as Bundle.Document
                edit(bundle)
                try bundle.write()
                mkdir(tree + "/bundles/" + name, 0o755)
                try succeed(["cp", bundle.directory + "/config.json", tree + "/bundles/\(name)/config.json"])
            }
            let (output, console) = try VirtualMachine.boot(tree, options: "systemd.unit=tests.service " + hierarchy)
            try VirtualMachine.judge(output, console, by: "systemd.sh")
        }

        private static let programs = [
            "/lib/systemd/systemd", "/lib/systemd/systemd-executor", "/lib/systemd/systemd-cgroups-agent",
            "/usr/bin/systemctl", "/usr/bin/systemd-run", "/usr/bin/cat", "/usr/sbin/runc",
        ]

        private static let files = [
            "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n", "etc/machine-id": "",
            "etc/os-release": "ID=tests\n",
            "etc/systemd/system/tests.service":
                "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nTimeoutStartSec=infinity\n"
                + "ExecStart=/usr/bin/tests\n",
            // What user@.service is, without the logins it belongs to.
            "etc/systemd/system/manager.service":
                "[Unit]\nDefaultDependencies=no\n[Service]\nType=notify\nUser=4711\nKillSignal=SIGKILL\nDelegate=yes\n"
                + "Environment=XDG_RUNTIME_DIR=/run/user/4711\nExecStart=/lib/systemd/systemd --user\n",
            "etc/systemd/user/default.target": "[Unit]\n",
            "etc/systemd/user/work.service":
                "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/usr/bin/user-tests\n",
        ]

        private static var bundles: [(String, String, (Bundle) -> Void)] {
            func plain(_ path: String, _ annotations: [String: String] = [:]) -> (Bundle) -> Void {
                { bundle in
                    bundle.edit("linux") { $0["cgroupsPath"] = path }
                    bundle.config["annotations"] = annotations.reduce(into: [:]) {
                        $0["org.systemd.property." + $1.key] = $1.value
                    }
                }
            }
            func limited(_ path: String) -> (Bundle) -> Void {
                { bundle in
                    let times = ["TimeoutStopUSec": "uint64 123456789", "CollectMode": "'inactive-or-failed'"]
                    plain(path, times.merging(["After": "['one.target', \"two.target\"]"]) { $1 })(bundle)
                    bundle.edit("linux") { $0["resources"] = limits }
                }
            }
            let waiting = "exec sleep 1000"
            return [
                ("limits", waiting, limited("tests-deep.slice:box:limits")),
                ("twin", waiting, limited("tests-deep.slice:box:limits")),
                ("peer", waiting, limited("tests-deep.slice:peer:limits")),
                (
                    "single", waiting,
                    { bundle in
                        plain("system.slice:box:single")(bundle)
                        bundle.edit("linux") { $0["resources"] = ["pids": ["limit": 1]] }
                    }
                ),
                ("ends", "exit 7", { bundle in bundle.edit("linux") { $0["cgroupsPath"] = nil } }),
                (
                    "timed", waiting,
                    plain("system.slice:box:timed", ["RuntimeMaxSec": "1", "TimeoutStopSec": "uint64 1"])
                ),
                (
                    "users", waiting,
                    { bundle in
                        bundle.edit("linux") { $0["cgroupsPath"] = nil }
                        map(bundle, 100_000, 65536)
                    }
                ),
                (
                    "broken", waiting,
                    { bundle in
                        plain("system.slice:box:broken")(bundle)
                        bundle.edit("process") { $0["args"] = ["/nowhere"] }
                    }
                ),
                ("slice", waiting, plain("system.slice:box:x.slice")),
                ("pattern", waiting, plain("system.slice:box:*")),
                ("bytes", waiting, plain("system.slice:box:bytes", ["AllowedCPUs": "[byte 1]"])),
                ("unknown", waiting, plain("system.slice:box:unknown", ["NoSuchThing": "1"])),
                ("unlimited", waiting, { bundle in own(bundle) }),
                (
                    "delegated", waiting,
                    { bundle in
                        own(bundle)
                        bundle.edit("linux") {
                            $0["resources"] = ["pids": ["limit": 33], "memory": ["limit": 32 << 20]]
                        }
                    }
                ),
            ]
        }

        private static func map(_ bundle: Bundle, _ first: Int, _ count: Int) {
            bundle.edit("linux") { linux in
                let mapping = [["containerID": 0, "hostID": first, "size": count]]
                linux["uidMappings"] = mapping
                linux["gidMappings"] = mapping
                linux["namespaces"] = (linux["namespaces"] as? [Bundle.Document] ?? []) + [["type": "user"]]
            }
        }

        /// One of an ordinary user, whose only group is his own.
        private static func own(_ bundle: Bundle) {
            map(bundle, 4711, 1)
            bundle.edit("linux") { $0["cgroupsPath"] = ":box:delegated" }
            bundle.config["root"] = ["path": "rootfs"] as Bundle.Document
            let mounts = bundle.config["mounts"] as? [Bundle.Document] ?? []
            bundle.config["mounts"] = mounts.map { mount in
                var mount = mount
                mount["options"] = (mount["options"] as? [String])?.filter { $0 != "gid=5" }
                return mount
            }
        }

        private static var limits: Bundle.Document {
            [
                "memory": ["limit": 64 << 20, "swap": 96 << 20, "reservation": 32 << 20],
                "cpu": ["shares": 1024, "quota": 50500, "period": 200_000, "cpus": "1", "mems": "0"] as Bundle.Document,
                "pids": ["limit": 77],
                "hugepageLimits": [["pageSize": "2MB", "limit": 4 << 20] as Bundle.Document],
                "devices": [
                    ["allow": false, "access": "rwm"] as Bundle.Document,
                    ["allow": true, "type": "c", "major": 4, "minor": 65, "access": "r"],
                ],
            ]
        }
    }
}
