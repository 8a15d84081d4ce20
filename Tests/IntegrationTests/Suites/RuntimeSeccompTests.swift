import Foundation
import Glibc
import Testing

extension Integration {
    /// Filters of system calls, by what a program meets.
    @Suite struct RuntimeSeccompTests {
        private func bundle(
            _ script: String, _ rules: [Bundle.Document], _ more: Bundle.Document = [:], noNew: Bool = true
        ) throws -> Bundle {
            let bundle = try Bundle(script)
            bundle.edit("process") { $0["noNewPrivileges"] = noNew }
            bundle.edit("linux") {
                var profile: Bundle.Document = ["defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules]
                profile.merge(more) { $1 }
                $0["seccomp"] = profile
            }
            return bundle
        }

        private func rule(
            _ name: String, _ action: String, errno: Int? = nil, _ conditions: [Bundle.Document] = []
        ) -> Bundle.Document {
            var rule: Bundle.Document = ["names": [name, "no_such_call"], "action": "SCMP_ACT_" + action]
            if let errno { rule["errnoRet"] = errno }
            if !conditions.isEmpty { rule["args"] = conditions }
            return rule
        }

        @Test(arguments: [true, false]) func answersWithErrors(noNewPrivileges: Bool) throws {
            let bundle = try bundle(
                "mkdir /tmp/a; sethostname x 2>/dev/null; hostname y; grep -E 'Seccomp:|NoNew' /proc/self/status",
                [rule("mkdir", "ERRNO", errno: 123), rule("sethostname", "ERRNO")], noNew: noNewPrivileges)
            let result = try bundle.run()
            #expect(result.err.contains("'/tmp/a': No medium found"), "\(result)")
            #expect(result.err.contains("sethostname: Operation not permitted"), "\(result)")
            #expect(
                result.out.contains("Seccomp:\t2") && result.out.contains("NoNewPrivs:\t\(noNewPrivileges ? 1 : 0)"))
        }

        /// The number of the signal, or nothing where the call goes through.
        @Test(arguments: [
            ("KILL", 31), ("KILL_THREAD", 31), ("KILL_PROCESS", 31), ("TRAP", 31), ("LOG", 0), ("ALLOW", 0),
        ]) func endsWhoCalls(action: String, signal: Int) throws {
            let bundle = try bundle("(mkdir /tmp/a); echo $?", [rule("mkdir", action)])
            let result = try bundle.run()
            #expect(result.lines.last == "\(signal == 0 ? 0 : 128 + signal)", "\(result)")
        }

        /// Without a tracer the call does not exist.
        @Test func tracesWithoutATracer() throws {
            let result = try bundle("mkdir /tmp/a", [rule("mkdir", "TRACE", errno: 7)]).run()
            #expect(result.err.contains("Function not implemented"), "\(result)")
        }

