import Foundation
import Testing

extension Integration {
    /// Issue heading 4: the life of a container, command by command.
    @Suite(.daemon) struct Containers {
        @Test(arguments: Client.all)
        func createStartStopRemove(client: Client) throws {
            let name = "life-\(client)"
            let id = try daemon.ok(
                client, "create", "--name", name, "busybox", "sh", "-c",
                "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done")
            #expect(id.count == 64)
            #expect(try state(client, name) == "created 0")
            #expect(
                try daemon.ok(client, "ps", "-a", "--filter", "name=\(name)", "--format", "{{.Status}}") == "Created")
            #expect(try daemon.ok(client, "start", name) == name)
            #expect(try state(client, name) == "running 0")
            try eventually("it says up") { try daemon.run(client, "logs", name).out == "up\n" }
            #expect(try daemon.ok(client, "stop", name) == name)
            #expect(try state(client, name) == "exited 3")
            let status = try daemon.ok(client, "ps", "-a", "--filter", "name=\(name)", "--format", "{{.Status}}")
            #expect(status.hasPrefix("Exited (3) ") && status.hasSuffix(" ago"), "\(status)")
            #expect(try daemon.ok(client, "start", name) == name)
            try eventually("it says up again") { try daemon.run(client, "logs", name).out == "up\nup\n" }
            let refused = try daemon.run(client, "rm", name)
            #expect(refused.status == 1)
            #expect(refused.err.contains("running"), "\(refused)")
            #expect(try daemon.request("DELETE", "/v1.41/containers/\(name)").status == 409)
            #expect(try daemon.ok(client, "rm", "-f", name) == name)
            #expect(try daemon.run(client, "inspect", name).status == 1)
            #expect(try daemon.request("GET", "/v1.41/containers/\(id)/json").status == 404)
        }

        @Test(arguments: Client.all)
        func stopsWithForceAfterItsTime(client: Client) throws {
            let id = try daemon.ok(client, "run", "-d", "busybox", "sleep", "1000")
            #expect(try daemon.ok(client, "stop", "-t", "1", id) == id)
            #expect(try state(client, id) == "exited 137")
            #expect(try daemon.ok(client, "stop", id) == id, "stopping a stopped one is no error")
            try daemon.ok(client, "start", id)
            #expect(try state(client, id) == "running 0")
            try daemon.ok(client, "rm", "-f", id)
        }

