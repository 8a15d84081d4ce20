import Foundation
import Glibc
import Testing

extension Integration {
    /// What a bundle's `process` asks for, as its program finds itself.
    @Suite struct RuntimeProcessTests {
        private func bundle(_ script: String, _ process: Bundle.Document = [:]) throws -> Bundle {
            let bundle = try Bundle(script)
            bundle.edit("process") { $0.merge(process) { $1 } }
            return bundle
        }

        private func capabilities(_ text: String) -> [String: String] {
            var found: [String: String] = [:]
            for line in text.split(separator: "\n") where line.hasPrefix("Cap") {
                found[String(line.prefix(6))] = String(Int(line.split(separator: "\t")[1], radix: 16) ?? -1)
            }
            return found
        }

        @Test func hasItsUserGroupsAndMask() throws {
            let user: Bundle.Document = ["uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 0o27]
            let result = try bundle("id -u; id -g; grep Groups /proc/self/status; umask", ["user": user]).run()
            #expect(
                result.lines.map { $0.trimmingCharacters(in: .whitespaces) } == [
                    "1000", "1001", "Groups:\t5 6", "0027",
                ])
        }

        /// A wrong number must not be cut to another user's (CVE-2024-40635).
        @Test(arguments: [-1, 4_294_967_295, 4_294_967_296]) func refusesUsersThatCannotBe(uid: Int) throws {
            let result = try bundle("id -u", ["user": ["uid": uid, "gid": 0]]).run()
            #expect(result.status == 1 && result.out.isEmpty, "\(result)")
        }

