import Foundation
import Testing

extension Integration {
    /// Issue heading 4: `run` with every flag it lists, and its exit codes.
    @Suite(.daemon) struct Run {
        /// The mount is refused while the daemon still makes the network; that the monitor then ends is not the reason.
        @Test(arguments: Client.all) func tellsWhyAStartFailsThatEndsBeforeItsNetworkIsThere(client: Client) throws {
            for _ in 0..<25 {
                let run = try daemon.run(client, "run", "--rm", "-v", "/etc/hostname:/proc/none", "busybox", "true")
                #expect(run.status == 125 && run.err.contains("it is inside /proc, which is refused"), "\(run)")
            }
        }

        @Test(arguments: Client.all)
        func printsAndEnds(client: Client) throws {
            let result = try daemon.run(client, "run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7")
            #expect(result.out == "out\n")
            #expect(result.err == "err\n")
            #expect(result.status == 7)
            #expect(try daemon.ok(client, "ps", "-a", "-q", "--filter", "ancestor=nothing").isEmpty)
        }

        /// Words behind `run`, and what the container then prints.
        static let flags: [(words: [String], script: String, prints: String)] = [
            (["-e", "A=1", "-e", "B=two words"], "echo $A-$B", "1-two words"),
            (["-w", "/var/log"], "pwd", "/var/log"),
            (["-w", "/made/for/it"], "pwd", "/made/for/it"),
            (["-u", "alice"], "id -u; id -g; id -G", "1000\n1000\n1000 2000"),
            (["-u", "1234:33"], "id -u; id -g", "1234\n33"),
            (["-u", "www:alice"], "id -u; id -g", "33\n1000"),
            (["--hostname", "castle"], "hostname; cat /etc/hostname; grep -c castle /etc/hosts", "castle\ncastle\n1"),
            (["-h", "keep"], "uname -n", "keep"),
            (
                ["--read-only"], "touch /file 2>&1; touch /dev/shm/yes && echo shm",
                "touch: /file: Read-only file system\nshm"
            ),
            (["--entrypoint", "/bin/sh"], "echo entry", "entry"),
            (["--pids-limit", "64"], "echo limited", "limited"),
            (["--network", "none"], "ls /sys/class/net", "lo"),
            (["--net=none"], "ip -o addr | grep -c 127.0.0.1", "1"),
            (["--name", "unique-NUMBER"], "echo named", "named"),
            (["-i"], "cat", ""),
            (["--cap-drop", "CHOWN"], "chown 1 /tmp 2>&1", "chown: /tmp: Operation not permitted"),
            (["--cap-drop", "ALL"], "grep CapEff /proc/self/status | cut -f2", "0000000000000000"),
            (
                ["--cap-drop", "ALL", "--cap-add", "NET_ADMIN"], "grep CapEff /proc/self/status | cut -f2",
                "0000000000001000"
            ),
            (["--cap-add", "NET_ADMIN"], "ip link set lo down && echo changed", "changed"),
            ([], "grep CapEff /proc/self/status | cut -f2", "00000000a80425fb"),
        ]

        @Test(arguments: Client.all, flags.indices)
        func flagsMeanWhatTheyMeanToDocker(client: Client, index: Int) throws {
            let flag = Run.flags[index]
            let words = flag.words.map { $0.replacingOccurrences(of: "NUMBER", with: client.rawValue) }
            let command = flag.words.contains("--entrypoint") ? ["-c", flag.script] : ["sh", "-c", flag.script]
            let result = try daemon.run(client, ["run", "--rm"] + words + ["busybox"] + command)
            #expect(result.trimmed == flag.prints, "\(result)")
        }

        @Test(arguments: Client.all)
        func takesStandardInput(client: Client) throws {
            let text = String(repeating: "a line of some length for the pipe\n", count: 30000)
            let result = try daemon.run(client, ["run", "--rm", "-i", "busybox", "cat"], input: Array(text.utf8))
            #expect(result.status == 0)
            #expect(result.out == text)
            // Without -i nothing is handed in, and nothing waits for it.
            #expect(try daemon.run(client, ["run", "--rm", "busybox", "cat"], input: Array("x".utf8)).out.isEmpty)
        }

