import Foundation
import Glibc
import Testing

extension Integration {
    /// What `exec` takes, descriptors that are handed on, and terminals.
    @Suite struct RuntimeExecTests {
        private static func running() throws -> Bundle {
            let bundle = try Bundle("exec sleep 100")
            try bundle.start()
            return bundle
        }

        @Test func answersWithTheCodeOfTheProgram() throws {
            let bundle = try Self.running()
            #expect(try bundle.exec([], "sh", "-c", "exit 7").status == 7)
            #expect(try bundle.exec([], "sh", "-c", "echo out; echo err >&2").out == "out\n")
            #expect(try bundle.runtime(["exec", bundle.id, "cat"], input: Array("in".utf8)).out == "in")
            let missing = try bundle.exec([], "nosuch")
            #expect(missing.status == 255)
            // Docker and Podman make 127 and 126 of these words.
            #expect(missing.err.contains(#"exec: \"nosuch\": executable file not found in $PATH"#))
            let folder = try bundle.exec([], "/etc")
            #expect(folder.status == 255 && folder.err.contains("permission denied"))
            #expect(try bundle.runtime(["exec", bundle.id]).err.contains("process args cannot be empty"))
        }

        @Test func takesEveryFlag() throws {
            let bundle = try Self.running()
            let flags = ["-u", "5:6", "-g", "7", "-g=8", "--cwd", "/tmp", "--env", "A=b", "--env", "C=d"]
            let result = try bundle.exec(flags, "sh", "-c", "id -u; id -g; id -G; pwd; echo $A$C")
            #expect(result.lines[0] == "5" && result.lines[1] == "6" && result.lines[3...] == ["/tmp", "bd"])
            #expect(Set(result.lines[2].split(separator: " ")).isSuperset(of: ["7", "8"]))
            func status(_ flags: [String], _ field: String) throws -> String {
                let line = try bundle.exec(flags, "grep", "^\(field):", "/proc/self/status").trimmed
                return String(line.split(separator: "\t").last ?? "")
            }
            let before = try #require(UInt64(try status([], "CapEff"), radix: 16))
            let after = try #require(UInt64(try status(["--cap", "CAP_SYS_ADMIN"], "CapEff"), radix: 16))
            #expect(after == before | 1 << 21)
            // CVE-2022-29162.
            #expect(try status(["--cap", "CAP_SYS_ADMIN"], "CapInh") == "0000000000000000")
            #expect(try status(["--no-new-privs"], "NoNewPrivs") == "1")
            // As with runc, which warns.
            #expect(try bundle.exec(["--cap", "CAP_NOSUCH"], "true").status == 0)
        }

        /// CVE-2026-30892.
        @Test func usersAreWholeNumbers() throws {
            let bundle = try Self.running()
            #expect(try bundle.exec(["-u", "1000"], "id", "-u").trimmed == "1000")
            for user in ["1x", "root", "1:", "1:x"]
                + (Bundle.isGantry ? ["", "+1", "4294967296", "-1", ":1", "1:2:3"] : [])
            {
                #expect(try bundle.exec(["-u", user], "id").status == 255, "user \(user)")
            }
        }

        @Test func readsAProcessDocument() throws {
            let bundle = try Self.running()
            let path = bundle.directory + "/process.json"
            try
                #"{"args":["sh","-c","id -u; echo $X; pwd; exit 9"],"cwd":"/tmp","env":["PATH=/bin","X=y"],"user":{"uid":3,"gid":4}}"#
                .write(toFile: path, atomically: false, encoding: .utf8)
            let result = try bundle.runtime(["exec", "-p", path, bundle.id])
            #expect(result.out == "3\ny\n/tmp\n" && result.status == 9)
            #expect(try bundle.runtime(["exec", "-p", path + ".nosuch", bundle.id]).status == 255)
        }

