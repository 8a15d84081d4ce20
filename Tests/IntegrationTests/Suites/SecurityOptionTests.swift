import Foundation
import Testing

extension Integration {
    /// What `--security-opt` asks for is done, or refused by its name.
    @Suite(.daemon) struct SecurityOptions {
        /// Nothing but chmod(2) is refused, with an error that nothing else gives it.
        static let profile = """
            {"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1, "archMap": [
                {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}],
             "syscalls": [
                {"names": ["chmod", "fchmodat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95, "comment": "",
                 "args": [], "includes": {}, "excludes": {}},
                {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95, "includes": {"caps": ["CAP_SYS_TIME"]}},
                {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95, "includes": {"minKernel": "200.0"}}]}
            """
        private static let look = "chmod 700 /tmp 2>&1; mkdir /made 2>&1 && echo made; grep Seccomp: /proc/self/status"

        @Test(arguments: Client.all)
        func runsWithTheProfileOfAFile(client: Client) throws {
            let scratch = try Scratch("profile")
            let flags = ["--security-opt", "seccomp=" + (try scratch.write(Self.profile, to: "profile.json"))]
            let run = try daemon.run(client, ["run", "--rm"] + flags + ["busybox", "sh", "-c", Self.look])
            #expect(run.lines.count == 3 && run.lines[0].contains("Operation not supported"), "\(run)")
            #expect(run.lines.dropFirst() == ["made", "Seccomp:\t2"], "\(run)")
            let more = try daemon.run(
                client, ["run", "--rm", "--cap-add", "SYS_TIME"] + flags + ["busybox", "sh", "-c", Self.look])
            #expect(more.out.components(separatedBy: "not supported").count == 3, "caps decide about rules: \(more)")
            // The filter is the container's: also after a restart, and for what `exec` brings in.
            let id = try daemon.ok(client, ["run", "-d"] + flags + ["busybox", "sleep", "1000"])
            try daemon.ok(client, "restart", "-t", "0", id)
            let exec = try daemon.run(client, "exec", id, "chmod", "700", "/tmp")
            #expect(exec.status == 1 && exec.err.contains("Operation not supported"), "\(exec)")
            try daemon.ok(client, "rm", "-f", id)
        }

        @Test func takesAProfileThroughTheAPI() throws {
            let profile = try #require(String(data: JSONEncoder().encode("seccomp=" + Self.profile), encoding: .utf8))
            let body =
                #"{"Image": "busybox", "Cmd": ["chmod", "700", "/tmp"], "HostConfig": {"SecurityOpt": [\#(profile)]}}"#
            let (status, answer) = try daemon.request("POST", "/v1.41/containers/create?name=inline", body: body)
            #expect(status == 201, "\(answer)")
            let run = try daemon.run(.docker, "start", "-a", "inline")
            #expect(run.status == 1 && run.err.contains("Operation not supported"), "\(run)")
            try daemon.ok(.docker, "rm", "inline")
        }

        @Test func unconfinedAndBuiltin() throws {
            func seccomp(_ flags: String...) throws -> String {
                try daemon.ok(
                    .docker,
                    ["run", "--rm"] + flags + ["busybox", "sh", "-c", "grep Seccomp: /proc/self/status | cut -f2"])
            }
            #expect(try seccomp() == "2")
            #expect(try seccomp("--security-opt", "seccomp=unconfined") == "0")
            #expect(try seccomp("--security-opt", "seccomp=builtin") == "2")
            #expect(try seccomp("--privileged") == "0")
            #expect(try seccomp("--privileged", "--security-opt", "seccomp=builtin") == "2")
        }

        /// `exec --privileged` gives capabilities; the filter is the container's, as in Docker.
        @Test(arguments: Client.all) func privilegedExecKeepsTheFilter(client: Client) throws {
            let id = try daemon.ok(client, "run", "-d", "busybox", "sleep", "1000")
            let status = try daemon.ok(
                client, "exec", "--privileged", id, "sh", "-c", "grep -E 'Seccomp:|CapEff:' /proc/self/status | cut -f2"
            )
            let lines = status.split(separator: "\n")
            #expect(lines.count == 2 && lines[0].hasPrefix("000001ff") && lines[1] == "2", "\(status)")
            try daemon.ok(client, "rm", "-f", id)
        }