        @Test(arguments: Client.all)
        func keepsLargeOutputInOrder(client: Client) throws {
            let result = try daemon.run(client, "run", "--rm", "busybox", "seq", "1", "200000")
            #expect(result.status == 0)
            #expect(result.out == (1...200000).map { "\($0)\n" }.joined())
        }

        @Test(arguments: Client.all)
        func detaches(client: Client) throws {
            let id = try daemon.ok(client, "run", "-d", "busybox", "sh", "-c", "sleep 1000")
            #expect(id.count == 64)
            #expect(
                try daemon.ok(client, "inspect", "-f", "{{.State.Running}} {{.State.Status}}", id) == "true running")
            #expect(try daemon.ok(client, "ps", "-q", "--no-trunc").contains(id))
            try daemon.ok(client, "rm", "-f", id)
        }

        @Test(arguments: Client.all)
        func bindsDirectories(client: Client) throws {
            let scratch = try Scratch("bind")
            _ = try scratch.write("from outside\n", to: "in")
            let script =
                "cat /data/in; echo from inside >/data/out; grep ' /data ' /proc/mounts | cut -d' ' -f4 | cut -d, -f1"
            let result = try daemon.run(
                client, "run", "--rm", "-v", "\(scratch.path):/data", "busybox", "sh", "-c", script)
            #expect(result.lines == ["from outside", "rw"], "\(result)")
            #expect(try Programs.text(scratch.path + "/out") == "from inside\n")
            let readOnly = try daemon.run(
                client, "run", "--rm", "-v", "\(scratch.path):/data:ro", "busybox", "touch", "/data/no")
            #expect(readOnly.err.contains("Read-only file system"), "\(readOnly)")
            #expect(readOnly.status == 1)
            // -v makes a missing source, as Docker does.
            try daemon.ok(client, "run", "--rm", "-v", "\(scratch.path)/made:/data", "busybox", "true")
            #expect(Programs.exists(scratch.path + "/made"))
            // One file.
            #expect(
                try daemon.ok(client, "run", "--rm", "-v", "\(scratch.path)/in:/file:ro", "busybox", "cat", "/file")
                    == "from outside")
        }

        @Test(arguments: Client.all)
        func publishesPorts(client: Client) throws {
            let port = try freePort()
            let server = "mkdir -p /www; echo served >/www/index.html; exec httpd -f -p 80 -h /www"
            let id = try daemon.ok(
                client, "run", "-d", "-p", "\(port):80", "-p", "127.0.0.1::81/tcp", "busybox", "sh", "-c", server)
            defer { _ = try? daemon.run(client, "rm", "-f", id) }
            try eventually("port \(port) answers") {
                try command(["curl", "-s", "http://127.0.0.1:\(port)/"]).out == "served\n"
            }
            let ports = try daemon.run(client, "port", id).lines
            #expect(ports.contains("80/tcp -> 0.0.0.0:\(port)"), "\(ports)")
            #expect(ports.contains { $0.hasPrefix("81/tcp -> 127.0.0.1:") }, "\(ports)")
            #expect(try daemon.run(client, "port", id, "80").lines.first == "0.0.0.0:\(port)")
            #expect(
                try daemon.ok(client, "ps", "--format", "{{.Ports}}", "--filter", "id=\(id)").contains(
                    ":\(port)->80/tcp"))
            let address = try daemon.ok(client, "inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", id)
            #expect(address.hasPrefix(try daemon.subnet + "."))
            #expect(try succeed(["curl", "-s", "http://\(address)/"]) == "served")
            let taken = try daemon.run(
                client, "run", "-d", "--name", "late-\(client)", "-p", "\(port):80", "busybox", "true")
            #expect(taken.status == 125)
            #expect(taken.err.contains("\(port)"), "\(taken)")
            try daemon.run(client, "rm", "-f", "late-\(client)")
        }

        @Test(arguments: Client.all)
        func containersReachEachOther(client: Client) throws {
            let server = try daemon.ok(
                client, "run", "-d", "busybox", "sh", "-c", "echo hi >/index.html; exec httpd -f -p 80 -h /")
            defer { _ = try? daemon.run(client, "rm", "-f", server) }
            let address = try daemon.ok(client, "inspect", "-f", "{{.NetworkSettings.IPAddress}}", server)
            let script = "for i in 1 2 3 4 5 6 7 8 9; do wget -qO- http://\(address)/ && exit; sleep 0.2; done"
            #expect(try daemon.ok(client, "run", "--rm", "busybox", "sh", "-c", script) == "hi")
            let route = try daemon.ok(client, "run", "--rm", "busybox", "sh", "-c", "ip route | head -n 1")
            #expect(route.hasPrefix("default via \(try daemon.subnet).1 dev eth0"))
        }

        @Test(arguments: Client.all)
        func usesTheHostsNetwork(client: Client) throws {
            let here = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
            for flag in ["--network=host", "--net=host"] {
                #expect(try daemon.ok(client, "run", "--rm", flag, "busybox", "readlink", "/proc/self/ns/net") == here)
            }
            for flag in ["--network=bridge", "--network=none"] {
                #expect(try daemon.ok(client, "run", "--rm", flag, "busybox", "readlink", "/proc/self/ns/net") != here)
            }
        }

        @Test(arguments: Client.all)
        func appliesLimits(client: Client) throws {
            let id = try daemon.ok(
                client, "run", "-d", "-m", "64m", "--cpus", "1.5", "--pids-limit", "50", "busybox", "sleep", "1000")
            defer { _ = try? daemon.run(client, "rm", "-f", id) }
            let pid = try daemon.ok(client, "inspect", "-f", "{{.State.Pid}}", id)
            #expect(try Cgroup.value("memory", "memory.limit_in_bytes", v2: "memory.max", of: pid) == "67108864")
            #expect(try Cgroup.value("pids", "pids.max", v2: "pids.max", of: pid) == "50")
            let cpu = try Cgroup.cpu(of: pid)
            #expect(cpu == 1.5)
            let format = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}"
            #expect(try daemon.ok(client, "inspect", "-f", format, id) == "67108864 1500000000 50")
        }

        @Test(arguments: Client.all)
        func endsWhatTakesTooMuchMemory(client: Client) throws {
            let name = "greedy-\(client)"
            let result = try daemon.run(
                client, "run", "--name", name, "-m", "16m", "--memory-swap", "16m", "busybox", "sh", "-c",
                "exec tail -c 200m /dev/zero")
            #expect(result.status == 137, "\(result)")
            #expect(
                try daemon.ok(client, "inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", name) == "true 137")
            try daemon.ok(client, "rm", name)
        }

        @Test(arguments: Client.all)
        func forksStopAtTheLimit(client: Client) throws {
            let script = "i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; echo made"
            let result = try daemon.run(client, "run", "--rm", "--pids-limit", "10", "busybox", "sh", "-c", script)
            #expect(result.err.contains("can't fork"), "\(result)")
        }

        /// Docker's own: 125 the engine, 126 not executable, 127 not found, 128 + n a signal.
        @Test(arguments: Client.all)
        func exitCodesAreDockers(client: Client) throws {
            #expect(try daemon.run(client, "run", "--rm", "busybox", "nosuchcommand").status == 127)
            #expect(try daemon.run(client, "run", "--rm", "busybox", "/no/such").status == 127)
            #expect(try daemon.run(client, "run", "--rm", "busybox", "/etc/passwd").status == 126)
            #expect(try daemon.run(client, "run", "--rm", "busybox", "/etc").status == 126)
            #expect(
                try daemon.run(client, "run", "--rm", "busybox", "sh", "-c", "sh -c 'kill -9 $$'; exit $?").status
                    == 137)
            #expect(try daemon.run(client, "run", "--rm", "busybox", "sh", "-c", "exit 255").status == 255)
            #expect(try daemon.run(client, "run", "--nosuchflag", "busybox").status == 125)
            #expect(try daemon.run(client, "run", "--pull", "never", "not/here", "true").status == 125)
            #expect(try daemon.run(client, "run", "--rm", "-w", "relative", "busybox", "true").status == 125)
        }

        @Test(arguments: Client.all)
        func removesItselfAndKeepsItself(client: Client) throws {
            let kept = "kept-\(client)"
            try daemon.ok(client, "run", "--name", kept, "busybox", "true")
            #expect(try daemon.ok(client, "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", kept) == "exited 0")
            try daemon.ok(client, "rm", kept)
            let gone = "gone-\(client)"
            let id = try daemon.ok(client, "run", "-d", "--rm", "--name", gone, "busybox", "sleep", "1000")
            try daemon.ok(client, "stop", "-t", "0", gone)
            try eventually("\(gone) is removed") { try daemon.run(client, "inspect", id).status == 1 }
            // The name is free again at once for who waited for the end.
            for _ in 0..<5 {
                let again = try daemon.run(client, "run", "--rm", "--name", gone, "busybox", "true")
                #expect(again.status == 0, "\(again)")
            }
        }

        @Test func pullsWhatIsNotThere() throws {
            for client in Client.all {
                let image = try Registry.get().name("busybox:v2s2")
                let result = try daemon.run(client, "run", "--rm", image, "echo", "pulled")
                #expect(result.out == "pulled\n")
                #expect(result.err.contains("Unable to find image '\(image)' locally"), "\(result)")
                try daemon.ok(client, "rmi", image)
                #expect(try daemon.run(client, "run", "--rm", "--pull", "never", image, "true").status == 125)
            }
        }

        @Test(arguments: Client.all)
        func cidfileAndEnvFile(client: Client) throws {
            let scratch = try Scratch("files")
            let variables = try scratch.write("# a comment\nONE=1\nTWO=2 3\n", to: "env")
            let result = try daemon.run(
                client, "run", "--rm", "--cidfile", "\(scratch.path)/id", "--env-file", variables, "busybox", "sh",
                "-c",
                "echo $ONE $TWO")
            #expect(result.out == "1 2 3\n", "\(result)")
            #expect(try Programs.text(scratch.path + "/id").count == 64)
        }
    }
}

