import Foundation
import Glibc
import Testing

extension Integration {
    /// Issue heading 2: the daemon's own flags, and the daemon that starts when it is needed.
    @Suite(.enabled(if: Programs.isGantry, "Docker's daemon has no part in this")) struct Daemons {
        /// In mount and network namespaces of its own, where the default places are empty.
        @Test func startsOnDemand() throws {
            let gantry = Client.gantry.program
            let script = """
                set -e; ip link set lo up
                for place in /run /var/lib /var/log; do mount -t tmpfs none $place; done
                unset DOCKER_HOST GANTRY_HOST
                \(gantry) import \(BusyboxImage.tar) busybox
                \(gantry) run --rm busybox echo 'from nothing'
                kill $(cat /run/gantry/gantryd.pid); while [ -e /run/gantry/gantryd.pid ]; do sleep 0.05; done
                """
            let child = try Child(["unshare", "-mn", "--propagation", "private", "sh", "-c", script])
            let result = try child.wait()
            #expect(result.status == 0, "\(result)")
            #expect(result.lines.last == "from nothing")
            let said = result.err.split(separator: "\n").filter { $0.contains("starting gantryd") }
            #expect(said.count == 1, "\(result)")
            #expect(!child.outputsAreOpen, "a daemon that keeps its starter's output would hang $(gantry …)")
        }

        @Test func listensOnSeveralSockets() throws {
            let scratch = try Scratch("sockets")
            try withProcess(
                scratch.path, ["-H", "unix://\(scratch.path)/a.sock", "-H", "unix://\(scratch.path)/b.sock", "--debug"]
            ) {
                for name in ["a", "b"] {
                    let host = ["-H", "unix://\(scratch.path)/\(name).sock"]
                    for client in Client.all {
                        try eventually("\(name) answers") { try command([client.program] + host + ["ps"]).status == 0 }
                    }
                }
            }
            #expect(!Programs.exists(scratch.path + "/a.sock"), "a daemon takes its sockets with it")
            #expect(!Programs.exists(scratch.path + "/pid"))
        }

        /// Who waits for a container is answered before all of it is taken apart; a daemon that stops then does that first.
        @Test func takesApartWhatEnded() throws {
            try Daemon.with { daemon in
                let id = try daemon.run(.gantry, ["run", "--rm", "-d", "--net", "none", "busybox", "sleep", "1000"])
                    .lines.joined()
                // It takes a while to see that a cgroup with somebody else inside cannot be removed.
                let guest = try Child(["sleep", "1000"])
                defer { guest.signal(SIGKILL) }
                for path in try command(["find", "/sys/fs/cgroup", "-name", id]).lines {
                    try "\(guest.pid)".write(toFile: path + "/cgroup.procs", atomically: false, encoding: .utf8)
                }
                try daemon.run(.gantry, ["kill", id])
                try eventually("it has ended") { try daemon.run(.gantry, ["ps", "-aq"]).lines.isEmpty }
                try daemon.stop()
                for directory in [daemon.root + "/exec", daemon.data] {
                    #expect(try FileManager.default.contentsOfDirectory(atPath: directory + "/containers") == [])
                }
                guest.signal(SIGKILL)
                _ = try guest.wait()
                try daemon.start()
                #expect(try command(["find", "/sys/fs/cgroup", "-name", id]).lines == [])
            }
        }

        @Test func readsItsConfiguration() throws {
            let scratch = try Scratch("configuration")
            let good = try scratch.write(#"{"bip": "10.99.77.1/24", "labels": ["a=b"], "debug": true}"#, to: "good")
            let unknown = try scratch.write(#"{"nosuchkey": 1}"#, to: "unknown")
            let broken = try scratch.write("{", to: "broken")
            let gantryd = Programs.binaries + "/gantryd"
            let valid = try command([gantryd, "--validate", "--config-file", good])
            #expect(valid.status == 0 && (valid.out + valid.err).contains("configuration OK"), "\(valid)")
            for (file, word) in [(unknown, "nosuchkey"), (broken, "broken"), (scratch.path + "/missing", "missing")] {
                let result = try command([gantryd, "--validate", "--config-file", file])
                #expect(result.status == 1 && result.err.contains(word), "\(result)")
            }
            // The same key in the file and as a flag.
            let both = try command([gantryd, "--validate", "--config-file", good, "--bip", "10.99.78.1/24"])
            #expect(both.status == 1 && both.err.contains("bip"), "\(both)")
        }

        @Test func refusesADataRootThatIsTaken() throws {
            let scratch = try Scratch("taken")
            try withProcess(scratch.path, ["-H", "unix://\(scratch.path)/a.sock"]) {
                try eventually("it answers") { Programs.exists(scratch.path + "/a.sock") }
                let second = try command([
                    Programs.binaries + "/gantryd", "--data-root", scratch.path + "/data", "--exec-root",
                    scratch.path + "/other", "--pidfile", scratch.path + "/otherpid", "-H",
                    "unix://\(scratch.path)/b.sock", "--config-file", scratch.path + "/daemon.json",
                ])
                #expect(second.status == 1, "\(second)")
                #expect(!second.err.isEmpty)
            }
        }

        /// What this machine does not allow is told once in a daemon's life, however many containers ask for it.
        @Test func tellsOnceOfLimitsThatCannotBe() throws {
            var own = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &own)
            let flags = ["--ulimit", "nofile=\(own.rlim_max + 1):\(own.rlim_max + 1)", "--network", "none"]
            try Daemon.with { daemon in
                for _ in 0..<3 {
                    let result = try daemon.run(
                        Client.first, ["run", "--rm"] + flags + ["busybox", "sh", "-c", "ulimit -Hn"])
                    let limit = try #require(UInt64(result.trimmed), "\(result)")
                    #expect(limit >= own.rlim_max)
                    // Whoever may raise limits gets what he asks for, and nothing is told.
                    let isRaised = limit > own.rlim_max
                    let told = try Programs.text(daemon.log).split(separator: "\n").filter {
                        $0.contains("limit nofile cannot be raised")
                    }
                    #expect(told.count == (isRaised ? 0 : 1), "\(told)")
                }
            }
        }

        /// CVE-2021-41091, CVE-2021-41103, CVE-2024-25621: also of directories that were there, with whatever mode.
        @Test func closesItsRoots() throws {
            let scratch = try Scratch("roots")
            for name in ["data", "exec"] {
                mkdir(scratch.path + "/" + name, 0o777)
                chmod(scratch.path + "/" + name, 0o777)
            }
            try withProcess(scratch.path, ["-H", "unix://\(scratch.path)/a.sock"]) {
                try eventually("it answers") { Programs.exists(scratch.path + "/a.sock") }
                func mode(_ path: String) throws -> String { try succeed(["stat", "-c", "%a", scratch.path + path]) }
                #expect(try mode("/data") == "710")
                #expect(try mode("/exec") == "711")
                #expect(try mode("/a.sock") == "660")
                // Nobody else gets at anything in there.
                let open = try succeed([
                    "find", scratch.path + "/data", "-mindepth", "1", "-perm", "/o+w", "!", "-type", "l",
                ])
                #expect(open.isEmpty, "\(open)")
                let entered = try command([
                    "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "ls", scratch.path + "/data",
                ])
                #expect(entered.status != 0, "\(entered)")
            }
        }

        /// A directory that others may write to, and files that they put there.
        @Test func refusesPlacesOfOthers() throws {
            let scratch = try Scratch("others")
            func start(_ flags: [String]) throws -> Output {
                try command(
                    [
                        Programs.binaries + "/gantryd", "--exec-root", scratch.path + "/exec", "--config-file",
                        scratch.write("{}", to: "daemon.json"), "-H", "unix://\(scratch.path)/a.sock",
                    ] + flags)
            }
            let sticky = scratch.path + "/sticky"
            mkdir(sticky, 0o755)
            chmod(sticky, 0o1777)
            let shared = try start(["--data-root", sticky, "--pidfile", scratch.path + "/pid"])
            #expect(
                shared.status == 1 && shared.err.contains("data-root \(sticky) is not the daemon's alone"), "\(shared)")
            #expect(try succeed(["stat", "-c", "%a", sticky]) == "1777")
            let victim = try scratch.write("precious\n", to: "victim")
            symlink(victim, scratch.path + "/link")
            let other = try scratch.write("precious\n", to: "other")
            link(other, scratch.path + "/hard")
            mkfifo(scratch.path + "/fifo", 0o644)
            for name in ["link", "hard", "fifo"] {
                let result = try start(["--data-root", scratch.path + "/data", "--pidfile", scratch.path + "/" + name])
                #expect(result.status == 1, "\(result)")
                #expect(
                    result.err.contains("pid file") || result.err.contains("not a file of this daemon's own"),
                    "\(result)")
            }
            for path in [victim, other] { #expect(try Programs.text(path) == "precious\n") }
        }

        /// Whoever visits a web page has a browser that reaches what listens on this machine.
        @Test func answersNoWebPage() throws {
            let scratch = try Scratch("pages")
            let port = try freePort()
            try withProcess(
                scratch.path,
                ["-H", "unix://\(scratch.path)/a.sock", "-H", "tcp://127.0.0.1:\(port)", "--insecure-tcp"]
            ) {
                func ask(_ headers: [String], _ rest: [String]) throws -> String {
                    try command(
                        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"] + headers.flatMap { ["-H", $0] } + rest
                    ).out
                }
                let tcp = ["http://127.0.0.1:\(port)/version"]
                try eventually("it answers") { try ask([], tcp) == "200" }
                #expect(try ask(["Origin: http://evil.example"], tcp) == "403")
                #expect(try ask(["Origin: null"], ["-X", "POST"] + tcp) == "403")
                #expect(try ask(["Host: evil.example:\(port)", "Accept-Language: en"], tcp) == "403")
                #expect(try ask(["Sec-Fetch-Site: cross-site"], tcp) == "403")
                #expect(
                    try ask(["Origin: http://x"], ["--unix-socket", scratch.path + "/a.sock", "http://d/version"])
                        == "200")
                let client = try command([Client.docker.program, "-H", "tcp://127.0.0.1:\(port)", "version"])
                #expect(client.status == 0, "\(client)")
            }
        }

        /// Runs a daemon while `body` does, and ends it with SIGTERM.
        private func withProcess(_ directory: String, _ flags: [String], _ body: () throws -> Void) throws {
            let number = Int.random(in: 0..<250)
            try #"{"bip": "10.98.\#(number).1/24"}"#.write(
                toFile: directory + "/daemon.json", atomically: false, encoding: .utf8)
            let child = try Child(
                [
                    Programs.binaries + "/gantryd", "--data-root", directory + "/data", "--exec-root",
                    directory + "/exec", "--pidfile", directory + "/pid", "--config-file", directory + "/daemon.json",
                ] + flags)
            try body()
            child.signal(SIGTERM)
            let result = try child.wait()
            #expect(result.status == 0, "\(result)")
        }
    }
}