        @Test(arguments: Client.all)
        func killsWithAnySignal(client: Client) throws {
            let script = "trap 'echo usr1' USR1; echo ready; while :; do sleep 0.1; done"
            let id = try daemon.ok(client, "run", "-d", "busybox", "sh", "-c", script)
            try eventually("ready") { try daemon.run(client, "logs", id).out.contains("ready") }
            for signal in ["USR1", "SIGUSR1", "10"] { #expect(try daemon.ok(client, "kill", "-s", signal, id) == id) }
            try eventually("the trap ran") { try daemon.run(client, "logs", id).out.contains("usr1") }
            #expect(try state(client, id) == "running 0")
            #expect(try daemon.ok(client, "kill", id) == id)
            try eventually("it ended") { try state(client, id) == "exited 137" }
            let again = try daemon.run(client, "kill", id)
            #expect(again.status == 1)
            #expect(again.err.contains("is not running"), "\(again)")
            #expect(try daemon.request("POST", "/v1.41/containers/\(id)/kill").status == 409)
            #expect(try daemon.run(client, "kill", "-s", "NOSUCH", id).status == 1)
            try daemon.ok(client, "rm", id)
        }

        @Test(arguments: Client.all)
        func waitsForTheExitCode(client: Client) throws {
            let id = try daemon.ok(client, "run", "-d", "busybox", "sh", "-c", "read x; exit 9")
            let waiting = try daemon.start(client, ["wait", id])
            let ended = try daemon.ok(client, "run", "-d", "busybox", "sh", "-c", "exit 4")
            #expect(try daemon.ok(client, "wait", ended) == "4")
            #expect(try waiting.wait().out == "9\n", "without -i standard input is empty, so read fails at once")
            #expect(try daemon.ok(client, "wait", id, ended) == "9\n4")
            try daemon.ok(client, "rm", id, ended)
        }

        @Test(arguments: Client.all)
        func listsContainers(client: Client) throws {
            let name = "listed-\(client)"
            let running = try daemon.ok(client, "run", "-d", "--name", name, "busybox", "sleep", "1000")
            let exited = try daemon.ok(client, "run", "-d", "--name", name + "-2", "busybox", "sh", "-c", "exit 5")
            try daemon.ok(client, "wait", exited)
            let filter = ["--filter", "name=\(name)"]
            let table = try daemon.run(client, ["ps", "-a"] + filter).lines
            #expect(
                table.first?.split(separator: " ").joined(separator: " ")
                    == "CONTAINER ID IMAGE COMMAND CREATED STATUS PORTS NAMES")
            #expect(table.count == 3)
            let row = try #require(table.first { $0.hasSuffix(" " + name) })
            #expect(row.hasPrefix(running.prefix(12) + "   busybox   \"sleep 1000\""), "\(row)")
            #expect(row.contains("Up "))
            #expect(try daemon.run(client, ["ps"] + filter).lines.count == 2)
            #expect(try daemon.run(client, ["ps", "-q"] + filter).lines == [String(running.prefix(12))])
            #expect(try Set(daemon.run(client, ["ps", "-aq", "--no-trunc"] + filter).lines) == [running, exited])
            #expect(
                try daemon.run(client, ["ps", "-a", "-q", "-f", "status=exited"] + filter).lines == [
                    String(exited.prefix(12))
                ])
            #expect(
                try daemon.run(client, ["ps", "-a", "-q", "-f", "exited=5"] + filter).lines == [
                    String(exited.prefix(12))
                ])
            let format = "{{.ID}}|{{.Image}}|{{.Command}}|{{.Names}}|{{.State}}"
            #expect(
                try daemon.run(client, ["ps", "--format", format] + filter).lines
                    == ["\(running.prefix(12))|busybox|\"sleep 1000\"|\(name)|running"])
            let headed = try daemon.run(client, ["ps", "--format", "table {{.Names}}\t{{.Status}}"] + filter).lines
            #expect(headed.first?.hasPrefix("NAMES") == true && headed.count == 2)
            let json = try daemon.ok(client, ["ps", "--format", "{{json .}}"] + filter)
            let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
            #expect(object?["Names"] as? String == name)
            #expect(object?["State"] as? String == "running")
            try daemon.ok(client, "rm", "-f", running, exited)
            #expect(try daemon.run(client, ["ps", "-a"] + filter).lines.count == 1)
        }

        @Test(arguments: Client.all)
        func inspects(client: Client) throws {
            let name = "looked-at-\(client)"
            let id = try daemon.ok(
                client, "run", "-d", "--name", name, "-e", "KEY=value", "-w", "/tmp", "--label", "a=b", "-h", "host",
                "busybox", "sleep", "1000")
            let one: [(String, String)] = [
                ("{{.Id}}", id), ("{{ .Name }}", "/" + name), ("{{ .State.Running }}", "true"),
                ("{{.Config.Image}}", "busybox"), ("{{json .Config.Cmd}}", "[\"sleep\",\"1000\"]"),
                ("{{.Config.WorkingDir}} {{.Config.Hostname}}", "/tmp host"), ("{{.Path}} {{.Args}}", "sleep [1000]"),
                ("{{range .Config.Env}}{{println .}}{{end}}", "KEY=value"),
                ("{{index .Config.Labels \"a\"}}", "b"),
                ("{{.HostConfig.NetworkMode}}", Programs.isGantry ? "bridge" : "default"),
                ("{{.State.ExitCode}} {{.RestartCount}} {{.Driver}}", "0 0 overlay2"), ("{{len .Mounts}}", "0"),
                ("{{if .State.Running}}yes{{else}}no{{end}}", "yes"), ("{{.Config.Tty}}", "false"),
            ]
            for (format, answer) in one {
                let said = try daemon.ok(client, "inspect", "--format", format, name)
                #expect(said == answer || format.contains("NetworkMode") && said == "default", "\(format)")
            }
            let document = try daemon.ok(client, "inspect", name)
            let objects = try #require(JSONSerialization.jsonObject(with: Data(document.utf8)) as? [[String: Any]])
            for key in [
                "Id", "Created", "Path", "Args", "State", "Image", "ResolvConfPath", "HostnamePath", "HostsPath",
                "LogPath",
                "Name", "RestartCount", "Driver", "Platform", "MountLabel", "ProcessLabel", "AppArmorProfile",
                "ExecIDs",
                "HostConfig", "GraphDriver", "Mounts", "Config", "NetworkSettings",
            ] {
                #expect(objects.first?.keys.contains(key) == true, "\(key)")
            }
            // The pid is the host's, and the log is where LogPath says.
            let pid = try daemon.ok(client, "inspect", "-f", "{{.State.Pid}}", name)
            #expect(try Programs.text("/proc/\(pid)/cmdline").hasPrefix("sleep\0" + "1000"))
            #expect(try Programs.exists(daemon.ok(client, "inspect", "-f", "{{.LogPath}}", name)))
            #expect(try daemon.run(client, "inspect", "-f", "{{.NoSuchField}}", name).status == 1)
            try daemon.ok(client, "rm", "-f", name)
        }

        @Test(arguments: Client.all)
        func showsProcesses(client: Client) throws {
            let id = try daemon.ok(client, "run", "-d", "busybox", "sh", "-c", "sleep 777 & exec sleep 888")
            try eventually("both processes are there") { try daemon.run(client, "top", id).lines.count == 3 }
            let table = try daemon.run(client, "top", id).lines
            #expect(table.first?.split(separator: " ") == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"])
            #expect(table.contains { $0.hasSuffix("sleep 777") } && table.contains { $0.hasSuffix("sleep 888") })
            let chosen = try daemon.run(client, "top", id, "-o", "pid,args").lines
            #expect(chosen.first?.split(separator: " ") == ["PID", "COMMAND"], "\(chosen)")
            try daemon.ok(client, "rm", "-f", id)
            let stopped = try daemon.ok(client, "create", "busybox", "true")
            #expect(try daemon.run(client, "top", stopped).status == 1)
            try daemon.ok(client, "rm", stopped)
        }

        @Test(arguments: Client.all)
        func tellsEvents(client: Client) throws {
            let name = "eventful-\(client)"
            let since = "\(Int(Date().timeIntervalSince1970))"
            let watching = try daemon.start(
                client, ["events", "--since", since, "--filter", "container=\(name)", "--format", "{{.Action}}"])
            try daemon.run(client, "run", "--rm", "--name", name, "busybox", "sh", "-c", "exit 6")
            try watching.expect("destroy")
            watching.signal(SIGINT)
            let live = try watching.wait().lines
            let order = ["create", "start", "die", "destroy"]
            #expect(live.filter { order.contains($0) } == order, "\(live)")
            #expect(live.contains("attach"))
            let until = "\(Int(Date().timeIntervalSince1970) + 1)"
            let past = try daemon.run(
                client, "events", "--since", since, "--until", until, "--filter", "container=\(name)", "--filter",
                "event=die", "--format",
                "{{.Type}} {{.Action}} {{.Actor.Attributes.exitCode}} {{.Actor.Attributes.image}}")
            #expect(past.lines == ["container die 6 busybox"], "\(past)")
            let text = try daemon.run(
                client, "events", "--since", since, "--until", until, "--filter", "container=\(name)", "--filter",
                "event=start")
            #expect(text.out.contains(" container start ") && text.out.contains("name=\(name)"), "\(text)")
        }

        @Test(arguments: Client.all)
        func saysWhatItIs(client: Client) throws {
            let version = try daemon.ok(
                client, "version", "--format", "{{.Server.Os}}/{{.Server.Arch}} {{.Server.MinAPIVersion}}")
            #expect(version.hasPrefix("linux/amd64 1."))
            #expect(try daemon.ok(client, "version").contains("Server:"))
            let info = try daemon.ok(client, "info", "--format", "{{.OSType}} {{.NCPU}} {{.DockerRootDir}} {{.Driver}}")
            let processors = try succeed(["nproc"])
            #expect(info == "linux \(processors) \(try daemon.root)/data overlay2")
            let text = try daemon.ok(client, "info")
            for heading in [
                "Containers:", " Running:", "Images:", "Storage Driver:", "Kernel Version:", "Total Memory:",
            ] {
                #expect(text.contains(heading), "\(heading)")
            }
            #expect(try command([client.program, "--version"]).status == 0)
            #expect(try command([client.program, "-v"]).out.contains("version"))
        }

        @Test(arguments: Client.all)
        func severalAtOnce(client: Client) throws {
            let children = try (0..<16).map { number in
                try daemon.start(client, ["run", "--rm", "busybox", "sh", "-c", "echo \(number); exit \(number)"])
            }
            for (number, child) in children.enumerated() {
                let result = try child.wait()
                #expect(result.out == "\(number)\n" && result.status == Int32(number), "\(result)")
            }
        }

        private func state(_ client: Client, _ name: String) throws -> String {
            try daemon.ok(client, "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)
        }
    }

    /// Issue heading 4: `logs`.
    @Suite(.daemon) struct Logs {
        @Test(arguments: Client.all)
        func showsFollowsAndCuts(client: Client) throws {
            let script = "for i in 1 2 3; do echo out $i; done; echo err 1 >&2; read x; echo out 4; printf 'no newline'"
            let id = try daemon.ok(client, "run", "-d", "-i", "busybox", "sh", "-c", script)
            try eventually("three lines") { try daemon.run(client, "logs", id).lines.count == 3 }
            try eventually("one error") { try daemon.run(client, "logs", id).err == "err 1\n" }
            #expect(try daemon.run(client, "logs", id).out == "out 1\nout 2\nout 3\n")
            #expect(
                try daemon.run(client, "logs", "--tail", "2", id).lines.count
                    + daemon.run(client, "logs", "--tail", "2", id).err.split(separator: "\n").count == 2)
            #expect(try daemon.run(client, "logs", "--tail", "0", id).out.isEmpty)
            #expect(try daemon.run(client, "logs", "--tail", "all", id).lines.count == 3)
            let following = try daemon.start(client, ["logs", "-f", id])
            let onlyNew = try daemon.start(client, ["logs", "-f", "--tail", "0", id])
            try following.expect("out 3\n")
            usleep(300_000)
            let attached = try daemon.start(client, ["attach", id])
            usleep(300_000)
            try attached.send("go\n")
            let all = try following.wait()
            // 20.10 loses what has no newline when it follows.
            let rest = Programs.isGantry ? "no newline" : ""
            #expect(all.out == "out 1\nout 2\nout 3\nout 4\n" + rest, "\(all)")
            let new = try onlyNew.wait()
            #expect(new.out == "out 4\n" + rest, "\(new)")
            #expect(try attached.wait().out == "out 4\nno newline")
            let timed = try daemon.run(client, "logs", "-t", id).lines
            let stamp = #/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z out 1$/#
            #expect(timed.first?.firstMatch(of: stamp) != nil, "\(timed)")
            #expect(try daemon.run(client, "logs", "-ft", id).lines.count == 5)
            let last = String(timed.last?.prefix { $0 != " " } ?? "")
            #expect(try daemon.run(client, "logs", "--since", last, id).out == "no newline")
            #expect(try daemon.run(client, "logs", "--until", "2000-01-01T00:00:00Z", id).out.isEmpty)
            try daemon.ok(client, "rm", id)
            #expect(try daemon.run(client, "logs", id).status == 1)
        }

        @Test func keepsLongLinesAndManyLines() throws {
            let client = Client.first
            let id = try daemon.ok(
                client, "run", "-d", "busybox", "sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo; seq 1 50000")
            try daemon.ok(client, "wait", id)
            let log = try daemon.run(client, "logs", id).out
            let lines = log.split(separator: "\n")
            #expect(lines.first == Substring(String(repeating: "x", count: 100000)))
            #expect(lines.count == 50001 && lines.last == "50000")
            #expect(try daemon.run(client, "logs", "--tail", "3", id).out == "49998\n49999\n50000\n")
            // Docker's json-file format, so that what reads those files reads ours.
            let path = try daemon.ok(client, "inspect", "-f", "{{.LogPath}}", id)
            let line = try succeed(["tail", "-n", "1", path])
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
            #expect(object?["log"] == "50000\n" && object?["stream"] == "stdout" && object?["time"] != nil, "\(line)")
            try daemon.ok(client, "rm", id)
        }
    }

    /// Issue heading 4: `exec` and `attach` without a terminal.
    @Suite(.daemon) struct Exec {
        @Test(arguments: Client.all)
        func runsInside(client: Client) throws {
            let id = try daemon.ok(client, "run", "-d", "-e", "FROM=run", "-w", "/tmp", "busybox", "sleep", "1000")
            let both = try daemon.run(client, "exec", id, "sh", "-c", "echo out; echo err >&2; exit 8")
            #expect(both.out == "out\n" && both.err == "err\n" && both.status == 8, "\(both)")
            #expect(try daemon.ok(client, "exec", id, "pwd") == "/tmp")
            #expect(try daemon.ok(client, "exec", "-w", "/etc", id, "pwd") == "/etc")
            #expect(try daemon.ok(client, "exec", "-u", "alice", id, "id", "-u") == "1000")
            #expect(try daemon.ok(client, "exec", "-u", "33:1000", id, "sh", "-c", "id -u; id -g") == "33\n1000")
            #expect(try daemon.ok(client, "exec", "-e", "A=b c", id, "sh", "-c", "echo $A $FROM") == "b c run")
            #expect(try daemon.ok(client, ["exec", "-i", id, "cat"], input: Array("through".utf8)) == "through")
            #expect(try daemon.ok(client, ["exec", id, "cat"], input: Array("not through".utf8)).isEmpty)
            #expect(try daemon.ok(client, "exec", "-d", id, "touch", "/tmp/detached").isEmpty)
            try eventually("the detached one ran") {
                try daemon.run(client, "exec", id, "test", "-e", "/tmp/detached").status == 0
            }
            #expect(try daemon.ok(client, "exec", id, "hostname") == String(id.prefix(12)))
            #expect(try daemon.ok(client, "exec", id, "sh", "-c", "tr '\\0' ' ' </proc/1/cmdline") == "sleep 1000")
            let large = try daemon.run(client, "exec", id, "seq", "1", "100000")
            #expect(large.out == (1...100000).map { "\($0)\n" }.joined())
            try daemon.ok(client, "rm", "-f", id)
        }

        @Test(arguments: Client.all)
        func exitCodesAreDockers(client: Client) throws {
            let id = try daemon.ok(client, "run", "-d", "busybox", "sleep", "1000")
            #expect(try daemon.run(client, "exec", id, "true").status == 0)
            #expect(try daemon.run(client, "exec", id, "sh", "-c", "kill -9 $$").status == 137)
            let missing = try daemon.run(client, "exec", id, "nosuchcommand")
            // 20.10 still said 126.
            #expect(missing.status == (Programs.isGantry ? 127 : 126), "\(missing)")
            #expect((missing.out + missing.err).contains("nosuchcommand"), "\(missing)")
            #expect(try daemon.run(client, "exec", id, "/etc/passwd").status == 126)
            #expect(try daemon.run(client, "exec", "nosuchcontainer", "true").status == 1)
            try daemon.ok(client, "stop", "-t", "0", id)
            let stopped = try daemon.run(client, "exec", id, "true")
            #expect(stopped.status == 1)
            #expect(stopped.err.contains("is not running"), "\(stopped)")
            try daemon.ok(client, "rm", id)
        }

        @Test(arguments: Client.all)
        func attachSeesAndFeeds(client: Client) throws {
            let script = "while read l; do [ $l = end ] && exit 12; echo got $l; done"
            let id = try daemon.ok(client, "run", "-d", "-i", "busybox", "sh", "-c", script)
            let one = try daemon.start(client, ["attach", id])
            let two = try daemon.start(client, ["attach", "--no-stdin", id])
            usleep(500_000)
            try one.send("first\n")
            try one.expect("got first\n")
            try two.expect("got first\n")
            // Detached with -i: the container's standard input outlives whoever was attached.
            try one.closeInput()
            let three = try daemon.start(client, ["attach", id])
            usleep(300_000)
            try three.send("second\nend\n")
            #expect(try three.wait().status == 12)
            let first = try one.wait()
            #expect(first.status == 12 && first.out.hasPrefix("got first\n"), "\(first)")
            #expect(try two.wait().status == 12)
            try daemon.ok(client, "rm", id)
            let started = try daemon.ok(client, "create", "busybox", "sh", "-c", "echo started; exit 13")
            let result = try daemon.run(client, "start", "-a", started)
            #expect(result.out == "started\n" && result.status == 13, "\(result)")
            try daemon.ok(client, "rm", started)
            let stopped = try daemon.ok(client, "create", "busybox", "true")
            #expect(try daemon.run(client, "attach", stopped).status == 1)
            try daemon.ok(client, "rm", stopped)
        }

        @Test(arguments: Client.all)
        func signalsReachTheContainer(client: Client) throws {
            let script = "trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.1; done"
            let child = try daemon.start(client, ["run", "--rm", "busybox", "sh", "-c", script])
            try child.expect("ready")
            child.signal(SIGTERM)
            let result = try child.wait()
            #expect(result.out.hasSuffix("caught\n") && result.status == 5, "\(result)")
        }
    }
}
