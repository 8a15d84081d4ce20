import Foundation
import Glibc
import Testing

extension Integration {
    /// Two at the same time, the wrong moment, and a runtime that is killed: what is left can be removed, and nothing of
    /// somebody else's is touched.
    @Suite struct RuntimeRaceTests {
        /// Starts `count` of the same command together; how many said yes.
        private static func together(_ count: Int, _ words: [String], _ bundle: Bundle) throws -> Int {
            let script = #"exec "$@" </dev/null >/dev/null 2>/dev/null"#
            let children = try (0..<count).map { _ in
                try Child(["sh", "-c", script, "sh", Bundle.runtime, "--root", bundle.state] + words)
            }
            return try children.map { try $0.wait().status }.filter { $0 == 0 }.count
        }

        @Test func onlyOneOfManyStarts() throws {
            for _ in 0..<5 {
                let bundle = try Bundle("echo x >>/tmp/started; exec sleep 100")
                try bundle.create()
                #expect(try Self.together(6, ["start", bundle.id], bundle) == 1)
                #expect(try bundle.status() == "running")
                try eventually("the program runs") { Programs.exists(bundle.root + "/tmp/started") }
                #expect(try Programs.text(bundle.root + "/tmp/started") == "x\n")
            }
        }

        @Test func onlyOneOfManyCreates() throws {
            for _ in 0..<5 {
                let bundle = try Bundle("exec sleep 100")
                try bundle.write()
                #expect(try Self.together(6, ["create", "--bundle", bundle.directory, bundle.id], bundle) == 1)
                #expect(try bundle.status() == "created")
                #expect(try bundle.runtime(["start", bundle.id]).status == 0)
                #expect(try bundle.exec([], "true").status == 0)
                #expect(try bundle.runtime(["ps", "-f", "json", bundle.id]).trimmed == "[\(try bundle.pid())]")
            }
        }

        /// Both bundles name one cgroup: until a creation has seen that nobody is in it, it is another's.
        @Test(.enabled(if: Bundle.isGantry), arguments: [false, true])
        func deletingAHalfMadeContainerSparesWhoIsInTheCgroup(isKilled: Bool) throws {
            let path = "/gantry-shared-\(UInt32.random(in: 0 ... .max))"
            let first = try Bundle("exec sleep 100")
            first.edit("linux") { $0["cgroupsPath"] = path }
            try first.start()
            let second = try Bundle("true")
            second.edit("linux") { $0["cgroupsPath"] = path }
            try second.write()
            // Stands still once the record is in its place, before it looks at the cgroup.
            let delay = [
                "strace", "-f", "-o", "/dev/null", "-e", "inject=renameat,renameat2,rename:delay_exit=20000000:when=1",
            ]
            let creation = try Child(
                delay + [Bundle.runtime, "--root", second.state, "create", "--bundle", second.directory, second.id])
            try eventually("its record") { Programs.exists(second.state + "/" + second.id + "/state.json") }
            if isKilled { try succeed(["pkill", "-KILL", "-P", "\(creation.pid)"]) }
            #expect(try second.runtime(["delete", "--force", second.id]).status == 0)
            #expect(try first.status() == "running")
            kill(creation.pid, SIGKILL)
            _ = try creation.wait()
        }

        /// A program that does not exist, a mount that fails, a hook that fails, a pid file that cannot be written.
        @Test(arguments: ["program", "mount", "hook", "pid-file"]) func aFailedCreationLeavesNothing(what: String)
            throws
        {
            let bundle = try Bundle("exec sleep 100")
            switch what {
            case "program": bundle.edit("process") { $0["args"] = ["/nosuch"] }
            case "mount": bundle.add(mount: "/mnt", type: "bind", source: "/nosuch/source", ["bind"])
            case "hook": bundle.config["hooks"] = ["createRuntime": [["path": "/bin/false"]]]
            default: break
            }
            let flags = what == "pid-file" ? ["--pid-file", "/nosuch/pid"] : []
            #expect(throws: HarnessError.self) { try bundle.create(flags) }
            #expect(try bundle.traces() == [])
            #expect(try bundle.runtime(["list", "-q"]).out == "")
        }

        /// SIGKILL at any moment of `create`; the seed is in the failure's words.
        @Test func whatAKilledRuntimeLeavesCanBeRemoved() throws {
            var seed = UInt64.random(in: 1 ... .max)
            let first = seed
            let bundle = try Bundle("exec sleep 100")
            try bundle.write()
            let script = #"exec "$@" </dev/null >/dev/null 2>/dev/null"#
            var found: Set<String> = []
            for round in 0..<40 {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let child = try Child(
                    ["sh", "-c", script, "sh", Bundle.runtime, "--root", bundle.state, "create", "--bundle"]
                        + [bundle.directory, bundle.id])
                usleep(UInt32(truncatingIfNeeded: (seed >> 33) % (Bundle.isGantry ? 12000 : 60000)))
                child.signal(SIGKILL)
                _ = try child.wait()
                found.insert((try? bundle.status()) ?? "nothing")
                let removal = try bundle.runtime(["delete", "--force", bundle.id])
                #expect(removal.status == 0, "round \(round), seed \(first): \(removal)")
                // What the killed one had cloned may be on its way to its end.
                try eventually("nothing is left; round \(round), seed \(first)", seconds: 5) {
                    try bundle.traces() == []
                }
            }
            #expect(found.count > 1, "every kill came at the same moment: \(found)")
            try bundle.create()
            #expect(try bundle.runtime(["start", bundle.id]).status == 0)
        }

