import Foundation
import Testing

extension Integration {
    /// What the suites of docker-py, moby and others expect, and Gantry did otherwise.
    @Suite(.daemon) struct OtherSuites {
        /// The stream is in the form that the start asks for; whether there is a terminal is the create's to say.
        @Test(arguments: [true, false], [true, false])
        func framesAnExecAsItsStartAsks(hasTerminal: Bool, wantsRaw: Bool) throws {
            let id = try daemon.ok(.first, "run", "-d", "busybox", "sleep", "1000")
            let created = try daemon.request(
                "POST", "/containers/\(id)/exec",
                body: """
                    {"AttachStdout":true,"AttachStderr":true,"Tty":\(hasTerminal),"Cmd":["sh","-c","printf out; printf err >&2"]}
                    """)
            let exec = created.body.components(separatedBy: "\"")[3]
            let words =
                try "curl -s --unix-socket \(daemon.socket) -X POST -H 'Content-Type: application/json' -d "
                + "'{\"Detach\":false,\"Tty\":\(wantsRaw)}' http://d/exec/\(exec)/start | od -An -v -tx1 | tr -d ' \\n'"
            let hex = try command(["sh", "-c", words]).out
            let (out, err) = ("6f7574", "657272")
            if wantsRaw {
                #expect([out + err, err + out].contains(hex), "\(hex)")
            } else if hasTerminal {
                #expect(
                    ["01000000" + "00000006" + out + err, "0100000000000003\(out)0100000000000003\(err)"].contains(hex),
                    "\(hex)")
            } else {
                let frames = ["0100000000000003" + out, "0200000000000003" + err]
                #expect([frames.joined(), frames.reversed().joined()].contains(hex), "\(hex)")
            }
            try daemon.ok(.first, "rm", "-f", id)
        }

