import Foundation
import Testing

extension Integration {
    /// Kinds of faults that people reported of container engines in public, each with more than the instance reported.
    @Suite(.daemon) struct PublicReports {
        /// Loads an image of busybox with that configuration and those files.
        private func load(_ name: String, _ config: String, _ files: [String] = []) throws {
            let scratch = try Scratch("odd")
            let file = scratch.path + "/image.tar"
            try succeed(["python3", Programs.fixtures + "/odd_images.py", file, name + ":latest", config] + files)
            try daemon.ok(.first, "load", "-q", "-i", file)
        }

        // MARK: Text by bytes

        /// `"=\u{301}"` is one Character to Swift.
        @Test(arguments: Client.all, ["\u{301}x", "\u{200D}", "\u{FE0F}", "\u{1F3FD}=y"])
        func keepsValuesThatJoinTheSignBeforeThem(client: Client, value: String) throws {
            #expect(
                try daemon.ok(client, "run", "--rm", "-e", "KEY=\(value)", "busybox", "sh", "-c", "printf %s \"$KEY\"")
                    .utf8.elementsEqual(value.utf8))
            let id = try daemon.ok(client, "create", "-l", "joined=\(value)", "busybox", "sh")
            #expect(
                try daemon.ok(client, "inspect", "-f", "{{index .Config.Labels \"joined\"}}", id)
                    .utf8.elementsEqual(value.utf8))
            #expect(try daemon.ok(client, "ps", "-aq", "--no-trunc", "--filter", "label=joined=\(value)").contains(id))
            try daemon.ok(client, "rm", id)
            let scratch = try Scratch("joined")
            let folder = scratch.path + "/" + value
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try "there".write(toFile: folder + "/file", atomically: false, encoding: .utf8)
            #expect(
                try daemon.ok(
                    client, "run", "--rm", "-v", "\(folder):/\(value)", "-w", "/\(value)", "busybox", "cat", "file")
                    == "there")
        }

        @Test(arguments: Client.all) func readsFilesOfVariablesAsGoDoes(client: Client) throws {
            let scratch = try Scratch("env")
            let text = "\u{FEFF}FIRST=1\r\n  LEFT=a\u{2028}b\u{85}c\u{B}d\re\n#no=1\n\n\tEMPTY=\n"
            let file = try scratch.write(text, to: "file")
            let out = try daemon.ok(client, "run", "--rm", "--env-file", file, "busybox", "env", "-0")
            let all = out.split(separator: "\0").map(String.init)
            #expect(
                all.contains("FIRST=1") && all.contains("LEFT=a\u{2028}b\u{85}c\u{B}d\re") && all.contains("EMPTY="),
                "\(all)")
            for bad in [Array("A B=1\n".utf8), [0x41, 0x3D, 0xFF, 0x0A]] {
                _ = FileManager.default.createFile(atPath: file, contents: Data(bad))
                #expect(try daemon.run(client, "run", "--rm", "--env-file", file, "busybox", "true").status == 125)
            }
        }

        @Test func findsUsersInFilesOfOtherSystems() throws {
            try load(
                "odd-users", #"{"Cmd":["id"]}"#,
                [
                    "etc/passwd=# all\r\nroot:x:0:0:root:/root:/bin/sh\r\n  app:x:1234:1235::/home/app:/bin/sh\r\n",
                    "etc/group=root:x:0:\r\n\tstaff:x:1300:other,app\r\n",
                ])
            let script = "echo $(grep ^Groups: /proc/self/status | cut -f2) $HOME"
            #expect(
                try daemon.ok(.first, "run", "--rm", "-u", "app", "odd-users", "sh", "-c", script)
                    == "1235 1300 /home/app")
            #expect(try daemon.ok(.first, "run", "--rm", "-u", "7:staff", "odd-users", "id", "-g") == "1300")
        }

        // MARK: Absent and empty

        @Test func tellsAnEmptyLabelFromAnyLabel() throws {
            let ids = try ["key=", "key=value"].map { try daemon.ok(.first, "create", "-l", $0, "busybox", "sh") }
            func found(_ filter: String) throws -> Set<String> {
                Set(try daemon.run(.first, "ps", "-aq", "--no-trunc", "--filter", "label=" + filter).lines)
            }
            #expect(try found("key=") == [ids[0]])
            #expect(try found("key=value") == [ids[1]])
            #expect(try found("key") == Set(ids))
            #expect(try found("key=val").isEmpty)
            try daemon.ok(.first, ["rm"] + ids)
        }

        @Test func stopsContainersWithAnEmptySignal() throws {
            let created = try daemon.request(
                "POST", "/containers/create?name=empty-signal",
                body: #"{"Image":"busybox","Cmd":["sleep","1000"],"StopSignal":"","StopTimeout":0}"#)
            #expect(created.status == 201)
            try daemon.ok(.first, "start", "empty-signal")
            #expect(try daemon.request("POST", "/containers/empty-signal/stop?signal=").status == 204)
            try daemon.ok(.first, "rm", "empty-signal")
        }

        @Test(arguments: Client.all) func tellsAnEmptyEntrypointFromNone(client: Client) throws {
            let name = "entry-\(client)"
            try load(name, #"{"Entrypoint":["/bin/echo","entry"],"Cmd":["cmd"],"Env":["PATH=/bin"]}"#)
            let none = try daemon.run(client, "run", "--rm", "--entrypoint", "", name)
            #expect(none.status == 125 && none.err.contains("no command specified"), "\(none)")
            #expect(try daemon.ok(client, "run", "--rm", "--entrypoint", "", name, "echo", "z") == "z")
            #expect(try daemon.ok(client, "run", "--rm", name) == "entry cmd")
            // An empty list is neither.
            let body = #"{"Image":"\#(name)","Entrypoint":[]}"#
            let created = try daemon.request("POST", "/containers/create?name=\(name)", body: body)
            #expect(created.status == 201)
            #expect(
                try daemon.ok(client, "inspect", "-f", "{{.Path}} {{json .Config.Entrypoint}}", name).hasPrefix("cmd "))
            try daemon.ok(client, "rm", name)
        }

        @Test func readsATextWhereAListMayStand() throws {
            try load("text-command", #"{"Entrypoint":null,"Cmd":"pwd","Env":["PATH=/bin"]}"#)
            #expect(try daemon.ok(.first, "run", "--rm", "text-command") == "/")
        }

        @Test(arguments: ["tag busybox x:", "tag busybox x/y:", "pull -q localhost:1/x:", "push localhost:1/x:"])
        func refusesNamesWithAnEmptyTag(words: String) throws {
            let result = try daemon.run(.first, words.split(separator: " ").map(String.init))
            #expect(result.status != 0 && result.err.contains("invalid reference format"), "\(result)")
        }

        // MARK: Filters

        @Test func filtersContainersByPublishedAndExposedPorts() throws {
            let ports = (try freePort(), try freePort())
            try daemon.ok(
                .first, "run", "-d", "--name", "pub-a", "-p", "127.0.0.1:\(ports.0):80", "busybox", "sleep", "1000")
            try daemon.ok(
                .first, "run", "-d", "--name", "pub-b", "--expose", "90", "-p", "127.0.0.1:\(ports.1):53/udp",
                "busybox",
                "sleep", "1000")
            func found(_ filter: String...) throws -> [String] {
                let words = filter.flatMap { ["--filter", $0] }
                return try daemon.run(.first, ["ps", "--format", "{{.Names}}", "--filter", "name=pub-"] + words).lines
                    .sorted()
            }
            #expect(try found("publish=\(ports.0)") == ["pub-a"])
            #expect(try found("publish=80").isEmpty)
            #expect(try found("publish=\(ports.1)/udp") == ["pub-b"])
            #expect(try found("publish=\(ports.1)").isEmpty)
            #expect(try found("publish=1024-65535") == ["pub-a"])
            #expect(try found("expose=80-95") == ["pub-a", "pub-b"])
            #expect(try found("expose=53/udp") == ["pub-b"])
            #expect(try found("expose=53/udp", "publish=\(ports.0)") == ["pub-a", "pub-b"])
            for bad in [
                "publish=1:2", "expose=b", "publish=9-8", "is-task=maybe", "health=well", "until=1h", "label!=x",
            ] {
                #expect(try daemon.run(.first, "ps", "--filter", bad).status == 1, "\(bad)")
            }
            try daemon.ok(.first, "rm", "-f", "pub-a", "pub-b")
        }

        @Test func filtersContainersByPatternsAncestorsAndAge() throws {
            let id = try daemon.ok(.first, "create", "--name", "base-of-it", "busybox", "true")
            let made = try daemon.ok(.first, "run", "--name", "filtered", "-d", "busybox", "true")
            try daemon.ok(.first, "wait", "filtered")
            try daemon.ok(.first, "commit", "base-of-it", "child-of-it")
            let child = try daemon.ok(.first, "create", "--name", "of-child", "child-of-it", "true")
            func found(_ filter: String) throws -> [String] {
                try daemon.run(.first, "ps", "-aq", "--no-trunc", "--filter", filter).lines
            }
            // Regular expressions, found anywhere.
            #expect(try found("id=" + String(made.dropFirst(3).prefix(20))) == [made])
            #expect(try found("name=^/filtered$") == [made] && found("name=filt.*d") == [made])
            #expect(try found("name=[").isEmpty)
            #expect(try found("ancestor=busybox").contains(child))
            #expect(try found("ancestor=child-of-it") == [child])
            // Without -a only what runs, also with `exited`.
            #expect(try daemon.run(.first, "ps", "-q", "--filter", "exited=0").lines.isEmpty)
            #expect(try found("exited=0").contains(made))
            #expect(try daemon.run(.first, "container", "prune", "-f", "--filter", "until=24h").status == 0)
            #expect(try found("name=filtered") == [made])
            #expect(try daemon.run(.first, "container", "prune", "-f", "--filter", "name=x").status == 1)
            try daemon.ok(.first, "rm", id, made, child)
            try daemon.ok(.first, "rmi", "child-of-it")
        }

        @Test func filtersEventsByImagesWithAndWithoutTheirTag() throws {
            try daemon.ok(.first, "tag", "busybox", "seen:v1")
            let before = try succeed(["date", "+%s.%N"])
            try daemon.ok(.first, "run", "--rm", "--name", "watched", "-l", "mark=", "seen:v1", "true")
            let after = try succeed(["date", "+%s.%N"])
            func found(_ filter: String...) throws -> [String] {
                let words = filter.flatMap { ["--filter", $0] }
                return try daemon.run(
                    .first,
                    ["events", "--since", before, "--until", after, "--format", "{{.Type}} {{.Action}}"] + words
                ).lines
            }
            #expect(try found("image=seen:v1", "event=die") == ["container die"])
            #expect(try found("image=seen", "event=die") == ["container die"])
            #expect(try found("image=see").isEmpty)
            #expect(try found("label=mark=", "event=start") == ["container start"])
            #expect(try found("label=mark=x").isEmpty)
            #expect(try found("container=watch", "event=start") == ["container start"])
            #expect(try found("event=star").isEmpty)
            #expect(try found("type=network") == ["network connect", "network disconnect"])
            #expect(try found("network=bridge", "event=connect") == ["network connect"])
            try daemon.ok(.first, "rmi", "seen:v1")
        }

        @Test func filtersNetworksAsDockerDoes() throws {
            func found(_ filter: String) throws -> [String] {
                try daemon.run(.first, "network", "ls", "--format", "{{.Name}}", "--filter", filter).lines
            }
            #expect(try found("name=^br.*e$") == ["bridge"])
            #expect(try found("driver=null") == ["none"])
            #expect(try found("type=custom").isEmpty)
            #expect(try found("label=x=").isEmpty)
            #expect(try found("dangling=true").isEmpty && found("dangling=false").count == 3)
            for bad in ["nosuch=x", "type=other", "dangling=maybe"] {
                #expect(try daemon.run(.first, "network", "ls", "--filter", bad).status == 1, "\(bad)")
            }
        }

        @Test func filtersImagesByFullNamesAndSeveralMoments() throws {
            try daemon.ok(.first, "tag", "busybox", "someone/full:v1")
            for pattern in [
                "docker.io/someone/full", "docker.io/someone/full:v1", "docker.io/someone/*:v*", "someone/full",
            ] {
                #expect(
                    try daemon.ok(.first, "images", "--format", "{{.Tag}}", "--filter", "reference=" + pattern) == "v1",
                    "\(pattern)")
            }
            #expect(
                try daemon.run(
                    .first, "images", "-q", "--filter", "reference=someone/full", "--filter", "until=1h", "--filter",
                    "until=1s"
                ).lines.isEmpty)
            try daemon.ok(.first, "rmi", "someone/full:v1")
        }

        // MARK: Images are read as liberally as Docker reads them

        @Test func runsImagesThatExposeOddPorts() throws {
            try load(
                "odd-ports",
                #"{"Cmd":["sh"],"ExposedPorts":{"33060-33062/tcp":{},"9000":{},"9001/UDP":{},"nonsense":{},"0/tcp":{}}}"#
            )
            let id = try daemon.ok(.first, "create", "odd-ports")
            #expect(
                try daemon.ok(.first, "inspect", "-f", "{{json .Config.ExposedPorts}}", id)
                    == #"{"33060/tcp":{},"33061/tcp":{},"33062/tcp":{},"9000/tcp":{},"9001/udp":{}}"#)
            try daemon.ok(.first, "rm", id)
        }

        @Test(arguments: ["_srv", "-dash", "x..y", "my_host", "a.b.example", "ü", String(repeating: "a", count: 64)])
        func takesHostNamesThatTheKernelTakes(name: String) throws {
            #expect(try daemon.ok(.first, "run", "--rm", "-h", name, "busybox", "hostname") == name)
        }

        @Test(arguments: [String(repeating: "a", count: 65), "a b", "a\nb"])
        func refusesHostNamesThatCannotBe(name: String) throws {
            let result = try daemon.run(.first, "run", "--rm", "-h", name, "busybox", "hostname")
            #expect(result.status == 125 && result.err.contains("invalid hostname"), "\(result)")
        }

        @Test func loadsArchivesThatLeaveOutLayersThatAreHere() throws {
            let scratch = try Scratch("partial")
            let (base, top) = (scratch.path + "/base.tar", scratch.path + "/top.tar")
            let program = Programs.fixtures + "/odd_images.py"
            try succeed(["python3", program, base, "left-out:base", #"{"Cmd":["sh"]}"#, "other=\(UUID())"])
            try succeed(["python3", program, "partial", base, top, "left-out:top"])
            let early = try daemon.run(.first, "load", "-q", "-i", top)
            #expect(early.status == 1 && early.err.contains("neither in the archive nor here"), "\(early)")
            try daemon.ok(.first, "load", "-q", "-i", base)
            try daemon.ok(.first, "load", "-q", "-i", top)
            #expect(try daemon.ok(.first, "run", "--rm", "left-out:top") == "on top")
            // It stands on its own.
            try daemon.ok(.first, "rmi", "left-out:base")
            #expect(try daemon.ok(.first, "run", "--rm", "left-out:top") == "on top")
            try daemon.ok(.first, "rmi", "left-out:top")
        }

        // MARK: Exit codes

        @Test func endsWithTheCodeOfWhatCouldNotBeExecuted() throws {
            try load("broken", #"{"Cmd":["sh"]}"#, ["script=echo no sign\n", "elf=\u{7F}ELF but not really"])
            for (command, code) in [
                ("/script", 126), ("/elf", 126), ("/etc", 126), ("/missing", 127), ("missing", 127),
            ] {
                let result = try daemon.run(.first, "run", "--name", "coded", "broken", command)
                let state = try daemon.ok(.first, "inspect", "-f", "{{.State.ExitCode}}", "coded")
                #expect(result.status == Int32(code) && state == String(code), "\(command): \(result), state \(state)")
                try daemon.ok(.first, "rm", "coded")
                #expect(try daemon.run(.first, "run", "--rm", "broken", command).status == Int32(code), "\(command)")
            }
        }

        @Test(arguments: Client.all) func endsAnExecThatCannotStartAsDockerDoes(client: Client) throws {
            let id = try daemon.ok(.first, "run", "-d", "busybox", "sleep", "1000")
            for (words, code) in [
                (["-u", "nosuch", id, "true"], 126), (["-w", "/missing/directory", id, "true"], 127),
                ([id, "missing"], 127), ([id, "/etc"], 126),
            ] {
                let result = try daemon.run(client, ["exec"] + words)
                #expect(result.status == Int32(code), "\(words): \(result)")
            }
            // What `run` makes, `exec` does not.
            #expect(try daemon.run(client, "exec", id, "ls", "/missing").status == 1)
            #expect(try daemon.ok(client, "exec", "-w", "/etc/../tmp", id, "pwd") == "/tmp")
            try daemon.ok(.first, "rm", "-f", id)
        }

        @Test func cleansTheWorkingDirectory() throws {
            #expect(try daemon.ok(.first, "run", "--rm", "-w", "/a/../b/./c//", "busybox", "pwd") == "/b/c")
        }

        // MARK: Logs, descriptors, names

        @Test func cutsLongLinesOfTheLogBetweenCharacters() throws {
            let line = "x" + String(repeating: "ä€😀", count: 6000)
            let input = Array("first\n\(line)\nlast\n".utf8)
            try daemon.run(.first, ["run", "-i", "--name", "long-lines", "busybox", "cat"], input: input)
            #expect(try daemon.run(.first, "logs", "long-lines").out == "first\n\(line)\nlast\n")
            try daemon.ok(.first, "rm", "long-lines")
        }

        @Test(arguments: ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
        func runsWithStandardDescriptorsClosed(closing: String) throws {
            let id = try daemon.ok(.first, "run", "-d", "busybox", "sleep", "1000")
            for words in ["exec -i \(id) cat", "run --rm -i busybox cat", "ps"] {
                let result = try command(
                    ["timeout", "20", "sh", "-c", "\(Client.first.program) \(words) \(closing)"],
                    environment: daemon.environment)
                #expect(result.status == 0 && !result.err.contains("bad file"), "\(words) \(closing): \(result)")
            }
            try daemon.ok(.first, "rm", "-f", id)
        }

        @Test func writesTheHostsFileOfEachNetworkMode() throws {
            #expect(
                try daemon.run(.first, "run", "--rm", "--network", "host", "busybox", "cat", "/etc/hosts").out
                    == Programs.text("/etc/hosts"))
            let added = try daemon.ok(
                .first, "run", "--rm", "--network", "host", "--add-host", "here:192.0.2.1", "busybox", "cat",
                "/etc/hosts")
            #expect(added.contains("192.0.2.1\there"))
            try daemon.ok(
                .first, "run", "-d", "--name", "shared", "-h", "its-name", "--add-host", "there:192.0.2.2", "busybox",
                "sleep",
                "1000")
            let script =
                "hostname; cat /etc/hostname; grep -c 'its-name' /etc/hosts; grep -c '192.0.2.2.there' /etc/hosts"
            #expect(
                try daemon.run(.first, "run", "--rm", "--network", "container:shared", "busybox", "sh", "-c", script)
                    .lines
                    == ["its-name", "its-name", "1", "1"])
            try daemon.ok(.first, "rm", "-f", "shared")
        }

        @Test(arguments: Client.all) func showsNoLinesOfAProcessNameAsProcesses(client: Client) throws {
            let id = try daemon.ok(
                .first, "run", "-d", "busybox", "sh", "-c", "sleep 1000; :", "\u{1B}[2J\nroot 1 0 forged\r\u{9B}x")
            let lines = try daemon.run(client, "top", id, "-o", "pid,args").lines
            #expect(lines.count == 3, "\(lines)")
            #expect(
                !lines.contains { $0.hasPrefix("root") }
                    && lines.joined().unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x9B })
            #expect(lines.contains { $0.contains("?[2J?root 1 0 forged??x") }, "\(lines)")
            try daemon.ok(.first, "rm", "-f", id)
        }

        @Test func publishesWhatDockerPublishes() throws {
            let before = try succeed(["date", "+%s.%N"])
            let id = try daemon.ok(.first, "run", "-d", "--network", "none", "busybox", "sleep", "1000")
            try daemon.ok(.first, "top", id)
            try daemon.ok(.first, "rm", "-f", id)
            let scratch = try Scratch("saved")
            try daemon.ok(.first, "save", "-o", scratch.path + "/x.tar", "busybox")
            try daemon.ok(.first, "container", "prune", "-f")
            let after = try succeed(["date", "+%s.%N"])
            let seen = try daemon.run(
                .first, "events", "--since", before, "--until", after, "--format",
                "{{.Type}} {{.Action}} {{index .Actor.Attributes \"name\"}} {{index .Actor.Attributes \"container\"}}"
            ).lines
            #expect(
                seen.contains("network connect none \(id)") && seen.contains("network disconnect none \(id)"), "\(seen)"
            )
            #expect(seen.contains { $0.hasPrefix("container top ") })
            #expect(seen.contains { $0.hasPrefix("image save sha256:") })
            #expect(seen.contains { $0.hasPrefix("container prune") })
            let order = seen.map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
            let places = [
                "network connect", "container start", "container die", "network disconnect", "container destroy",
            ]
            .map { order.firstIndex(of: $0) ?? -1 }
            #expect(places == places.sorted() && places[0] >= 0, "\(order)")
        }
    }
}