        @Test(arguments: [
            ("EQ", 0o751, 0, "no yes no"), ("NE", 0o751, 0, "yes no yes"), ("LT", 0o751, 0, "no no yes"),
            ("LE", 0o751, 0, "no yes yes"), ("GT", 0o751, 0, "yes no no"), ("GE", 0o751, 0, "yes yes no"),
            ("MASKED_EQ", 0o7, 0o1, "no yes no"),
        ]) func comparesArguments(_ operation: String, value: Int, second: Int, answers: String) throws {
            let condition: Bundle.Document = [
                "index": 1, "value": value, "valueTwo": second, "op": "SCMP_CMP_" + operation,
            ]
            let bundle = try bundle(
                """
                umask 0
                for mode in 777 751 710; do
                  mkdir -m $mode /tmp/d$mode; chmod $mode /tmp/d$mode 2>/dev/null && echo no || echo yes
                done
                """, [rule("chmod", "ERRNO", errno: 1, [condition]), rule("fchmodat", "ERRNO", errno: 1, [condition])])
            if operation == "MASKED_EQ" {
                bundle.edit("linux") { linux in
                    var profile = linux["seccomp"] as? Bundle.Document ?? [:]
                    profile["syscalls"] = [
                        rule("chmod", "ERRNO", [["index": 1, "value": 7, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"]])
                    ]
                    linux["seccomp"] = profile
                }
            }
            let result = try bundle.run()
            #expect(result.lines == answers.split(separator: " ").map(String.init), "\(result)")
        }

        @Test func defaultMayBeAnError() throws {
            let allowed = [
                "execve", "brk", "mmap", "mprotect", "munmap", "arch_prctl", "set_tid_address", "set_robust_list",
                "rseq",
                "prlimit64", "readlink", "getrandom", "exit_group", "write", "ioctl", "getuid", "geteuid", "prctl",
                "rt_sigaction", "rt_sigprocmask", "newfstatat", "fstat", "capset", "capget", "close", "getpid",
                "getppid",
                "getcwd", "fcntl", "read", "setuid", "setgid", "wait4", "uname", "stat",
            ]
            let bundle = try bundle(
                "echo up; mkdir /tmp/a", [["names": allowed, "action": "SCMP_ACT_ALLOW"]],
                ["defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 123])
            let result = try bundle.run()
            #expect(result.out == "up\n" && result.err.contains("No medium found"), "\(result)")
        }

        @Test func takesFlagsAndArchitectures() throws {
            let more: Bundle.Document = [
                "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
                "flags": ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
            ]
            #expect(try bundle("mkdir /tmp/a", [rule("rmdir", "KILL")], more).run().status == 0)
            for wrong in [["flags": ["NO_SUCH_FLAG"]], ["architectures": ["SCMP_ARCH_NONE"]]] {
                #expect(try bundle("true", [rule("rmdir", "KILL")], wrong).run().status == 1)
            }
            #expect(try bundle("true", [rule("rmdir", "EXPLODE")]).run().status == 1)
        }

        @Test(.enabled(if: Bundle.isGantry || Programs.exists("/usr/sbin/runc")), arguments: [true, false])
        func asksAListener(isExec: Bool) throws {
            let scratch = try Scratch("listener")
            let socket = scratch.path + "/socket"
            let more: Bundle.Document = ["listenerPath": socket, "listenerMetadata": "of the test"]
            let bundle = try bundle(isExec ? "sleep 600" : "mkdir /tmp/a", [rule("mkdir", "NOTIFY")], more)
            func listen() throws -> Child {
                let agent = try Child(["python3", Programs.fixtures + "/seccomp_agent.py", socket, "1"])
                try agent.expect("listening")
                return agent
            }
            var agent = try listen()
            let result: Output
            if isExec {
                try bundle.start()
                agent.signal(SIGKILL)
                unlink(socket)
                agent = try listen()
                result = try bundle.exec([], "mkdir", "/tmp/a")
            } else {
                result = try bundle.run()
            }
            #expect(result.err.contains("No medium found"), "\(result)")
            let said = try agent.wait()
            #expect(said.lines.last == "answered 83", "\(said)")
            let state = try JSONSerialization.jsonObject(with: Data(said.lines[1].utf8)) as? Bundle.Document
            #expect(state?["metadata"] as? String == "of the test" && state?["fds"] as? [String] == ["seccompFd"])
            let container = state?["state"] as? Bundle.Document
            #expect(container?["id"] as? String == bundle.id && container?["bundle"] as? String == bundle.directory)
            #expect(container?["status"] as? String == (isExec ? "running" : "creating"))
            #expect((state?["pid"] as? Int ?? 0) > 1)
        }

        @Test func refusesAListenerThatCannotBe() throws {
            let listener: Bundle.Document = ["listenerPath": "/nonexistent/socket"]
            #expect(try bundle("true", [rule("mkdir", "NOTIFY")]).run().status == 1)
            #expect(try bundle("true", [rule("mkdir", "NOTIFY")], listener).run().status == 1)
            #expect(try bundle("true", [rule("write", "NOTIFY")], listener).run().status == 1)
            #expect(try bundle("true", [], ["defaultAction": "SCMP_ACT_NOTIFY"]).run().status == 1)
        }
    }
}