        @Test func detaches() throws {
            let bundle = try Self.running()
            let pidFile = bundle.directory + "/exec.pid"
            let words = [
                Bundle.runtime, "--root", bundle.state, "exec", "-d", "--pid-file", pidFile, bundle.id, "sleep", "99",
            ]
            let result = try command(["sh", "-c", #"exec "$@" </dev/null >/dev/null 2>&1"#, "sh"] + words)
            #expect(result.status == 0)
            let pid = try Programs.text(pidFile)
            try eventually("it sleeps") { try Programs.text("/proc/\(pid)/cmdline") == "sleep\u{0}99\u{0}" }
            let pids = try bundle.runtime(["ps", "-f", "json", bundle.id]).trimmed
            #expect(pids == "[\(try bundle.pid()),\(pid)]")
            try bundle.runtime(["kill", "--all", bundle.id, "KILL"])
            try eventually("both have ended") { try bundle.runtime(["ps", "-f", "json", bundle.id]).trimmed == "null" }
        }

        @Test func joinsACgroupBeneath() throws {
            let bundle = try Self.running()
            let line = try #require(
                try Programs.text("/proc/\(try bundle.pid())/cgroup").split(separator: "\n").first {
                    $0.contains(":pids:")
                })
            let path = "/sys/fs/cgroup/pids" + (line.split(separator: ":").last ?? "") + "/sub"
            mkdir(path, 0o755)
            defer { rmdir(path) }
            let inside = try bundle.exec(["--cgroup", "pids:sub"], "cat", "/proc/self/cgroup")
            #expect(inside.lines.contains { $0.contains(":pids:") && $0.hasSuffix("/sub") }, "\(inside)")
            #expect(!inside.lines.contains { $0.contains(":memory:") && $0.hasSuffix("/sub") })
            #expect(try bundle.exec(["--cgroup", "pids:nosuch"], "true").status == 255)
            #expect(try bundle.exec(["--cgroup", "nosuch:sub"], "true").status == 255)
            #expect(try bundle.exec(["--cgroup", "../.."], "true").status == 255)
        }

        /// `--preserve-fds`, and systemd's socket activation when it is meant for the runtime.
        @Test func handsDescriptorsOn() throws {
            let bundle = try Bundle(
                #"for n in 3 4 5; do readlink /proc/self/fd/$n; done; echo "$LISTEN_FDS $LISTEN_PID""#)
            try bundle.write()
            func run(_ prefix: String, _ words: [String]) throws -> Output {
                let script = prefix + #" exec "$@" 3</etc/passwd 4</etc/group"#
                return try command(["bash", "-c", script, "bash", Bundle.runtime, "--root", bundle.state] + words)
            }
            let whole = ["run", "-b", bundle.directory]
            let readlink = try run("", whole + ["--preserve-fds", "2", bundle.id])
            #expect(readlink.lines.prefix(2) == ["/etc/passwd", "/etc/group"], "\(readlink)")
            #expect(readlink.lines.count == 3)
            #expect(try run("", whole + ["--preserve-fds", "1", bundle.id]).lines.first == "/etc/passwd")
            #expect(try run("", whole + [bundle.id]).lines.count == 1)
            let listening = try run("export LISTEN_FDS=1 LISTEN_PID=$$;", whole + ["--preserve-fds", "1", bundle.id])
            #expect(listening.lines == ["/etc/passwd", "/etc/group", "1 1"])
            // Somebody else's.
            #expect(try run("export LISTEN_FDS=1 LISTEN_PID=1;", whole + [bundle.id]).lines == [" "])
            if Bundle.isGantry {
                // runc 1.1 hands out descriptors of its own: one of them is the host's /sys/fs/cgroup.
                let beyond = try run("", whole + ["--preserve-fds", "4", bundle.id])
                #expect(beyond.status == 1 && beyond.err.contains("descriptor 5 is not open"), "\(beyond)")
            }
            bundle.edit("process") { $0["args"] = ["sleep", "100"] }
            try bundle.start()
            let exec = try run("", ["exec", "--preserve-fds", "2", bundle.id, "readlink", "/proc/self/fd/4"])
            #expect(exec.trimmed == "/etc/group")
        }

        /// The protocol of `--console-socket`: one message with the terminal's controlling side.
        @Test func givesTheTerminalAway() throws {
            let bundle = try Bundle("stty size; tty; read line; echo got $line")
            bundle.edit("process") {
                $0["terminal"] = true
                $0["consoleSize"] = ["height": 11, "width": 22]
            }
            try bundle.write()
            let refused = try bundle.runtime(["create", "-b", bundle.directory, bundle.id])
            #expect(refused.status == 1 && refused.err.contains("cannot allocate tty if"))
            let listener = try Child([
                "python3", "-c",
                """
                import array, os, socket, sys
                s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); print('ready', flush=True)
                c = s.accept()[0]; data, fds, _, _ = socket.recv_fds(c, 4096, 4); print('got', data, len(fds), flush=True)
                os.write(fds[0], b'hello\\n')
                while True:
                    try: b = os.read(fds[0], 999)
                    except OSError: break
                    if not b: break
                    sys.stdout.buffer.write(b); sys.stdout.flush()
                """, bundle.directory + "/console",
            ])
            try listener.expect("ready")
            try bundle.create(["--console-socket", bundle.directory + "/console"])
            try listener.expect("1")
            #expect(try bundle.runtime(["start", bundle.id]).status == 0)
            let said = try listener.wait().out
            #expect(said.contains("got hello\r\n") && said.contains("/dev/pts/0"))
            #expect(said.contains("11 22"))
            #expect(said.contains("got b'/dev/ptmx' 1"))
        }

        @Test func usesTheCallersTerminal() throws {
            let bundle = try Bundle("stty size; read a; stty size; exit 4")
            bundle.edit("process") { $0["terminal"] = true }
            try bundle.write()
            let child = try Child(
                [Bundle.runtime, "--root", bundle.state, "run", "-b", bundle.directory, bundle.id],
                wiring: .terminal(rows: 33, columns: 99))
            try child.expect("33 99")
            try child.resize(rows: 44, columns: 88)
            // The size travels by a signal, which nothing answers.
            try eventually("the new size has arrived") {
                let inside = try bundle.exec([], "sh", "-c", "stty size </dev/console")
                return inside.trimmed == "44 88"
            }
            try child.send("\n")
            try child.expect("44 88")
            #expect(try child.wait().status == 4)
        }
    }
}