/// What the kernel enforces for a process, wherever its cgroups are.
enum Cgroup {
    /// A file of the cgroup that `pid` is in: `file` on v1 under `controller`, `v2` on the unified hierarchy.
    static func value(_ controller: String, _ file: String, v2: String, of pid: String) throws -> String {
        for line in try Programs.text("/proc/\(pid)/cgroup").split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            if fields[1].split(separator: ",").contains(Substring(controller)) {
                return try Programs.text("/sys/fs/cgroup/\(controller)\(fields[2])/\(file)")
                    .trimmingCharacters(in: .whitespacesAndNewlines)
            }
        }
        let unified = try Programs.text("/proc/\(pid)/cgroup").split(separator: "\n").first { $0.hasPrefix("0::") }
        return try Programs.text("/sys/fs/cgroup\(unified?.dropFirst(3) ?? "")/\(v2)")
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// How many processors `pid` may use.
    static func cpu(of pid: String) throws -> Double {
        let quota = try value("cpu", "cpu.cfs_quota_us", v2: "cpu.max", of: pid).split(separator: " ")
        if quota.count == 2 { return (Double(quota[0]) ?? 0) / (Double(quota[1]) ?? 1) }
        return (Double(quota[0]) ?? 0) / (Double(try value("cpu", "cpu.cfs_period_us", v2: "cpu.max", of: pid)) ?? 1)
    }
}
