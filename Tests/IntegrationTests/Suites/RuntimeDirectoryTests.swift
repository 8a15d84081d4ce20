import Foundation
import Glibc
import Testing

extension Integration {
    /// CVE-2026-55686: working directories and mount points behind links of the image are made, and given to the user, inside.
    @Suite(.enabled(if: Bundle.isGantry, "a runtime that falls for it makes directories on the machine"))
    struct RuntimeDirectoryTests {
        private static let ways = [
            "/absolute/new/er", "/absolute/one", "/relative/new", "/dangling/er", "/absolute", "/in/../relative/a",
        ]

        private static func bundle(_ canary: String) throws -> Bundle {
            let bundle = try Bundle("pwd; sleep 600")
            symlink(canary, bundle.root + "/absolute")
            symlink(String(repeating: "../", count: 12) + canary, bundle.root + "/relative")
            symlink(canary + "/new", bundle.root + "/dangling")
            return bundle
        }

        @Test(arguments: ways, [0, 1000]) func workingDirectoriesStayInside(_ path: String, user: Int) throws {
            let outside = try Scratch("canary")
            let canary = outside.path + "/canary"
            mkdir(canary, 0o755)
            let before = try Bundle.look(outside.path)
            let bundle = try Self.bundle(canary)
            bundle.edit("process") {
                $0["user"] = ["uid": user, "gid": user]
                $0["cwd"] = path
                $0["args"] = ["/bin/pwd"]
            }
            _ = try bundle.run()
            #expect(try Bundle.look(outside.path) == before, "run in \(path)")
            bundle.edit("process") {
                $0["cwd"] = "/"
                $0["args"] = ["/bin/sleep", "600"]
            }
            try bundle.start()
            _ = try bundle.exec(["--cwd", path, "--user", "\(user):\(user)"], "pwd")
            #expect(try Bundle.look(outside.path) == before, "exec in \(path)")
        }

        /// What is made inside is where the link leads there.
        @Test func aDirectoryBehindALinkIsMadeInside() throws {
            let bundle = try Bundle("pwd")
            symlink("/somewhere/else", bundle.root + "/link")
            bundle.edit("process") { $0["cwd"] = "/link/new" }
            #expect(try bundle.run().trimmed == "/somewhere/else/new")
            #expect(Programs.exists(bundle.root + "/somewhere/else/new"))
        }

        /// CVE-2026-88264: the console where /dev is no mount and the root is read-only.
        @Test(arguments: [true, false]) func theConsoleOfAReadOnlyRoot(isLink: Bool) throws {
            let bundle = try Bundle("stat -c %F /dev/console; grep -c canary /proc/self/mountinfo; touch /x")
            let canary = try bundle.canary()
            if isLink {
                symlink(String(repeating: "../", count: 12) + canary + "/file", bundle.root + "/dev/console")
            } else {
                try "".write(toFile: bundle.root + "/dev/console", atomically: false, encoding: .utf8)
            }
            mkdir(bundle.root + "/dev/pts", 0o755)
            for path in ["/dev", "/dev/shm", "/dev/mqueue"] { bundle.drop(mount: path) }
            bundle.config["root"] = ["path": "rootfs", "readonly": true] as Bundle.Document
            bundle.edit("process") { $0["terminal"] = true }
            try bundle.write()
            let before = try Bundle.look(canary)
            let child = try Child(
                [Bundle.runtime, "--root", bundle.state, "run", "--bundle", bundle.directory, bundle.id],
                wiring: .terminal(rows: 24, columns: 80))
            let result = try child.wait()
            if isLink {
                #expect(result.status == 1 && result.out.contains("symbolic link"), "\(result)")
            } else {
                #expect(result.out.hasPrefix("character special file\r\n0\r\n"), "\(result)")
                #expect(result.out.contains("Read-only file system"), "\(result)")
            }
            #expect(try Bundle.look(canary) == before)
        }
    }

    /// The same through the daemon: `run -w`, the image's WORKDIR and VOLUME, `exec -w`.
    @Suite(.daemon) struct DirectoriesBehindLinks {
        /// With the host's processes in sight a link of /proc leads to the host's root.
        @Test(arguments: ["0", "1000"]) func nothingIsMadeThroughProc(user: String) throws {
            let outside = try Scratch("canary")
            let before = try Bundle.look(outside.path)
            let path = "/proc/1/root" + outside.path + "/a/b"
            let flags = ["--pid", "host", "-u", user]
            #expect(try daemon.run(.first, ["run", "--rm"] + flags + ["-w", path, "busybox", "true"]).status != 0)
            let id = try daemon.ok(.first, ["run", "-d"] + flags + ["busybox", "sleep", "1000"])
            #expect(try daemon.run(.first, "exec", "-w", path, id, "true").status != 0)
            try daemon.ok(.first, "rm", "-f", id)
            #expect(try Bundle.look(outside.path) == before)
        }

        @Test(arguments: ["0", "1000"]) func areMadeInside(user: String) throws {
            let outside = try Scratch("canary")
            let canary = outside.path + "/canary"
            mkdir(canary, 0o755)
            let before = try Bundle.look(outside.path)
            let name = "links-\(user)"
            try daemon.ok(
                .first, "run", "--name", name, "busybox", "sh", "-c",
                "ln -s \(canary) /absolute; ln -s \(String(repeating: "../", count: 12) + canary) /relative")
            try daemon.ok(.first, "commit", name, name + ":plain")
            try daemon.ok(
                .first, "commit", "-c", "WORKDIR /absolute/work/deep", "-c", "VOLUME /relative/volume", name,
                name + ":set")
            func inside(_ words: String...) throws {
                let result = try daemon.run(.first, ["run", "--rm", "-u", user] + words)
                #expect(try Bundle.look(outside.path) == before, "\(words): \(result)")
            }
            try inside("-w", "/absolute/new/er", name + ":plain", "pwd")
            try inside("-w", "/relative/new", name + ":plain", "pwd")
            try inside("-v", "/absolute/anonymous", name + ":plain", "pwd")
            try inside("--tmpfs", "/relative/tmpfs", name + ":plain", "pwd")
            try inside(name + ":set", "pwd")
            let id = try daemon.ok(.first, "run", "-d", name + ":set", "sleep", "1000")
            for path in ["/absolute/exec/er", "/relative/exec"] {
                _ = try daemon.run(.first, "exec", "-u", user, "-w", path, id, "pwd")
            }
            #expect(try Bundle.look(outside.path) == before)
            try daemon.ok(.first, "rm", "-f", "-v", id, name)
            try daemon.ok(.first, "rmi", name + ":set", name + ":plain")
        }
    }
}