        @Test(arguments: [0, 1000]) func hasFiveSetsOfCapabilities(uid: Int) throws {
            let two = ["CAP_CHOWN", "CAP_KILL"]
            let sets: Bundle.Document = [
                "bounding": two + ["CAP_NET_RAW", "CAP_NO_SUCH"], "effective": two, "permitted": two,
                "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL", "CAP_CHOWN"],
            ]
            let bundle = try bundle(
                "grep Cap /proc/self/status", ["user": ["uid": uid, "gid": uid], "capabilities": sets])
            let result = try bundle.run()
            // With something ambient, root gets no more from executing than it had; others keep what is ambient.
            let held = uid == 0 ? "33" : "32"
            #expect(
                capabilities(result.out) == [
                    "CapInh": "32", "CapPrm": held, "CapEff": held, "CapBnd": "8225", "CapAmb": "32",
                ], "\(result)")
        }

        /// CVE-2022-24769, CVE-2022-29162.
        @Test func nothingIsInheritableUnasked() throws {
            let bundle = try bundle("grep Cap /proc/self/status; sleep 600")
            #expect(capabilities(try Bundle("grep Cap /proc/self/status").run().out)["CapInh"] == "0")
            try bundle.start()
            let result = try bundle.exec(
                ["--cap", "CAP_NET_RAW", "--cap", "CAP_SYS_ADMIN"], "cat", "/proc/self/status")
            let sets = capabilities(result.out)
            #expect(sets["CapInh"] == "0" && sets["CapAmb"] == "0", "\(result)")
            let added = 1 << 21 | 1 << 13
            let effective = Int(sets["CapEff"] ?? "") ?? 0
            #expect(effective & added == added, "\(result)")
        }

        @Test func hasItsLimits() throws {
            let limits: [Bundle.Document] = [
                ["type": "RLIMIT_NOFILE", "soft": 100, "hard": 200], ["type": "RLIMIT_CORE", "soft": 0, "hard": 0],
                ["type": "RLIMIT_CPU", "soft": 1000, "hard": UInt64.max],
            ]
            let result = try bundle("cat /proc/self/limits", ["rlimits": limits]).run()
            func row(_ name: String) -> [Substring] {
                result.lines.first { $0.hasPrefix(name) }?.dropFirst(26).split(separator: " ").prefix(2).map { $0 }
                    ?? []
            }
            #expect(row("Max open files") == ["100", "200"] && row("Max core file size") == ["0", "0"], "\(result)")
            #expect(row("Max cpu time") == ["1000", "unlimited"], "\(result)")
            for wrong in [
                ["type": "RLIMIT_NONE", "soft": 1, "hard": 1], ["type": "RLIMIT_NOFILE", "soft": 2, "hard": 1],
            ]
                as [Bundle.Document]
            {
                #expect(try bundle("true", ["rlimits": [wrong]]).run().status == 1)
            }
        }

        private func mayRaise() throws -> Bool {
            let status = try Programs.text("/proc/self/status").split(separator: "\n")
            let held = status.first { $0.hasPrefix("CapEff") }?.split(separator: "\t").last.flatMap {
                Int($0, radix: 16)
            }
            return (held ?? 0) & 1 << 24 != 0
        }

        /// runc fails at the limits that podman always asks for; here only a bundle that says it insists does.
        @Test func takesTheLimitsItCanGet() throws {
            let raised: [Bundle.Document] = [["type": "RLIMIT_NOFILE", "soft": 100, "hard": 900_000_000]]
            let bundle = try bundle("ulimit -Sn; ulimit -Hn", ["rlimits": raised])
            if Bundle.isGantry, try !mayRaise() {
                var own = rlimit()
                getrlimit(__rlimit_resource_t(7), &own)
                let result = try bundle.run()
                #expect(result.out == "100\n\(own.rlim_max)\n", "\(result)")
                #expect(result.err.contains("limit nofile cannot be raised to 900000000"), "\(result)")
            }
            bundle.config["annotations"] = ["gantry.limits": "required"]
            let result = try bundle.run()
            #expect(result.status == 1 && result.out.isEmpty, "\(result)")
        }

        /// A bundle insists: as with runc, what the kernel refuses is an error.
        @Test func insistsOnItsScore() throws {
            #expect(try bundle("cat /proc/self/oom_score_adj", ["oomScoreAdj": 321]).run().out == "321\n")
            let lowered = try bundle("cat /proc/self/oom_score_adj", ["oomScoreAdj": -900]).run()
            let mayLower = try mayRaise()
            #expect(mayLower ? lowered.out == "-900\n" : lowered.status == 1 && lowered.out.isEmpty, "\(lowered)")
        }

        @Test(arguments: [true, false]) func gainsNoPrivileges(asked: Bool) throws {
            let bundle = try bundle("grep NoNewPrivs /proc/self/status; sleep 600", ["noNewPrivileges": asked])
            try bundle.start()
            let status = "NoNewPrivs:\t\(asked ? 1 : 0)"
            #expect(try bundle.exec([], "cat", "/proc/self/status").out.contains(status))
            #expect(try bundle.exec(["--no-new-privs"], "cat", "/proc/self/status").out.contains("NoNewPrivs:\t1"))
        }

        /// runc has these from 1.2 on.
        @Test(.enabled(if: Bundle.isGantry)) func isScheduledAsAsked() throws {
            let batch: Bundle.Document = ["policy": "SCHED_BATCH", "nice": 7]
            let both = try bundle(
                "grep policy /proc/self/sched; cut -d' ' -f19 /proc/self/stat; ionice",
                ["scheduler": batch, "ioPriority": ["class": "IOPRIO_CLASS_BE", "priority": 6]])
            let result = try both.run()
            #expect(result.lines.first?.hasSuffix(" 3") == true, "\(result)")
            #expect(result.lines.dropFirst() == ["7", "best-effort: prio 6"], "\(result)")
            let deadline: Bundle.Document = [
                "policy": "SCHED_DEADLINE", "runtime": 5_000_000, "deadline": 20_000_000, "period": 30_000_000,
                "flags": ["SCHED_FLAG_RESET_ON_FORK"],
            ]
            #expect(try bundle("grep policy /proc/$$/sched", ["scheduler": deadline]).run().trimmed.hasSuffix(" 6"))
            for wrong in [["policy": "SCHED_SOMETIMES"], ["policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_NONE"]]] {
                #expect(try bundle("true", ["scheduler": wrong]).run().status == 1)
            }
            let level: Bundle.Document = ["class": "IOPRIO_CLASS_BE", "priority": 8]
            #expect(try bundle("true", ["ioPriority": level]).run().status == 1)
        }

        @Test(.enabled(if: Bundle.isGantry)) func execStaysOnItsProcessors() throws {
            let bundle = try bundle(
                "grep Cpus_allowed_list /proc/self/status >/tmp/first; sleep 600",
                ["execCPUAffinity": ["initial": "0", "final": "1"]])
            try bundle.start()
            #expect(
                try bundle.exec([], "grep", "Cpus_allowed_list", "/proc/self/status").out == "Cpus_allowed_list:\t1\n")
            try eventually("the program wrote its processors") {
                try Programs.exists(bundle.root + "/tmp/first") && !Programs.text(bundle.root + "/tmp/first").isEmpty
            }
            #expect(try Programs.text(bundle.root + "/tmp/first") != "Cpus_allowed_list:\t1\n")
        }

        /// As with crun 1.9 and runc 1.3.1: what the caller is confined to says nothing about the container.
        @Test(.enabled(if: Bundle.isGantry)) func runsOnTheProcessorsOfItsCgroup() throws {
            let line = try #require(
                try Programs.text("/proc/self/status").split(separator: "\n").first {
                    $0.hasPrefix("Cpus_allowed_list:")
                })
            let bundle = try Bundle("grep Cpus_allowed_list /proc/self/status")
            let confined = ["taskset", "-c", "0", Bundle.runtime, "--root", bundle.state]
            func run() throws -> Output {
                try bundle.write()
                return try command(confined + ["run", "--bundle", bundle.directory, bundle.id])
            }
            #expect(try run().out == line + "\n")
            bundle.edit("linux") { $0["resources"] = ["cpu": ["cpus": "1"]] }
            #expect(try run().out == "Cpus_allowed_list:\t1\n")
            let running = try Bundle("sleep 600")
            try running.start()
            let exec = ["exec", running.id, "grep", "Cpus_allowed_list", "/proc/self/status"]
            #expect(
                try command(["taskset", "-c", "0", Bundle.runtime, "--root", running.state] + exec).out == line + "\n")
        }

        @Test(.enabled(if: Bundle.isGantry)) func looksLikeAnotherMachine() throws {
            let bundle = try Bundle("uname -m; sleep 600")
            bundle.edit("linux") { $0["personality"] = ["domain": "LINUX32"] }
            try bundle.start()
            #expect(try bundle.exec([], "uname", "-m").out == "i686\n")
            bundle.edit("linux") { $0["personality"] = ["domain": "MINIX"] }
            #expect(try bundle.runtime(["create", "--bundle", bundle.directory, "other"]).status == 1)
        }

        /// Keys of the caller's session stay outside.
        @Test func hasAKeyringOfItsOwn() throws {
            // The default masks /proc/keys. Keyrings stay for a while after their last user: another bundle, another name.
            func bundle() throws -> Bundle {
                let bundle = try Bundle("cat /proc/keys")
                bundle.edit("linux") { $0["maskedPaths"] = [String]() }
                return bundle
            }
            let new = try bundle()
            #expect(try new.run().out.contains("_ses.\(new.id)") == Programs.exists("/proc/keys"))
            let shared = try bundle()
            #expect(try !shared.run(["--no-new-keyring"]).out.contains("_ses.\(shared.id)"))
        }

        /// Labels that the kernel cannot give are refused, never left out.
        @Test func refusesLabelsOfAbsentModules() throws {
            if !Programs.exists("/sys/fs/selinux/enforce") {
                let result = try bundle("echo ran", ["selinuxLabel": "system_u:system_r:container_t:s0"]).run()
                #expect(result.status == 1 && result.out.isEmpty, "\(result)")
            }
            if !Programs.exists("/sys/kernel/security/apparmor") {
                let result = try bundle("echo ran", ["apparmorProfile": "docker-default"]).run()
                #expect(result.status == 1 && result.out.isEmpty, "\(result)")
            }
            let cache = try bundle("echo ran")
            cache.edit("linux") { $0["intelRdt"] = ["closID": "group", "l3CacheSchema": "L3:0=f"] }
            #expect(try cache.run().status == 1)
        }

        /// CVE-2025-52881, CVE-2019-16884: what is written to the kernel must not land in a file of the container's, nor
        /// what is written to one file in another.
        @Test func writesToTheKernelItself() throws {
            let before = try Programs.text("/proc/sys/kernel/core_pattern")
            for destination in ["/proc", "/proc/sys", "/proc/self/attr", "/proc/thread-self"] {
                let bundle = try bundle("cat /proc/sys/net/ipv4/ip_forward")
                bundle.add(mount: destination, type: "tmpfs", source: "tmpfs")
                bundle.edit("linux") { $0["sysctl"] = ["net.ipv4.ip_forward": "1"] }
                let result = try bundle.run()
                #expect(result.status != 0, "\(destination): \(result)")
            }
            let bundle = try bundle("cat /proc/sys/net/ipv4/ip_forward")
            bundle.edit("linux") { $0["sysctl"] = ["net.ipv4.ip_forward": "1"] }
            #expect(try bundle.run().out == "1\n")
            #expect(try Programs.text("/proc/sys/kernel/core_pattern") == before)
        }

        /// CVE-2022-0811: a value that carries a second parameter; names that lead elsewhere; parameters of the host.
        @Test(arguments: [
            ("kernel.shm_rmid_forced", "1+kernel.core_pattern=|/x"),
            ("kernel.shm_rmid_forced", "1\nkernel.core_pattern=x"),
            ("kernel/core_pattern", "x"), ("kernel.core_pattern", "x"), ("net.ipv4...kernel.core_pattern", "x"),
            ("net.ipv4.conf.all/../../../kernel/core_pattern", "x"),
        ]) func refusesParametersOfTheHost(name: String, value: String) throws {
            let before = try Programs.text("/proc/sys/kernel/core_pattern")
            let bundle = try Bundle("echo ran")
            bundle.edit("linux") { $0["sysctl"] = [name: value] }
            let result = try bundle.run()
            #expect(result.status != 0 && result.out.isEmpty, "\(result)")
            #expect(try Programs.text("/proc/sys/kernel/core_pattern") == before)
        }

        /// runc refuses a bundle without a process at once; the specification wants it at `start`.
        @Test func needsAProcess() throws {
            let bundle = try Bundle("true")
            bundle.config["process"] = nil
            #expect(try bundle.run().status == 1)
        }
    }
}
