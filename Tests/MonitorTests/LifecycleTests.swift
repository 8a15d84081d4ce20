import CLinux
import Glibc
import Linux
import Monitor
import MonitorProtocol
import Runtime
import Testing

@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(2)))
struct LifecycleTests {
    @Test func runsAndReportsTheExitCode() throws {
        let sandbox = Sandbox()
        let result = try sandbox.run(sandbox.spec(["sh", "-c", "echo out; echo err >&2; exit 7"]))
        #expect(result.output == "out\n")
        #expect(result.error == "err\n")
        #expect(result.exit?.code == 7)
        #expect(result.exit?.signal == 0)
    }

    @Test func reportsSignals() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sleep", "100"]))
        _ = container.events.started()
        try container.link.signal(SIGKILL, exec: nil)
        let exit = container.events.exit()
        #expect(exit?.code == 137)
        #expect(exit?.signal == 9)
    }

    /// Where nobody may raise a limit or lower a score, a lenient launch goes on and tells; another one fails.
    @Test(arguments: [true, false]) func goesOnWithoutWhatItMayNotHave(isLenient: Bool) throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["true"])
        spec.process.isLenient = isLenient
        // More than any kernel gives (fs.nr_open): refused with and without CAP_SYS_RESOURCE.
        spec.process.rlimits = [ResourceLimit(resource: 7, soft: 10, hard: 1 << 40)]
        let container = try sandbox.start(spec)
        if isLenient {
            let warning = container.events.wait { if case .warning(let text) = $0 { text } else { nil } }
            #expect(warning?.hasPrefix("limit nofile cannot be raised to 1099511627776") == true)
            #expect(container.events.exit()?.code == 0)
        } else {
            #expect(container.events.failure()?.message.hasPrefix("set limit nofile to 10:1099511627776") == true)
        }
    }

    @Test func losesNoOutput() throws {
        let sandbox = Sandbox()
        let result = try sandbox.run(sandbox.spec(["sh", "-c", "seq 1 200000"]))
        let lines = result.output.split(separator: "\n")
        #expect(lines.count == 200_000)
        #expect(lines.last == "200000")
        let log = sandbox.text(sandbox.logPath)
        #expect(log.split(separator: "\n").count == 200_000)
    }

    @Test func writesDockersLog() throws {
        let sandbox = Sandbox()
        _ = try sandbox.run(sandbox.spec(["echo", "hello <&> \t\"x\""]))
        let log = sandbox.text(sandbox.logPath)
        #expect(
            log.hasPrefix(#"{"log":"hello \u003c\u0026\u003e \u0009\"x\"\n","stream":"stdout","time":"20"#))
        #expect(log.hasSuffix("Z\"}\n"))
    }

    @Test func passesInputAndItsEnd() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["cat"])
        spec.process.openStdin = true
        spec.process.stdinOnce = true
        let result = try sandbox.run(spec, input: "one\ntwo\n")
        #expect(result.output == "one\ntwo\n")
        #expect(result.exit?.code == 0)
    }

    @Test func keepsInputOpenForOthers() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["sh", "-c", "read a; read b; echo $a $b"])
        spec.process.openStdin = true
        let container = try sandbox.start(spec)
        container.stream.send("one\n")
        container.stream.endInput()
        let second = try Stream {
            try container.link.attach(stream: $0, stdin: true, stdout: true, stderr: true)
        }
        second.send("two\n")
        #expect(demultiplex(second.readAll()).output == "one two\n")
    }

    @Test func holdsASlowClientBackWithoutLosingBytes() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sh", "-c", "dd if=/dev/zero bs=64k count=64 2>/dev/null"]))
        usleep(300_000)
        // Nobody reads: the container stands still, and the monitor's memory with it.
        #expect(!container.events.all.contains { if case .exited = $0 { true } else { false } })
        let output = container.stream.readAll()
        #expect(demultiplex(output).output.utf8.count == 64 * 65536)
        #expect(container.events.exit()?.code == 0)
    }

    @Test func survivesAClientThatIsGone() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(
            sandbox.spec(["sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"]))
        container.stream.hangUp()
        #expect(container.events.exit()?.code == 0)
        #expect(sandbox.text(sandbox.logPath).split(separator: "\n").count == 20000)
    }

    @Test func givesATerminal() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["sh", "-c", "tty; stty size; ls -l /dev/console >/dev/null && read x && echo got $x"])
        spec.process.tty = true
        spec.process.openStdin = true
        spec.process.columns = 91
        spec.process.rows = 37
        let container = try sandbox.start(spec)
        let first = container.stream.read(until: "37 91")
        #expect(first.contains("/dev/pts/0"))
        container.stream.send("word\n")
        let rest = String(decoding: container.stream.readAll(), as: UTF8.self)
        #expect(rest.contains("got word\r\n"))
        #expect(container.events.exit()?.code == 0)
    }

    @Test func resizesTheTerminal() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["sh", "-c", "read x; stty size"])
        spec.process.tty = true
        spec.process.openStdin = true
        let container = try sandbox.start(spec)
        _ = container.events.started()
        try container.link.resize(columns: 123, rows: 45, exec: nil)
        container.stream.send("\n")
        #expect(String(decoding: container.stream.readAll(), as: UTF8.self).contains("45 123"))
    }

    @Test func endsWhenNothingIsLaunched() throws {
        let sandbox = Sandbox()
        let link = try Sandbox.spawner.spawn(runDirectory: sandbox.run)
        let events = Events()
        link.start(on: Sandbox.reactor) { events.put($0) }
        link.close()
        #expect(events.closed())
    }

    @Test func outlivesTheDaemonAndIsAdopted() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sh", "-c", "sleep 0.5; echo late; exit 3"]))
        let pid = try #require(container.events.started())
        container.link.close()
        container.stream.hangUp()
        _ = container.events.closed()
        #expect(MonitorState.readState(runDirectory: sandbox.run)?.pid == pid)
        let link = try #require(try MonitorLink.adopt(runDirectory: sandbox.run))
        let events = Events()
        link.start(on: Sandbox.reactor) { events.put($0) }
        let state = events.wait { if case .adopted(let state) = $0 { state } else { nil } }
        #expect(state?.pid == pid)
        #expect(state?.startTime == MonitorState.readState(runDirectory: sandbox.run)?.startTime)
        #expect(events.exit()?.code == 3)
        #expect(events.closed())
        #expect(MonitorExit.readExit(runDirectory: sandbox.run)?.code == 3)
        #expect(sandbox.text(sandbox.logPath).contains("late"))
        #expect(try MonitorLink.adopt(runDirectory: sandbox.run) == nil)
    }

    @Test func leavesTheExitBehindWhenNobodyListens() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sh", "-c", "sleep 0.2; exit 9"]))
        _ = container.events.started()
        container.link.close()
        for _ in 0..<3000 where MonitorExit.readExit(runDirectory: sandbox.run) == nil { usleep(1000) }
        #expect(MonitorExit.readExit(runDirectory: sandbox.run)?.code == 9)
    }

    @Test func waitsForItsNetwork() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["ls", "/sys/class/net"])
        spec.takesNetworkFromDaemon = true
        let container = try sandbox.start(spec)
        usleep(50000)
        #expect(container.events.all.isEmpty)
        // A thread of its own makes the namespace, as the daemon does.
        nonisolated(unsafe) var namespace: Int32 = -1
        var thread = pthread_t()
        withUnsafeMutablePointer(to: &namespace) { pointer in
            pthread_create(
                &thread, nil,
                { argument in
                    _ = linux_unshare(Int32(truncatingIfNeeded: linux_CLONE_NEWNET))
                    argument!.assumingMemoryBound(to: Int32.self).pointee = open(
                        "/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
                    return nil
                }, pointer)
            pthread_join(thread, nil)
        }
        try container.link.network(namespace: Descriptor(owning: namespace), held: [])
        #expect(demultiplex(container.stream.readAll()).output == "lo\n")
        #expect(container.events.exit()?.code == 0)
    }

    @Test func anIdleMonitorIsSmall() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sleep", "100"]))
        _ = container.events.started()
        let pid = try #require(MonitorState.readState(runDirectory: sandbox.run)?.monitorPid)
        // The text is shared by all monitors; what one more costs is what it wrote.
        var kilobytes = 0
        for line in sandbox.text("/proc/\(pid)/smaps_rollup").split(separator: "\n")
        where line.hasPrefix("Anonymous:") {
            kilobytes += Int(line.split(separator: " ")[1]) ?? 0
        }
        print("private memory of an idle monitor: \(kilobytes) kB")
        #expect(kilobytes < 400)
        try container.link.signal(SIGKILL, exec: nil)
        _ = container.events.exit()
    }
}