        @Test func killingAndDeletingAtTheSameTime() throws {
            for _ in 0..<5 {
                let bundle = try Bundle("exec sleep 100")
                try bundle.start()
                let script =
                    #"for i in 1 2 3; do "$@" kill "$ID" KILL; "$@" delete --force "$ID"; done >/dev/null 2>&1"#
                let children = try (0..<4).map { _ in
                    try Child(
                        ["sh", "-c", script, "sh", Bundle.runtime, "--root", bundle.state],
                        environment: ["ID": bundle.id])
                }
                for child in children { _ = try child.wait() }
                #expect(try bundle.runtime(["state", bundle.id]).err.contains("container does not exist"))
                #expect(try bundle.traces() == [])
            }
        }

        /// A cgroup that somebody is in is nobody else's to kill.
        @Test(.enabled(if: Bundle.isGantry)) func aCgroupInUseIsRefused() throws {
            let bundle = try Bundle("exec sleep 100")
            bundle.edit("linux") { $0["cgroupsPath"] = "/\(bundle.id)" }
            try bundle.start()
            let other = try Bundle("exec sleep 100")
            other.edit("linux") { $0["cgroupsPath"] = "/\(bundle.id)" }
            let refused = try other.run()
            #expect(refused.status == 1 && refused.err.contains("cgroup is not empty: 1 process(es) found"))
            #expect(try bundle.status() == "running")
            #expect(try other.runtime(["state", other.id]).status == 1)
        }

        /// The number of the first process belongs to somebody else now: it is not signalled, and not called the container.
        @Test(.enabled(if: Bundle.isGantry)) func aNumberThatWasUsedAgainIsNotTheContainer() throws {
            let bundle = try Bundle("exec sleep 100")
            try bundle.start()
            // The kernel counts start times in hundredths of a second; a number is not used again within one.
            usleep(30000)
            let bystander = try Child(["sleep", "100"])
            let path = bundle.state + "/\(bundle.id)/state.json"
            let text = try Programs.text(path)
            try text.replacingOccurrences(of: "\"pid\":\(try bundle.pid())", with: "\"pid\":\(bystander.pid)").write(
                toFile: path, atomically: false, encoding: .utf8)
            #expect(try bundle.status() == "stopped")
            #expect(try bundle.runtime(["kill", bundle.id, "KILL"]).err.contains("container not running"))
            #expect(try bundle.runtime(["delete", "--force", bundle.id]).status == 0)
            #expect(kill(bystander.pid, 0) == 0)
            // The real one was found by its cgroup.
            #expect(try bundle.traces() == [])
        }

        /// Without a process namespace of its own the others outlive the first.
        @Test func nothingOutlivesAContainerWithoutItsOwnProcesses() throws {
            let bundle = try Bundle("sleep 100 & echo up; sleep 101")
            bundle.namespaces { $0.filter { $0["type"] as? String != "pid" } }
            try bundle.start()
            try eventually("both run") { try bundle.runtime(["ps", "-f", "json", bundle.id]).trimmed.contains(",") }
            #expect(try bundle.runtime(["kill", bundle.id, "KILL"]).status == 0)
            try eventually("all have ended") { try bundle.status() == "stopped" }
            #expect(try bundle.runtime(["delete", bundle.id]).status == 0)
            #expect(try bundle.traces() == [])
        }

        /// The bundle is read once.
        @Test func theBundleMayGoAway() throws {
            let bundle = try Bundle("exec sleep 100")
            try bundle.start()
            try FileManager.default.moveItem(
                atPath: bundle.directory + "/config.json", toPath: bundle.directory + "/moved.json")
            let state = ["--root", bundle.state]
            #expect(try command([Bundle.runtime] + state + ["exec", bundle.id, "true"]).status == 0)
            #expect(try command([Bundle.runtime] + state + ["delete", "--force", bundle.id]).status == 0)
        }
    }
}

extension Bundle {
    /// What is there of the container: its state, its cgroups, its processes.
    func traces() throws -> [String] {
        var result = try command(["find", "/sys/fs/cgroup", "-name", id]).lines
        if Programs.exists(state + "/" + id) { result.append(state + "/" + id) }
        for pid in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int(pid) != nil {
            let cgroups = (try? Programs.text("/proc/\(pid)/cgroup")) ?? ""
            let state = ((try? Programs.text("/proc/\(pid)/stat")) ?? "").split(separator: ")").last?.split(
                separator: " "
            ).first
            let root = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/root")
            if state != "Z", cgroups.contains(id) || root == self.root { result.append("process \(pid)") }
        }
        return result
    }
}