        /// Without a word the container would run with less protection than its profile says.
        @Test(arguments: Client.all) func tellsOfDenialsWithoutEffect(client: Client) throws {
            let scratch = try Scratch("profile")
            let profile = try scratch.write(
                #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["no_such_call", "chmod"], "action": "SCMP_ACT_ERRNO"}]}"#,
                to: "profile.json")
            let run = try daemon.run(client, "run", "--rm", "--security-opt", "seccomp=\(profile)", "busybox", "true")
            #expect(
                run.status == 0 && run.err.contains("WARNING: The seccomp profile forbids \"no_such_call\""), "\(run)")
            #expect(!run.err.contains("chmod"), "\(run)")
        }

        @Test(arguments: [
            ("no-new-privileges", "1"), ("no-new-privileges=true", "1"), ("no-new-privileges:true", "1"),
            ("no-new-privileges=1", "1"), ("no-new-privileges=false", "0"), ("no-new-privileges:false", "0"),
        ])
        func newPrivileges(option: String, expected: String) throws {
            let script = "grep NoNewPrivs: /proc/self/status | cut -f2"
            let id = try daemon.ok(
                .docker, "run", "-d", "--security-opt", option, "busybox", "sh", "-c", script + "; sleep 1000")
            try eventually("it has looked") { try daemon.run(.docker, "logs", id).trimmed == expected }
            #expect(try daemon.ok(.docker, "exec", id, "sh", "-c", script) == expected)
            try daemon.ok(.docker, "rm", "-f", id)
        }

        /// What asks for less than the default costs nothing.
        @Test(arguments: ["label=disable", "label:disable", "apparmor=unconfined", "apparmor:unconfined"])
        func acceptsWhatIsSwitchedOffAnyway(option: String) throws {
            #expect(try daemon.run(.docker, "run", "--rm", "--security-opt", option, "busybox", "true").status == 0)
        }

        @Test(arguments: [
            ("nosuch", "invalid --security-opt 1: \"nosuch\""),
            ("nosuch=x", "invalid --security-opt 2: \"nosuch=x\""),
            ("nosuch:x", "invalid --security-opt 2: \"nosuch:x\""),
            ("no-new-privileges=maybe", "invalid --security-opt 2: \"no-new-privileges=maybe\""),
            ("systempaths=unconfined", "invalid --security-opt 2: \"systempaths=unconfined\""),
            ("seccomp=/etc/profile.json", "Decoding seccomp profile failed: "),
            ("seccomp={", "Decoding seccomp profile failed: "), ("seccomp={}", "Decoding seccomp profile failed: "),
            (#"seccomp={"defaultAction":"SCMP_ACT_WHATEVER"}"#, "SCMP_ACT_WHATEVER"),
            (
                #"seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["x"],"action":"SCMP_ACT_NOTIFY"}]}"#,
                "NOTIFY"
            ),
            ("label=type:container_t", "SELinux"), ("label=level:s0:c1", "SELinux"),
            ("apparmor=docker-default", "AppArmor"), ("writable-cgroups=true", "writable-cgroups"),
        ])
        func refusesTheRest(option: String, words: String) throws {
            let option = try #require(String(data: JSONEncoder().encode(option), encoding: .utf8))
            let body = #"{"Image": "busybox", "Cmd": ["true"], "HostConfig": {"SecurityOpt": [\#(option)]}}"#
            let (status, answer) = try daemon.request("POST", "/v1.41/containers/create", body: body)
            let message = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: String]
            #expect(status == 400 && message?["message"]?.contains(words) == true, "\(status) \(answer)")
        }

        @Test(arguments: Client.all)
        func commandLinesRefuseThem(client: Client) throws {
            for (option, word) in [
                ("nosuch=x", "nosuch"), ("seccomp=/no/such/file", "/no/such/file"), ("nosuch", "nosuch"),
            ] {
                let result = try daemon.run(client, "run", "--rm", "--security-opt", option, "busybox", "true")
                #expect(result.status == 125 && result.err.contains(word), "\(result)")
            }
        }
    }
}