        @Test(arguments: Client.all, ["container:missing", "missing"])
        func looksForNoImageWhenANetworkIsMissing(client: Client, network: String) throws {
            let result = try daemon.run(client, "run", "--name", "lonely", "--network", network, "busybox", "true")
            #expect(result.status == 125 && !result.err.contains("Unable to find image"), "\(result)")
            #expect(
                result.err.contains(network == "missing" ? "network missing not found" : "No such container: missing"))
            try daemon.ok(client, "rm", "lonely")
        }

        @Test(arguments: [
            (#"{"Image":"busybox","Cmd":["x"]} {}"#, "unexpected content after JSON"),
            (#"{"Image":"busybox","#, "invalid JSON"), ("", "invalid JSON: got EOF while reading request body"),
        ])
        func refusesBodiesThatAreNoDocument(body: String, words: String) throws {
            let answer = try daemon.request("POST", "/containers/create", body: body)
            #expect(answer.status == 400 && answer.body.contains(words), "\(answer)")
        }

        @Test(arguments: [
            ("-1", "invalid syntax"), ("foo", "invalid syntax"), ("", "invalid syntax"),
            ("4294967296", "value out of range"),
        ])
        func refusesSizesAsDockerDoes(size: String, reason: String) throws {
            let id = try daemon.ok(.first, "run", "-d", "-t", "busybox", "sleep", "1000")
            for (query, name) in [("h=\(size)&w=1", "height"), ("h=1&w=\(size)", "width")] {
                let answer = try daemon.request("POST", "/containers/\(id)/resize?\(query)")
                #expect(
                    answer.status == 400 && answer.body.contains("invalid resize \(name) \\\"\(size)\\\": \(reason)"),
                    "\(answer)")
            }
            #expect(try daemon.request("POST", "/containers/\(id)/resize?h=65536&w=10").status == 200)
            try daemon.ok(.first, "rm", "-f", id)
        }

        @Test(arguments: [
            (#""Tmpfs":{"/":""}"#, "destination can't be '/'"), (#""Tmpfs":{"":""}"#, "destination can't be '/'"),
            (#""Tmpfs":{"/a/..":""}"#, "destination can't be '/'"),
            (#""Tmpfs":{"a":""}"#, "mount path must be absolute"),
            (#""Mounts":[{"Type":"tmpfs","Target":"/"}]"#, "destination can't be '/'"),
            (#""Mounts":[{"Type":"bind","Source":"/tmp","Target":"/x/.."}]"#, "destination can't be '/'"),
        ])
        func refusesTargetsThatCannotBe(members: String, words: String) throws {
            let answer = try daemon.request(
                "POST", "/containers/create", body: #"{"Image":"busybox","Cmd":["x"],"HostConfig":{\#(members)}}"#)
            #expect(answer.status == 400 && answer.body.contains(words), "\(answer)")
        }

        @Test func bindsTheDataRootAsASlave() throws {
            func propagation(_ mode: String) throws -> String {
                let id = try daemon.ok(.first, "create", "-v", "\(daemon.data):/x\(mode)", "busybox", "sh")
                defer { _ = try? daemon.run(.first, "rm", id) }
                return try daemon.ok(.first, "inspect", "-f", "{{(index .Mounts 0).Propagation}}", id)
            }
            #expect(try propagation("") == "rslave")
            #expect(try propagation(":ro") == "rslave")
            #expect(try propagation(":rshared") == "rshared")
            for mode in ["rprivate", "private", "slave", "shared"] {
                let result = try daemon.run(.first, "create", "-v", "\(daemon.root):/x:\(mode)", "busybox", "sh")
                #expect(
                    result.status == 1
                        && result.err.contains("must use either propagation mode \"rslave\" or \"rshared\""),
                    "\(result)")
            }
        }

        @Test func refusesAnImportThatCannotBegin() throws {
            for address in ["http://127.0.0.1:1/x", "http://nosuch.invalid/x", "foo:bar"] {
                #expect(try daemon.request("POST", "/images/create?fromSrc=\(address)").status == 400, "\(address)")
            }
        }

        @Test func refusesPlatformsThatAreNone() throws {
            for platform in ["foobar", "a/b/c/d", "linux/"] {
                let answer = try daemon.request(
                    "POST", "/images/create?fromImage=busybox&tag=latest&platform=\(platform)")
                #expect(answer.status == 400 && answer.body.contains("invalid platform"), "\(platform): \(answer)")
            }
        }

        @Test func replacesVariablesInChanges() throws {
            let id = try daemon.ok(.first, "create", "-e", "BASE=/opt", "-e", "PATH=/bin", "busybox", "sh")
            let changes = [
                "ENV PATH=/x:$PATH", "ENV A=${BASE}/a B=$A C='$BASE' D=\"$BASE b\"", "WORKDIR ${BASE}/w",
                "LABEL at=${NONE:-none} has=${BASE:+yes} kept=\\$BASE", "USER ${NONE}root",
            ]
            try daemon.ok(.first, ["commit"] + changes.flatMap { ["-c", $0] } + [id, "changed"])
            let shown = try daemon.ok(
                .first, "image", "inspect", "-f",
                "{{json .Config.Env}} {{.Config.WorkingDir}} {{json .Config.Labels}} {{.Config.User}}",
                "changed")
            #expect(
                shown == #"["BASE=/opt","PATH=/x:/bin","A=/opt/a","B=","C=$BASE","D=/opt b"] /opt/w "#
                    + #"{"at":"none","has":"yes","kept":"$BASE"} root"#)
            try daemon.ok(.first, "rm", id)
            try daemon.ok(.first, "rmi", "changed")
        }

        @Test func givesAPrivilegedContainerTheDevicesOfDirectoriesToo() throws {
            let script =
                "find /dev \\( -name pts -o -name shm -o -name mqueue \\) -prune -o \\( -type c -o -type b \\) -print | sort"
            let host = try succeed(["sh", "-c", script]).split(separator: "\n").map(String.init)
            let inside = try daemon.ok(.first, "run", "--rm", "--privileged", "busybox", "sh", "-c", script)
                .split(separator: "\n").map(String.init)
            let missing = Set(host).subtracting(inside).filter {
                !$0.hasPrefix("/dev/std") && !["/dev/console", "/dev/ptmx"].contains($0)
            }
            #expect(missing.isEmpty, "\(missing)")
        }
    }
}
