import Foundation
import Glibc
import Testing

extension Integration {
    /// The command line of the OCI runtime, as conmon, containerd and people use it. What holds for Gantry alone says so;
    /// everything else is true of runc as well (`GANTRY_TEST_RUNTIME=/usr/sbin/runc`).
    @Suite struct RuntimeCommandTests {
        @Test func createsStartsAndDeletes() throws {
            let bundle = try Bundle("exec sleep 100")
            let pidFile = bundle.directory + "/pid"
            try bundle.create(["--pid-file", pidFile])
            #expect(try bundle.status() == "created")
            let state =
                try JSONSerialization.jsonObject(
                    with: Data(try bundle.runtime(["state", bundle.id]).out.utf8)) as? Bundle.Document
            #expect(state?["pid"] as? Int == Int(try Programs.text(pidFile)))
            #expect(state?["id"] as? String == bundle.id)
            #expect(state?["bundle"] as? String == bundle.directory)
            #expect(try bundle.exec([], "true").status == 0)
            #expect(try bundle.runtime(["start", bundle.id]).status == 0)
            let again = try bundle.runtime(["start", bundle.id])
            #expect(again.status == 1 && again.err.contains("cannot start an already running container"))
            #expect(try bundle.status() == "running")
            let twice = try bundle.runtime(["create", "--bundle", bundle.directory, bundle.id])
            #expect(twice.status == 1 && twice.err.contains("container with given ID already exists"))
            #expect(try bundle.runtime(["pause", bundle.id]).status == 0)
            #expect(try bundle.status() == "paused")
            let paused = try bundle.exec([], "true")
            #expect(paused.status == 255 && paused.err.contains("cannot exec in a paused container"))
            #expect(try bundle.runtime(["pause", bundle.id]).err.contains("container not running"))
            #expect(try bundle.runtime(["resume", bundle.id]).status == 0)
            #expect(try bundle.runtime(["resume", bundle.id]).err.contains("container not paused"))
            let running = try bundle.runtime(["delete", bundle.id])
            #expect(running.status == 1 && running.err.contains("that is not stopped: running"))
            #expect(try bundle.runtime(["kill", bundle.id, "KILL"]).status == 0)
            try eventually("stopped") { try bundle.status() == "stopped" }
            let late = try bundle.runtime(["kill", bundle.id, "TERM"])
            #expect(late.status == 1 && late.err.contains("container not running"))
            #expect(try bundle.exec([], "true").status == 255)
            #expect(try bundle.runtime(["kill", "--all", bundle.id, "KILL"]).status == 0)
            #expect(try bundle.runtime(["delete", bundle.id]).status == 0)
            let gone = try bundle.runtime(["state", bundle.id])
            #expect(gone.status == 1 && gone.err.contains("container does not exist"))
            #expect(try bundle.runtime(["delete", bundle.id]).status == 1)
            #expect(try bundle.runtime(["delete", "--force", bundle.id]).status == 0)
        }

        @Test func runsInTheForeground() throws {
            let bundle = try Bundle("echo hello; exit 5")
            let result = try bundle.run()
            #expect(result.out == "hello\n" && result.status == 5)
            #expect(try bundle.runtime(["state", bundle.id]).status == 1)
            #expect(try bundle.run(["--keep"]).status == 5)
            #expect(try bundle.status() == "stopped")
            #expect(try bundle.runtime(["delete", bundle.id]).status == 0)
            bundle.edit("process") {
                $0["args"] = ["/bin/sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done"]
            }
            try bundle.write()
            let child = try Child([Bundle.runtime, "--root", bundle.state, "run", "-b", bundle.directory, bundle.id])
            try child.expect("up")
            child.signal(SIGTERM)
            #expect(try child.wait().status == 9)
        }

        @Test(arguments: [
            ["--bundle", "DIR", "ID"], ["-b", "DIR", "ID"], ["-bundle=DIR", "ID"], ["ID", "--bundle=DIR"],
            ["--keep=false", "--bundle", "DIR", "ID"],
        ])
        func takesFlagsInEveryForm(words: [String]) throws {
            let bundle = try Bundle("exit 3")
            let filled = words.map {
                $0.replacingOccurrences(of: "DIR", with: bundle.directory).replacingOccurrences(
                    of: "ID", with: bundle.id)
            }
            #expect(try bundle.runtime(["run"] + filled).status == 3)
            #expect(try bundle.runtime(["list", "--quiet"]).out == "")
        }

