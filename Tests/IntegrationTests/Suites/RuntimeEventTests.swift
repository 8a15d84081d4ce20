import Foundation
import Glibc
import Testing

extension Integration {
    /// `events`, `checkpoint` and `restore`.
    @Suite struct RuntimeEventTests {
        private static func document(_ line: String) throws -> Bundle.Document {
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? Bundle.Document ?? [:]
        }

        @Test func printsCounters() throws {
            let bundle = try Bundle("exec sleep 100")
            bundle.edit("linux") { $0["resources"] = ["pids": ["limit": 33], "memory": ["limit": 64 << 20]] }
            try bundle.start()
            let result = try bundle.runtime(["events", "--stats", bundle.id])
            let event = try Self.document(result.out)
            #expect(
                result.lines.count == 1 && event["type"] as? String == "stats" && event["id"] as? String == bundle.id)
            let data = event["data"] as? Bundle.Document
            #expect(
                Set((data ?? [:]).keys) == [
                    "cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces",
                ])
            func value(_ path: String...) -> Int? {
                path.dropLast().reduce(data) { $0?[$1] as? Bundle.Document }?[path.last ?? ""] as? Int
            }
            #expect(value("pids", "current") == 1 && value("pids", "limit") == 33)
            #expect(value("memory", "usage", "limit") == 64 << 20)
            #expect((value("memory", "usage", "usage") ?? 0) > 0)
            #expect((value("memory", "raw", "pgfault") ?? 0) > 0)
            #expect((value("cpu", "usage", "total") ?? 0) > 0)
            #expect(
                try bundle.runtime(["events", "--interval", "0", bundle.id]).err.contains("must be greater than 0"))
            try bundle.runtime(["kill", bundle.id, "KILL"])
            try eventually("it has ended") { try bundle.status() == "stopped" }
            #expect(try bundle.runtime(["events", "--stats", bundle.id]).status == 1)
        }

        @Test func tellsWhenMemoryRanOut() throws {
            let bundle = try Bundle("while :; do sleep 0.1; done")
            bundle.edit("linux") { $0["resources"] = ["memory": ["limit": 32 << 20, "swap": 32 << 20]] }
            try bundle.start()
            let child = try Child([Bundle.runtime, "--root", bundle.state, "events", "--interval", "50ms", bundle.id])
            try child.expect(#""type":"stats""#)
            let offset = child.out.count
            try child.expect(#""type":"stats""#, after: offset)
            // tail keeps what has no end of line.
            #expect(try bundle.exec([], "sh", "-c", "tail /dev/zero").status == 137)
            try child.expect(#"{"type":"oom","id":"\#(bundle.id)"}"#)
            try bundle.runtime(["delete", "--force", bundle.id])
            #expect(try child.wait().status == 0)
        }

        /// A criu that writes down what it was asked, and does it badly or well.
        private static func criu(_ bundle: Bundle, _ script: String) throws -> String {
            let path = bundle.directory + "/criu"
            let head = "#!/bin/bash\nprintf '%s\\n' \"$@\" >\(bundle.directory)/criu.words\n"
            try (head + script).write(toFile: path, atomically: false, encoding: .utf8)
            chmod(path, 0o755)
            return path
        }

        private static func words(_ bundle: Bundle) throws -> [String] {
            try Programs.text(bundle.directory + "/criu.words").split(separator: "\n").map(String.init)
        }

        /// runc speaks to criu in protocol buffers: these are about Gantry alone.
        @Test(.enabled(if: Bundle.isGantry)) func checkpointsWithCriu() throws {
            let bundle = try Bundle("exec sleep 100")
            bundle.add(mount: "/mnt", type: "bind", source: "/usr/share", ["bind", "ro"])
            try bundle.start()
            let images = bundle.directory + "/images"
            let place = ["--image-path", images]
            let missing = try bundle.runtime(["--criu", "/nosuch/criu", "checkpoint"] + place + [bundle.id])
            #expect(missing.status == 1)
            #expect(missing.err.contains("run /nosuch/criu: no such file or directory"))
            #expect(missing.err.contains("apt-get install criu"))
            let fails = try Self.criu(
                bundle, "echo '(00.1) Error (criu/x.c:1): no such luck' >\(images)/dump.log; exit 3")
            let failed = try bundle.runtime(["--criu", fails, "checkpoint"] + place + [bundle.id])
            #expect(failed.status == 1 && failed.err.contains("no such luck; its log is \(images)/dump.log"))
            #expect(try bundle.status() == "running")
            let works = try Self.criu(bundle, "exit 0")
            let flags = [
                "--leave-running", "--tcp-established", "--ext-unix-sk", "--shell-job", "--file-locks", "--auto-dedup",
                "--manage-cgroups-mode", "full", "--empty-ns", "network", "--work-path", bundle.directory + "/work",
                "--page-server", "127.0.0.1:27",
            ]
            let pid = try bundle.pid()
            let kept = try bundle.runtime(["--criu", works, "checkpoint"] + flags + place + [bundle.id])
            #expect(kept.status == 0, "\(kept)")
            let asked = try Self.words(bundle).joined(separator: " ")
            #expect(asked.hasPrefix("dump --images-dir \(images) --work-dir \(bundle.directory)/work -v4 "))
            for part in [
                "--tree \(pid) ", "--root \(bundle.root) ", "--external mnt[/mnt]:/mnt", "--leave-running",
                "--tcp-established",
                "--ext-unix-sk", "--shell-job", "--file-locks", "--auto-dedup", "--manage-cgroups=full",
                "--empty-ns net",
                "--page-server --address 127.0.0.1 --port 27", "--external mnt[/proc/keys]:/proc/keys",
                "--freeze-cgroup /sys/fs/",
            ] {
                #expect(asked.contains(part), "\(part) in \(asked)")
            }
            #expect(try bundle.status() == "running")
            let before = try bundle.runtime(
                ["--criu", works, "checkpoint", "--pre-dump", "--parent-path", "nosuch"] + place + [bundle.id])
            #expect(before.status == 1 && before.err.contains("images/nosuch"))
            #expect(
                try bundle.runtime(["--criu", works, "checkpoint", "--pre-dump"] + place + [bundle.id]).status == 0)
            #expect(try Self.words(bundle).first == "pre-dump" && Self.words(bundle).contains("--track-mem"))
            #expect(try bundle.runtime(["--criu", works, "checkpoint"] + place + [bundle.id]).status == 0)
            #expect(try Programs.text(images + "/descriptors.json").hasPrefix(#"["/dev/null","#))
            #expect(try bundle.runtime(["state", bundle.id]).status == 1)
        }

        @Test(.enabled(if: Bundle.isGantry)) func restoresWithCriu() throws {
            let bundle = try Bundle("exec sleep 100")
            bundle.add(mount: "/mnt", type: "bind", source: "/usr/share", ["bind", "ro"])
            let images = bundle.directory + "/images"
            mkdir(images, 0o700)
            try #"["/dev/null","pipe:[7]","pipe:[8]"]"#.write(
                toFile: images + "/descriptors.json", atomically: false, encoding: .utf8)
            let restore = ["restore", "--bundle", bundle.directory, "--image-path", images]
            let fails = try Self.criu(bundle, "exit 1")
            let failed = try bundle.runtime(["--criu", fails] + restore + [bundle.id])
            #expect(failed.status == 1 && failed.err.contains("its log is \(images)/restore.log"))
            #expect(try bundle.traces() == [])
            // What criu would restore, a process whose parent is the caller, is made by a script that ends.
            let works = try Self.criu(
                bundle,
                """
                while [ $# -gt 0 ]; do [ "$1" = --pidfile ] && file=$2; [ "$1" = --root ] && root=$2; shift; done
                ls $root/bin/busybox >>\(bundle.directory)/criu.words
                sleep 100 </dev/null >/dev/null 2>&1 & echo -n $! >$file
                """)
            let pidFile = bundle.directory + "/pid"
            let flags = ["--detach", "--pid-file", pidFile, "--tcp-established"]
            let restored = try bundle.runtime(["--criu", works] + restore + flags + [bundle.id])
            #expect(restored.status == 0, "\(restored)")
            let asked = try Self.words(bundle).joined(separator: " ")
            let root = bundle.state + "/\(bundle.id)/root"
            for part in [
                "restore --images-dir \(images)", "--restore-detached --restore-sibling", "--root \(root) ",
                "--external mnt[/mnt]:/usr/share", "--external mnt[/proc/keys]:/dev/null", "--tcp-established",
                "--inherit-fd fd[1]:pipe:[7] --inherit-fd fd[2]:pipe:[8]", "--cgroup-root /\(bundle.id)",
                root + "/bin/busybox",
            ] {
                #expect(asked.contains(part), "\(part) in \(asked)")
            }
            #expect(try bundle.status() == "running")
            #expect(try "\(bundle.pid())" == Programs.text(pidFile))
            #expect(!(try Programs.text("/proc/self/mountinfo").contains(root)))
            #expect(try bundle.runtime(["delete", "--force", bundle.id]).status == 0)
            #expect(try bundle.traces() == [])
        }
    }
}
