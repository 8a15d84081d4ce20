import Foundation
import Testing

extension Integration {
    /// The labels of AppArmor and SELinux, which the test machines' own kernels do not have: Debian's kernel has both, one
    /// at a time, in a virtual machine. runc's are the same.
    @Suite struct RuntimeLabels {
        @Test func profilesOfAppArmor() throws {
            let tree = try Self.tree("apparmor.sh", programs: ["/usr/sbin/apparmor_parser"])
            try Self.put("box", in: tree) { $0.edit("process") { $0["apparmorProfile"] = "box" } }
            try Self.put("unlabeled", showing: "current", in: tree)
            for (name, profile) in [("unknown", "nosuch"), ("unconfined", "unconfined")] {
                try Self.put(name, showing: "current", in: tree) { bundle in
                    bundle.edit("process") { $0["apparmorProfile"] = profile }
                }
            }
            let (output, console) = try VirtualMachine.boot(tree.path)
            try VirtualMachine.judge(output, console, by: "apparmor.sh")
        }

        @Test func labelsOfSELinux() throws {
            let tree = try Self.tree("selinux.sh", programs: ["/usr/bin/python3"] + VirtualMachine.criu)
            try succeed(["cp", "-r", VirtualMachine.modules, tree.path + "/usr/lib/modules"])
            try VirtualMachine.addPython(tree.path)
            try succeed([
                "secilc", "--policyvers=33", "--filecontext=/dev/null", "--output=" + tree.path + "/etc/policy",
                Programs.fixtures + "/selinux.cil",
            ])
            try Self.put("box", in: tree) { bundle in
                bundle.edit("process") { $0["selinuxLabel"] = "u:r:box_t:s0:c1,c2" }
                bundle.edit("linux") { $0["mountLabel"] = "u:object_r:box_file_t:s0:c1,c2" }
                bundle.add(mount: "/mnt", type: "tmpfs", source: "tmpfs")
            }
            try Self.put("unknown", in: tree) { $0.edit("process") { $0["selinuxLabel"] = "u:r:nosuch_t:s0" } }
            try Self.put("unlabeled", showing: "current", in: tree)
            let (output, console) = try VirtualMachine.boot(tree.path, options: "security=selinux enforcing=1")
            try VirtualMachine.judge(output, console, by: "selinux.sh")
        }

        /// What the machine finds, with runc beside this runtime.
        private static func tree(_ script: String, programs: [String]) throws -> Scratch {
            let scratch = try Scratch("labels")
            try VirtualMachine.furnish(
                scratch.path, programs: ["/usr/sbin/runc"] + programs, script: script, first: "/usr/bin/tests")
            let base = try Bundle()
            try succeed(["cp", "-a", base.root, scratch.path + "/bundles/rootfs"])
            return scratch
        }

        /// A bundle whose program sleeps, or shows what the kernel says of it.
        private static func put(
            _ name: String, showing attribute: String? = nil, in tree: borrowing Scratch,
            edit: (Bundle) -> Void = { _ in }
        ) throws {
            let bundle = try Bundle(attribute.map { "cat /proc/self/attr/\($0)" } ?? "exec sleep 1000")
            bundle.config["root"] = ["path": "../rootfs"] as Bundle.Document
            bundle.edit("linux") { $0["cgroupsPath"] = "/" + name }
            edit(bundle)
            try bundle.write()
            let place = tree.path + "/bundles/" + name
            mkdir(place, 0o755)
            try succeed(["cp", bundle.directory + "/config.json", place + "/config.json"])
        }
    }
}
