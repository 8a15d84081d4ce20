import Foundation
import Testing

extension Integration {
    /// Containers in files and back, by criu. What is asked of it is shown by one that only writes it down: those of
    /// Debian do not work on every kernel. The kernel of a virtual machine is one that it works on.
    @Suite struct RuntimeCheckpoint {
        /// A criu that writes down what it was asked, and fails with a word or does nothing more.
        private static func criu(_ bundle: Bundle, failing: String = "-") throws -> String {
            let path = bundle.directory + "/criu"
            try "#!/bin/sh\nexec python3 \(Programs.fixtures)/criu.py \(bundle.directory) '\(failing)' \"$@\"\n".write(
                toFile: path, atomically: false, encoding: .utf8)
            chmod(path, 0o755)
            return path
        }

        /// The members of the request by their numbers in criu's rpc.proto.
        private static func words(_ bundle: Bundle) throws -> Set<String> {
            Set(try Programs.text(bundle.directory + "/criu.words").split(separator: "\n").map(String.init))
        }

        private static func bundle() throws -> Bundle {
            let bundle = try Bundle("exec sleep 100")
            bundle.add(mount: "/mnt", type: "bind", source: "/usr/share", ["bind", "ro"])
            return bundle
        }

        /// runc finds criu by itself: these are about Gantry alone.
        @Test(.enabled(if: Bundle.isGantry)) func checkpointsAsAsked() throws {
            let bundle = try Self.bundle()
            try bundle.start()
            let images = bundle.directory + "/images"
            let place = ["--image-path", images]
            let missing = try bundle.runtime(["--criu", "/nosuch/criu", "checkpoint"] + place + [bundle.id])
            #expect(missing.status == 1)
            #expect(missing.err.contains("run /nosuch/criu: no such file or directory"))
            #expect(missing.err.contains("apt-get install criu"))
            let silent = try bundle.runtime(["--criu", "/bin/true", "checkpoint"] + place + [bundle.id])
            #expect(silent.status == 1 && silent.err.contains("criu dump failed (0)"), "\(silent)")
            let fails = try Self.criu(bundle, failing: "no such luck")
            let failed = try bundle.runtime(["--criu", fails, "checkpoint"] + place + [bundle.id])
            #expect(failed.status == 1 && failed.err.contains("no such luck; its log is \(images)/dump.log"))
            #expect(try bundle.status() == "running")
            let works = try Self.criu(bundle)
            let flags = [
                "--leave-running", "--tcp-established", "--ext-unix-sk", "--shell-job", "--file-locks", "--auto-dedup",
                "--lazy-pages", "--manage-cgroups-mode", "full", "--empty-ns", "network", "--work-path",
                bundle.directory + "/work", "--page-server", "127.0.0.1:27", "--status-fd", "2",
            ]
            let pid = try bundle.pid()
            let kept = try bundle.runtime(["--criu", works, "checkpoint"] + flags + place + [bundle.id])
            #expect(kept.status == 0, "\(kept)")
            let asked = try Self.words(bundle)
            let expected: Set = [
                "type 1", "1 \(images)", "2 \(pid)", "3 1", "4 1", "5 1", "7 1", "8 1", "9 4", "10 dump.log",
                "11 127.0.0.1 27", "13 \(bundle.root)", "16 1", "17 \(bundle.directory)/work", "24 1", "34 4",
                "37 mnt[/mnt]:/mnt", "37 mnt[/proc/keys]:/proc/keys", "38 \(0x4000_0000)", "48 1", "49 2", "50 1",
            ]
            #expect(expected.isSubset(of: asked), "\(expected.subtracting(asked)) in \(asked)")
            #expect(asked.contains { $0.hasPrefix("44 /sys/fs/cgroup/") })
            #expect(try bundle.status() == "running")
            let before = ["--criu", works, "checkpoint", "--pre-dump"]
            let nowhere = try bundle.runtime(before + ["--parent-path", "nosuch"] + place + [bundle.id])
            #expect(nowhere.status == 1 && nowhere.err.contains("images/nosuch"))
            mkdir(images + "/first", 0o700)
            #expect(try bundle.runtime(before + ["--parent-path", "first"] + place + [bundle.id]).status == 0)
            #expect(Set(["type 4", "14 first", "15 1", "34 3"]).isSubset(of: try Self.words(bundle)))
            #expect(try bundle.runtime(["--criu", works, "checkpoint"] + place + [bundle.id]).status == 0)
            #expect(try Programs.text(images + "/descriptors.json").hasPrefix(#"["/dev/null","#))
            #expect(try bundle.runtime(["state", bundle.id]).status == 1)
        }

