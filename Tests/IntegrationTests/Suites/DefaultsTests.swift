import Foundation
import Glibc
import Testing

extension Integration {
    /// What a container is denied unless somebody asks for it, and what the daemon keeps to itself.
    @Suite(.daemon) struct Defaults {
        /// The lines of a script, run as a container's first process or by `exec` in one with the same flags.
        private func lines(
            _ script: String, by way: String, _ flags: [String] = [], of daemon: Daemon,
            environment: [String: String] = [:]
        ) throws -> [String] {
            let merged = daemon.environment.merging(environment) { $1 }
            func client(_ words: [String]) throws -> Output {
                try command([Client.first.program] + words, environment: merged)
            }
            let flags = ["--network", "none"] + flags
            if way == "run" { return try client(["run", "--rm"] + flags + ["busybox", "sh", "-c", script]).lines }
            let id = try client(["run", "-d"] + flags + ["busybox", "sleep", "1000"]).trimmed
            let result = try client(["exec", id, "sh", "-c", script])
            try daemon.ok(Client.first, "rm", "-f", id)
            return result.lines
        }

        /// Docker's list of what is masked, by what can be read of it.
        @Test(arguments: ["run", "exec"]) func hidesWhatDockerHides(by way: String) throws {
            var paths = [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
                "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
            ]
            // Docker 20.10 does not know of them.
            if Programs.isGantry { paths += ["/proc/interrupts", "/sys/devices/virtual/powercap"] }
            let script = """
                for path in \(paths.joined(separator: " ")); do
                  if [ -d $path ]; then count=$(ls -A $path | wc -l); else count=$(head -c 1 $path 2>/dev/null | wc -c); fi
                  [ $count = 0 ] || echo $path
                done
                """
            #expect(try lines(script, by: way, of: daemon) == [])
            #expect(try command(["sh", "-c", script]).lines.count > 2, "on this machine there is nothing to hide")
        }

        @Test(arguments: ["run", "exec"]) func gainsNoPrivilegesWhenAsked(by way: String) throws {
            let script = "grep NoNewPrivs /proc/self/status"
            for option in ["no-new-privileges", "no-new-privileges:true"] {
                let found = try lines(script, by: way, ["--security-opt", option], of: daemon)
                #expect(found == ["NoNewPrivs:\t1"], "\(option)")
            }
            try Daemon.with(settings: ["no-new-privileges": "true"]) { daemon in
                let found = try lines(script, by: way, of: daemon)
                #expect(found == ["NoNewPrivs:\t1"])
            }
        }

        /// CVE-2021-3602, CVE-2020-14370: variables of the daemon, of the client and of another container.
        @Test(arguments: ["run", "exec"]) func hasNoVariablesOfOthers(by way: String) throws {
            let daemon = try Daemon(variables: ["SECRET_OF_DAEMON": "sang at night"])
            try daemon.ok(Client.first, "run", "-d", "-e", "SECRET_OF_OTHER=sang at night", "busybox", "sleep", "1000")
            let found = try lines(
                "env; tr '\\0' '\\n' </proc/self/environ; tr '\\0' '\\n' </proc/1/environ", by: way, of: daemon,
                environment: ["SECRET_OF_CLIENT": "sang at night"])
            try daemon.finish()
            #expect(found.contains { $0.hasPrefix("PATH=") })
            #expect(!found.contains { $0.contains("SECRET") || $0.contains("sang") }, "\(found)")
        }

