import Foundation
import Glibc
import Testing

extension Integration {
    /// CVE-2019-5736: a container has the runtime execute itself inside (`#!/proc/self/exe`), opens that process's /proc/PID/exe and
    /// writes once it has ended. While it runs the kernel refuses that for every file (ETXTBSY).
    @Suite(.serialized, .enabled(if: Bundle.isGantry, "a runtime that falls for it would be overwritten"))
    struct RuntimeOverwriteTests {
        /// Waits for the runtime, which waits for a reader of its log; lets it end, and writes.
        private static let attacker = """
            look() { for p in /proc/[0-9]*; do
              case "$(tr '\\0' ' ' <$p/cmdline)" in '/proc/self/exe --log='*) pid=${p#/proc/};; esac; done; }
            n=0; until look 2>/dev/null; [ "$pid" ] || [ $n = 2000 ]; do n=$((n+1)); done
            exec 3</proc/$pid/exe && echo opened
            cat /shared/gate >/dev/null
            n=0; while [ -e /proc/$pid/exe ] && [ $n -lt 2000 ]; do n=$((n+1)); sleep 0.01; done
            # Its last moments: out of /proc, and still the file's user.
            n=0; while (echo x >>/proc/self/fd/3) 2>&1 | grep -q busy && [ $n -lt 1000 ]; do n=$((n+1)); sleep 0.01; done
            (echo x >>/proc/self/fd/3) 2>&1 && echo written
            (chmod 777 /proc/self/fd/3) 2>&1 && echo changed
            echo end; sleep 600
            """

        /// A bundle that attacks from within, a copy of the runtime that may be harmed, and what that is.
        private struct Attack {
            let bundle: Bundle
            let copy: String
            let before: String

            init() throws {
                bundle = try Bundle(attacker)
                let shared = bundle.volume("shared")
                guard mkfifo(shared + "/gate", 0o666) == 0 else { throw HarnessError("mkfifo: errno \(errno)") }
                bundle.add(mount: "/shared", type: "bind", source: shared, ["bind"])
                // The log of the runtime inside is what it waits at.
                try Attack.place(in: bundle)
                copy = bundle.directory + "/gantry-runtime"
                try succeed(["cp", Bundle.runtime, copy])
                before = try succeed(["sha256sum", copy])
            }

            static func place(in bundle: Bundle) throws {
                try "#!/proc/self/exe --log=/shared/gate\n".write(
                    toFile: bundle.root + "/entry", atomically: false, encoding: .utf8)
                chmod(bundle.root + "/entry", 0o755)
            }

            func log() throws -> String {
                var text = ""
                try eventually("the attack has ended") {
                    text = try Programs.text(bundle.directory + "/detached.log")
                    return text.hasSuffix("end\n")
                }
                return text
            }

            func isUnharmed() throws -> Bool { try succeed(["sha256sum", copy]) == before }
        }

        @Test func execKeepsItsFile() throws {
            let attack = try Attack()
            try attack.bundle.start()
            _ = try command([attack.copy, "--root", attack.bundle.state, "exec", attack.bundle.id, "/entry"])
            let log = try attack.log()
            #expect(log.hasPrefix("opened\n") && !log.contains("written") && !log.contains("changed"), "\(log)")
            #expect(log.contains("Read-only file system"), "\(log)")
            #expect(try attack.isUnharmed())
        }

        /// The attacker is another container that sees the processes of the new one.
        @Test(arguments: ["run", "create"]) func aNewContainerKeepsTheFile(command way: String) throws {
            let attack = try Attack()
            try attack.bundle.start()
            let victim = try Bundle { config in
                var process = config["process"] as? Bundle.Document ?? [:]
                process["args"] = ["/entry"]
                config["process"] = process
            }
            try Attack.place(in: victim)
            victim.add(mount: "/shared", type: "bind", source: attack.bundle.directory + "/shared", ["bind"])
            let pid = try attack.bundle.pid()
            victim.namespaces {
                $0.filter { $0["type"] as? String != "pid" } + [["type": "pid", "path": "/proc/\(pid)/ns/pid"]]
            }
            try victim.write()
            let words = [attack.copy, "--root", victim.state]
            if way == "run" {
                _ = try command(words + ["run", "--bundle", victim.directory, victim.id])
            } else {
                let script = #"exec "$@" </dev/null >/dev/null 2>&1"#
                try succeed(
                    ["sh", "-c", script, "sh"] + words + ["create", "--bundle", victim.directory, victim.id])
                try succeed(words + ["start", victim.id])
            }
            let log = try attack.log()
            #expect(log.hasPrefix("opened\n") && !log.contains("written") && !log.contains("changed"), "\(log)")
            #expect(log.contains("Read-only file system"), "\(log)")
            #expect(try attack.isUnharmed())
        }