        @Test(arguments: [
            (["create", "--frob", "x"], "flag provided but not defined: -"),
            (["create"], "requires exactly 1 argument(s)"),
            (["state", "a", "b"], "requires exactly 1 argument(s)"),
            (["kill", "a", "b", "c"], "a maximum of 2 argument(s)"),
            (["kill", "nosuch"], "container does not exist"), (["list", "-f", "xml"], "invalid format option"),
            (["run", "--bundle", "DIR", "../x"], "invalid container ID"),
            (["create", "--preserve-fds", "x", "a"], "invalid value \"x\" for flag -"),
            (["run", "--bundle", "/nosuch", "a"], "/nosuch: no such file or directory"),
            (["update", "--memory", "100", "nosuch"], "container does not exist"),
        ])
        func tellsWhatIsWrong(words: [String], message: String) throws {
            let bundle = try Bundle()
            let result = try bundle.runtime(words.map { $0 == "DIR" ? bundle.directory : $0 })
            #expect(result.status == 1 && result.err.contains(message.replacingOccurrences(of: "\"", with: "\\\"")))
        }

        /// go-runc and conmon read the last error of the log; people read standard error.
        @Test func logsAsItIsAsked() throws {
            let bundle = try Bundle()
            let log = bundle.directory + "/log"
            let plain = try bundle.runtime(["--log", log, "--log-format", "json", "state", "nosuch"])
            #expect(plain.status == 1 && plain.err.hasPrefix("container does not exist") && plain.out == "")
            let line = try JSONSerialization.jsonObject(with: Data(try Programs.text(log).utf8)) as? Bundle.Document
            #expect(line?["level"] as? String == "error")
            #expect((line?["msg"] as? String)?.hasPrefix("container does not exist") == true)
            let time = ISO8601DateFormatter().date(from: line?["time"] as? String ?? "")
            #expect(time.map { abs($0.timeIntervalSinceNow) < 60 } == true)
            #expect(try bundle.runtime(["--log=\(log)", "state", "nosuch"]).status == 1)
            #expect(
                try Programs.text(log).split(separator: "\n").last?.contains(#" level=error msg="container"#) == true)
            let toError = try bundle.runtime(["state", "nosuch"])
            #expect(toError.err.hasPrefix("time=\"") && toError.err.contains(#" level=error msg="container"#))
            #expect(try bundle.runtime(["--log-format", "xml", "state", "nosuch"]).status == 1)
        }

        @Test func lists() throws {
            let bundle = try Bundle("exec sleep 100")
            #expect(try bundle.runtime(["list", "--format", "json"]).trimmed == "null")
            try bundle.start()
            #expect(try bundle.runtime(["list", "-q"]).out == bundle.id + "\n")
            let lines = try bundle.runtime(["list"]).out.split(separator: "\n")
            #expect(lines.first?.split(separator: " ") == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"])
            let fields = try #require(lines.last?.split(separator: " "))
            #expect(fields.count == 6 && fields[0] == bundle.id && fields[2] == "running" && fields[5] == "root")
            // The columns stand under their names.
            for (name, value) in [
                ("PID", fields[1]), ("STATUS", fields[2]), ("BUNDLE", fields[3]), ("CREATED", fields[4]),
            ] {
                let head = lines[0].range(of: name)?.lowerBound.utf16Offset(in: lines[0])
                #expect(lines[1].range(of: value)?.lowerBound.utf16Offset(in: lines[1]) == head)
            }
            let json =
                try JSONSerialization.jsonObject(
                    with: Data(try bundle.runtime(["list", "-f", "json"]).out.utf8)) as? [Bundle.Document]
            #expect(json?.count == 1 && json?[0]["status"] as? String == "running")
            #expect(json?[0]["owner"] as? String == "root")
        }

        @Test func showsProcesses() throws {
            let bundle = try Bundle("exec sleep 4711")
            try bundle.start()
            let pid = try bundle.pid()
            #expect(try bundle.runtime(["ps", "--format", "json", bundle.id]).trimmed == "[\(pid)]")
            let table = try bundle.runtime(["ps", bundle.id]).lines
            #expect(table.count == 2 && table[0].contains("PID") && table[1].hasSuffix("sleep 4711"))
            let own = try bundle.runtime(["ps", bundle.id, "-o", "pid,comm"]).lines
            #expect(own.last?.split(separator: " ").map(String.init) == ["\(pid)", "sleep"])
            #expect(try bundle.runtime(["ps", bundle.id, "-o", "comm"]).err.contains("couldn't find PID field"))
        }

        @Test(arguments: ["TERM", "SIGTERM", "sigterm", "15"]) func signalsByNameAndNumber(name: String) throws {
            let bundle = try Bundle("trap 'exit 6' TERM; echo up; while :; do sleep 0.1; done")
            try bundle.write()
            let child = try Child([Bundle.runtime, "--root", bundle.state, "run", "-b", bundle.directory, bundle.id])
            try child.expect("up")
            #expect(try bundle.runtime(["kill", bundle.id, "FOO"]).status == 1)
            #expect(try bundle.runtime(["kill", bundle.id, "0"]).status == 0)
            #expect(try bundle.runtime(["kill", bundle.id, name]).status == 0)
            #expect(try child.wait().status == 6)
        }

        @Test func changesLimits() throws {
            let bundle = try Bundle("exec sleep 100")
            try bundle.start()
            func limit(_ old: String, _ new: String) throws -> String {
                try bundle.exec([], "sh", "-c", "cat /sys/fs/cgroup/\(old) 2>/dev/null || cat /sys/fs/cgroup/\(new)")
                    .trimmed
            }
            #expect(
                try bundle.runtime(["update", "--memory", "64M", "--pids-limit", "77", "--cpu-share=500", bundle.id])
                    .status == 0)
            #expect(try limit("memory/memory.limit_in_bytes", "memory.max") == "67108864")
            #expect(try limit("pids/pids.max", "pids.max") == "77")
            let document = #"{"pids":{"limit":55},"memory":{"limit":50331648}}"#
            #expect(try bundle.runtime(["update", "-r", "-", bundle.id], input: Array(document.utf8)).status == 0)
            #expect(try limit("pids/pids.max", "pids.max") == "55")
            #expect(try limit("memory/memory.limit_in_bytes", "memory.max") == "50331648")
            let wrong = try bundle.runtime(["update", "--memory", "x", bundle.id])
            #expect(wrong.status == 1 && wrong.err.contains("memory") && wrong.err.contains("'x'"))
            #expect(try bundle.runtime(["update", "--cpuset-cpus", "4000", bundle.id]).status == 1)
        }