        /// CVE-2022-36109, CVE-2023-25173: a file that denies a group denies it to whoever was started in it.
        @Test(arguments: ["run", "exec"]) func isInEveryGroupOfItsUser(by way: String) throws {
            for (flags, groups) in [
                (["-u", "1000:1000"], ["1000"]), (["-u", "4000:4001", "--group-add", "50"], ["50", "4001"]),
                (["-u", "4000"], ["0"]), (["--group-add", "77"], ["0", "77"]),
            ] {
                let found = try lines("grep Groups: /proc/self/status", by: way, flags, of: daemon).first ?? ""
                let words = found.split(whereSeparator: \.isWhitespace).dropFirst().map(String.init)
                // Root's groups of the image come on top.
                #expect(Set(groups).isSubset(of: words), "\(flags): \(found)")
                if flags[0] == "-u" { #expect(words.count == groups.count, "\(flags): \(found)") }
            }
        }

        @Test(arguments: ["run", "exec"]) func isTheUserItWasStartedAs(by way: String) throws {
            let script = "id -u; id -g; grep CapEff /proc/self/status"
            let found = try lines(script, by: way, ["-u", "1000:1001"], of: daemon)
            #expect(found == ["1000", "1001", "CapEff:\t0000000000000000"])
        }

        @Test func temporaryFileSystemsRunNothing() throws {
            let script = "grep ' /t ' /proc/mounts | cut -d ' ' -f 4"
            let options = try lines(script, by: "run", ["--tmpfs", "/t"], of: daemon).first ?? ""
            for option in ["nosuid", "nodev", "noexec"] {
                #expect(options.split(separator: ",").contains(Substring(option)), "\(options)")
            }
        }

        /// CVE-2022-1227, CVE-2026-41567: nothing of an image is executed by the daemon or the client.
        @Test(arguments: Client.all) func runsNoProgramOfTheImage(client: Client) throws {
            let scratch = try Scratch("marker")
            chmod(scratch.path, 0o777)
            let (marker, name) = (scratch.path + "/ran", "marked-\(client)")
            // The place of the marker exists outside and inside.
            let script = """
                mkdir -p \(scratch.path)
                for name in ps top nsenter getent id tar gzip unpigz xz zstd unxz; do
                  rm -f /bin/$name; printf '#!/bin/sh\\necho $0 >>\(marker)\\n' >/bin/$name; chmod 755 /bin/$name
                done
                echo done; exec sleep 1000
                """
            try daemon.ok(client, "run", "-d", "--name", name, "--network", "none", "busybox", "sh", "-c", script)
            try eventually("the programs are replaced") { try daemon.run(client, "logs", name).lines == ["done"] }
            for words in [[], ["aux"], ["-o", "pid,comm"], ["-ef"]] { try daemon.ok(client, ["top", name] + words) }
            try daemon.ok(client, "ps", "-as")
            try daemon.ok(client, "diff", name)
            try daemon.ok(client, "export", "-o", scratch.path + "/export.tar", name)
            try daemon.ok(client, "commit", name, "marked:\(client)")
            try daemon.ok(client, "save", "-o", scratch.path + "/save.tar", "marked:\(client)")
            #expect(try daemon.ok(client, "exec", name, "ls", scratch.path) == "", "it ran inside")
            #expect(!Programs.exists(marker), "it ran outside")
            try daemon.ok(client, "rm", "-f", name)
            try daemon.ok(client, "rmi", "marked:\(client)")
        }

        @Test(.enabled(if: Programs.isGantry)) func listensOnTheNetworkOnlyWhenAskedInSoManyWords() throws {
            let scratch = try Scratch("listen")
            let words = [
                Programs.binaries + "/gantryd", "--validate", "--config-file",
                try scratch.write("{}", to: "daemon.json"),
                "-H", "tcp://127.0.0.1:0",
            ]
            let refused = try command(words)
            #expect(refused.status == 1 && refused.err.contains("--insecure-tcp"), "\(refused)")
            let taken = try command(words + ["--insecure-tcp"])
            #expect(taken.status == 0, "\(taken)")
        }

        /// CVE-2021-41091, CVE-2024-25621: logs, states, files of containers and the socket, as a user without rights meets them.
        @Test(.enabled(if: Programs.isGantry)) func othersReadAndWriteNothingOfTheDaemons() throws {
            try Daemon.with { daemon in
                try daemon.ok(.gantry, "run", "--network", "none", "busybox", "sh", "-c", "echo said; echo x >/written")
                try daemon.ok(.gantry, "run", "-d", "--network", "none", "busybox", "sleep", "1000")
                // The directory of the test itself would keep everybody out.
                chmod(daemon.root, 0o755)
                let script = """
                    find \(daemon.data) \(daemon.root)/exec \(daemon.socket) |
                      setpriv --reuid=65534 --regid=65534 --clear-groups sh -c \
                      'while read -r path; do [ ! -r "$path" ] && [ ! -w "$path" ] || echo "$path"; done'
                    """
                let result = try command(["sh", "-c", script])
                #expect(result.status == 0 && result.lines == [], "\(result)")
            }
        }
    }
}
