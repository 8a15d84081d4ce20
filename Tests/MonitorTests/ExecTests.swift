import Glibc
import Monitor
import MonitorProtocol
import Runtime
import Testing

@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(2)))
struct ExecTests {
    @Test func runsBesideTheFirstProcess() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["sleep", "100"])
        spec.hostname = "inside"
        let container = try sandbox.start(spec)
        _ = container.events.started()
        let result = try container.exec("a", ["sh", "-c", "hostname; cat /proc/1/cmdline; echo bad >&2; exit 4"])
        #expect(result.output == "inside\nsleep\0100\0")
        #expect(result.error == "bad\n")
        #expect(result.exit?.code == 4)
        let again = try container.exec("b", ["id", "-u"]) { $0.user = .name("alice") }
        #expect(again.output == "1000\n")
        try container.link.signal(SIGKILL, exec: nil)
        #expect(container.events.exit()?.code == 137)
    }

    @Test func givesATerminal() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sleep", "100"]))
        _ = container.events.started()
        let result = try container.exec("t", ["sh", "-c", "tty; stty size"]) {
            $0.tty = true
            $0.columns = 80
            $0.rows = 24
        }
        #expect(result.output == "/dev/pts/0\r\n24 80\r\n")
        #expect(result.exit?.code == 0)
        try container.link.signal(SIGKILL, exec: nil)
        _ = container.events.exit()
    }

    @Test func reportsWhatIsMissing() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sleep", "100"]))
        _ = container.events.started()
        let result = try container.exec("m", ["nosuch"])
        #expect(result.failure == LaunchFailure(exitCode: 127, #"exec: "nosuch": executable file not found in $PATH"#))
        let directory = try container.exec("d", ["/etc"])
        #expect(directory.failure?.exitCode == 126)
        try container.link.signal(SIGKILL, exec: nil)
        _ = container.events.exit()
    }

    @Test func endsThoughAChildHoldsThePipe() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sleep", "100"]))
        _ = container.events.started()
        let result = try container.exec("h", ["sh", "-c", "sleep 50 & echo done"])
        #expect(result.output == "done\n")
        #expect(result.exit?.code == 0)
        try container.link.signal(SIGKILL, exec: nil)
        #expect(container.events.exit()?.code == 137)
    }

    @Test func passesInput() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sleep", "100"]))
        _ = container.events.started()
        var spec = ExecSpec()
        spec.args = ["cat"]
        spec.env = ["PATH=/bin"]
        spec.openStdin = true
        spec.stdinOnce = true
        let stream = try Stream { try container.link.exec(id: "i", spec, stream: $0) }
        stream.send("abc")
        stream.endInput()
        #expect(demultiplex(stream.readAll()).output == "abc")
        #expect(container.events.execExit("i") == 0)
        try container.link.signal(SIGKILL, exec: nil)
        _ = container.events.exit()
    }

    @Test func runsDetachedAndTakesSignals() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sleep", "100"]))
        _ = container.events.started()
        var spec = ExecSpec()
        spec.args = ["sleep", "100"]
        spec.env = ["PATH=/bin"]
        try container.link.exec(id: "s", spec, stream: nil)
        let pid: Int32? = container.events.wait { if case .execStarted("s", let pid) = $0 { pid } else { nil } }
        #expect(pid ?? 0 > 1)
        try container.link.signal(SIGTERM, exec: "s")
        #expect(container.events.execExit("s") == 143)
        try container.link.signal(SIGKILL, exec: nil)
        _ = container.events.exit()
    }

    @Test func endsWithItsContainer() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sleep", "0.3"]))
        _ = container.events.started()
        let result = try container.exec("e", ["sleep", "100"])
        #expect(result.exit?.code == 137)
        #expect(container.events.exit()?.code == 0)
        #expect(container.events.closed())
    }
}