        @Test func describesItself() throws {
            let bundle = try Bundle()
            #expect(try bundle.runtime(["--version"]).out.contains("spec: 1."))
            let features =
                try JSONSerialization.jsonObject(
                    with: Data(try bundle.runtime(["features"]).out.utf8)) as? Bundle.Document
            let linux = features?["linux"] as? Bundle.Document
            #expect((linux?["capabilities"] as? [String])?.contains("CAP_SYS_ADMIN") == true)
            #expect((linux?["cgroup"] as? Bundle.Document)?["v1"] as? Bool == true)
            #expect((features?["mountOptions"] as? [String])?.contains("rprivate") == true)
            // What is there is not overwritten; what is written can be run.
            #expect(try bundle.runtime(["spec", "--bundle", bundle.directory]).status == 1)
            unlink(bundle.directory + "/config.json")
            let spec = try command([Bundle.runtime, "spec", "-b", bundle.directory, "--rootless"])
            #expect(spec.status == 0, "\(spec)")
            let document =
                try JSONSerialization.jsonObject(
                    with: Data(contentsOf: URL(fileURLWithPath: bundle.directory + "/config.json"))) as? Bundle.Document
            #expect((document?["linux"] as? Bundle.Document)?["uidMappings"] != nil)
            for name in ["create", "exec", "checkpoint"] {
                #expect(try command([Bundle.runtime, name, "--help"]).out.contains("OPTIONS:"))
            }
        }
    }
}

extension Bundle {
    /// Created, not started. Not through pipes, which the container would hold open.
    func create(_ flags: [String] = []) throws {
        try write()
        let words = [Self.runtime, "--root", state, "create", "--bundle", directory] + flags + [id]
        let result = try command(["sh", "-c", #"exec "$@" </dev/null >/dev/null 2>"$0""#, directory + "/log"] + words)
        if result.status != 0 { throw HarnessError("\(result)\n\((try? Programs.text(directory + "/log")) ?? "")") }
    }

    /// One member of `state`'s document.
    func member(_ name: String) throws -> Any? {
        let text = try runtime(["state", id]).out
        return (try JSONSerialization.jsonObject(with: Data(text.utf8)) as? Document)?[name]
    }

    /// The `status` of `state`.
    func status() throws -> String { try member("status") as? String ?? "" }

    /// The number of the first process.
    func pid() throws -> Int { try member("pid") as? Int ?? 0 }
}