        /// The file is his own, and he may not mount: the runtime goes on from a sealed copy in memory.
        @Test func aUsersOwnFileIsKept() throws {
            let attack = try Attack()
            let bundle = attack.bundle
            let user = try OrdinaryUser()
            RuntimeUserTests.isolate(bundle, RuntimeRootlessTests.own)
            bundle.edit("linux") { $0["resources"] = nil }
            bundle.config["mounts"] = (bundle.config["mounts"] as? [Bundle.Document] ?? []).map { mount in
                var mount = mount
                mount["options"] = (mount["options"] as? [String])?.filter { $0 != "gid=5" }
                return mount
            }
            try bundle.write()
            try succeed(["chown", "-R", "\(OrdinaryUser.uid):\(OrdinaryUser.uid)", bundle.directory])
            let script = #"log=$1; shift; exec "$@" </dev/null >"$log" 2>&1"#
            let log = bundle.directory + "/detached.log"
            let started = try user.run(
                [
                    "sh", "-c", script, "sh", log, attack.copy, "run", "--detach", "--bundle", bundle.directory,
                    bundle.id,
                ],
                in: bundle.directory)
            #expect(started.status == 0, "\(started) \((try? Programs.text(log)) ?? "")")
            _ = try user.run([attack.copy, "exec", bundle.id, "/entry"], in: bundle.directory)
            let text = try attack.log()
            #expect(text.contains("opened\n") && !text.contains("written"), "\(text)")
            #expect(text.contains("Operation not permitted"), "\(text)")
            #expect(try attack.isUnharmed())
            let removed = try user.run([attack.copy, "delete", "--force", bundle.id], in: bundle.directory)
            #expect(removed.status == 0, "\(removed)")
        }

        /// As the host sees it, of every command that has to do with a container's processes. A process that may mount, which
        /// one of a container with CAP_SYS_ADMIN is, cannot make the mount writable either.
        @Test(arguments: ["run", "restore"]) func theMountIsReadOnlyForGood(command way: String) throws {
            let bundle = try Bundle("exec sleep 600")
            let probe = try Scratch("probe")
            let script = try probe.write(
                """
                #!/usr/bin/python3
                import ctypes, errno, os, struct, sys
                path = "/proc/%s/exe" % (sys.argv[1] if sys.argv[1].isdigit() else os.getppid())
                libc = ctypes.CDLL(None, use_errno=True)
                def name(result): return errno.errorcode[ctypes.get_errno()] if result < 0 else "done"
                handle = os.open(path, os.O_RDONLY)
                results = [name(libc.chmod(path.encode(), 0o755))]
                # mount_setattr(2), which clears MOUNT_ATTR_RDONLY
                results.append(name(libc.syscall(442, handle, b"", 0x1000, struct.pack("QQQQ", 0, 1, 0, 0), 32)))
                open(sys.argv[0] + ".out", "w").write(" ".join(results))
                """, to: "probe")
            chmod(script, 0o755)
            switch way {
            case "run":
                try bundle.write()
                let child = try Child([
                    Bundle.runtime, "--root", bundle.state, "run", "--bundle", bundle.directory, bundle.id,
                ])
                try eventually("it runs") { (try? bundle.status()) == "running" }
                try succeed([script, "\(child.pid)"])
                _ = try bundle.runtime(["kill", bundle.id, "KILL"])
                _ = try child.wait()
            default:
                let images = bundle.volume("images")
                // What it is told to call criu looks at its parent, and fails.
                let result = try bundle.runtime(
                    ["--criu", script, "restore", "--image-path", images, "--bundle", bundle.directory, bundle.id])
                #expect(result.status == 1, "\(result)")
            }
            #expect(try Programs.text(script + ".out") == "EROFS EINVAL")
        }
    }
}