        @Test(.enabled(if: Bundle.isGantry)) func restoresAsAsked() throws {
            let bundle = try Self.bundle()
            let images = bundle.directory + "/images"
            mkdir(images, 0o700)
            try #"["/dev/null","pipe:[7]","pipe:[8]"]"#.write(
                toFile: images + "/descriptors.json", atomically: false, encoding: .utf8)
            let restore = ["restore", "--bundle", bundle.directory, "--image-path", images]
            let fails = try Self.criu(bundle, failing: "no such luck")
            let failed = try bundle.runtime(["--criu", fails] + restore + [bundle.id])
            #expect(failed.status == 1 && failed.err.contains("no such luck; its log is \(images)/restore.log"))
            #expect(try bundle.traces() == [])
            let works = try Self.criu(bundle)
            let pidFile = bundle.directory + "/pid"
            let confined = try bundle.runtime(
                ["--criu", works] + restore + ["--detach", "--lsm-profile", "apparmor:x", bundle.id])
            #expect(confined.status == 1 && confined.err.contains("as unconfined instead of x"), "\(confined)")
            #expect(try Self.words(bundle).contains("53 apparmor:x"))
            #expect(try bundle.traces() == [])
            let flags = ["--detach", "--pid-file", pidFile, "--tcp-established"]
            let restored = try bundle.runtime(["--criu", works] + restore + flags + [bundle.id])
            #expect(restored.status == 0, "\(restored)")
            let asked = try Self.words(bundle)
            let root = bundle.state + "/\(bundle.id)/root"
            let expected: Set = [
                "type 2", "1 \(images)", "5 1", "6 1", "10 restore.log", "12 1", "13 \(root)", "17 \(images)", "24 1",
                "25 /\(bundle.id)", "26 1", "27 pipe:[7] 1", "27 pipe:[8] 2", "34 3", "37 mnt[/mnt]:/usr/share",
                "37 mnt[/proc/keys]:\(bundle.state)/\(bundle.id)/null", "50 1",
            ]
            #expect(expected.isSubset(of: asked), "\(expected.subtracting(asked)) in \(asked)")
            #expect(asked.contains { $0.hasPrefix("root has ") && $0.contains("bin") })
            #expect(try bundle.status() == "running")
            #expect(try "\(bundle.pid())" == Programs.text(pidFile))
            #expect(!(try Programs.text("/proc/self/mountinfo").contains(root)))
            #expect(try bundle.runtime(["delete", "--force", bundle.id]).status == 0)
            #expect(try bundle.traces() == [])
        }

        /// The real criu, asked by the runtime and by runc.
        @Test func containersGoOnWhereTheyWere() throws {
            let scratch = try Scratch("checkpoint")
            let tree = scratch.path
            let programs = ["/usr/sbin/runc", "/usr/bin/python3", "/usr/bin/script", "/usr/sbin/apparmor_parser"]
            try VirtualMachine.furnish(
                tree, programs: programs + VirtualMachine.criu, script: "checkpoint.sh", first: "/usr/bin/tests")
            try VirtualMachine.addPython(tree)
            try succeed(["cp", Programs.fixtures + "/console.py", tree + "/usr/bin/console.py"])
            try succeed(["cp", "-r", VirtualMachine.modules, tree + "/usr/lib/modules"])
            let counting = try Bundle(
                "n=0; while :; do n=$((n + 1)); echo $n >/tmp/m; mv /tmp/m /tmp/n; echo $n; sleep 0.1; done")
            try succeed(["cp", "-a", counting.root, tree + "/bundles/rootfs"])
            let answering = try Bundle("kept=secret; while read line; do echo \"heard $line $kept\"; done")
            answering.edit("process") { $0["terminal"] = true }
            let telling = try Bundle(
                """
                sleep 1000 | nc -l -p 7 >/tmp/told & until cat /proc/net/tcp* | grep -q :0007; do sleep 0.1; done
                n=0; while :; do n=$((n + 1)); echo $n; sleep 0.1; done | nc 127.0.0.1 7
                """)
            let confined = try Bundle("exec sleep 1000")
            confined.edit("process") { $0["apparmorProfile"] = "box" }
            // The others have only their root from the host.
            counting.add(mount: "/mnt", type: "bind", source: "/bundles", ["bind", "ro"])
            for (name, bundle) in [
                ("counting", counting), ("later", counting), ("answering", answering), ("telling", telling),
                ("confined", confined),
            ] {
                bundle.config["root"] = ["path": "../rootfs"] as Bundle.Document
                bundle.edit("linux") { $0["cgroupsPath"] = "/" + name }
                try bundle.write()
                mkdir(tree + "/bundles/" + name, 0o755)
                try succeed(["cp", bundle.directory + "/config.json", tree + "/bundles/\(name)/config.json"])
            }
            let (output, console) = try VirtualMachine.boot(tree)
            try VirtualMachine.judge(output, console, by: "checkpoint.sh")
        }
    }
}
