import Glibc
import Testing

/// The command line of the OCI runtime, driven as conmon and containerd drive it.
@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(2)))
struct OCIRuntimeTests {
    /// A bundle in a sandbox, and the runtime with a state directory of its own.
    private final class Bundle {
        let sandbox = Sandbox()
        let id = "test-\(UInt32.random(in: 0 ... .max))"

        init(_ command: String) {
            _ = run(["spec", "--bundle", sandbox.directory])
            var text = sandbox.text(sandbox.directory + "/config.json")
            text = text.replacing("\"terminal\": true", with: "\"terminal\": false")
            text = text.replacing("\"rootfs\"", with: "\"root\"").replacing(
                "\"readonly\": true", with: "\"readonly\": false")
            let quoted = command.replacing("\"", with: "\\\"")
            text = text.replacing("\"sh\"", with: "\"/bin/sh\", \"-c\", \"\(quoted)\"")
            text = text.replacing("PATH=", with: "PATH=/bin:")
            sandbox.write("/../config.json", text)
        }

        deinit { _ = run(["delete", "--force", id]) }

        /// Standard output and error together, and the exit code.
        func run(_ words: [String]) -> (output: String, code: Int32) {
            let path = sandbox.directory + "/output"
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o600)
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
            let all = ["gantry-runtime", "--root", sandbox.directory + "/state"] + words
            let arguments: [UnsafeMutablePointer<CChar>?] = all.map { strdup($0) } + [nil]
            var pid: pid_t = 0
            #expect(posix_spawn(&pid, Sandbox.executable, &actions, nil, arguments, environ) == 0)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
            return (sandbox.text(path), status >> 8)
        }
    }

    @Test func runsInTheForeground() {
        let bundle = Bundle("echo hello; exit 5")
        let result = bundle.run(["run", "--bundle", bundle.sandbox.directory, bundle.id])
        #expect(result.output == "hello\n")
        #expect(result.code == 5)
        #expect(bundle.run(["state", bundle.id]).code == 1)
    }

    @Test func createsStartsAndDeletes() throws {
        let bundle = Bundle("sleep 100")
        let pidFile = bundle.sandbox.directory + "/pid"
        #expect(
            bundle.run(["create", "--bundle", bundle.sandbox.directory, "--pid-file", pidFile, bundle.id]).code == 0)
        #expect(bundle.run(["state", bundle.id]).output.contains(#""status": "created""#))
        #expect(bundle.run(["exec", bundle.id, "true"]).code == 1)
        #expect(bundle.run(["start", bundle.id]).code == 0)
        #expect(bundle.run(["start", bundle.id]).code == 1)
        #expect(bundle.run(["state", bundle.id]).output.contains(#""status": "running""#))
        #expect(bundle.run(["state", bundle.id]).output.contains("\"pid\": \(bundle.sandbox.text(pidFile))"))
        #expect(bundle.run(["list", "-q"]).output == bundle.id + "\n")
        let executed = bundle.run(["exec", bundle.id, "/bin/sh", "-c", "echo $$; exit 3"])
        #expect(executed.code == 3)
        #expect(bundle.run(["pause", bundle.id]).code == 0)
        #expect(bundle.run(["state", bundle.id]).output.contains(#""status": "paused""#))
        #expect(bundle.run(["resume", bundle.id]).code == 0)
        #expect(bundle.run(["delete", bundle.id]).code == 1)
        #expect(bundle.run(["kill", bundle.id, "KILL"]).code == 0)
        for _ in 0..<500 where !bundle.run(["state", bundle.id]).output.contains("stopped") { usleep(10000) }
        #expect(bundle.run(["delete", bundle.id]).code == 0)
        #expect(bundle.run(["list", "-q"]).output == "")
    }

    /// CVE-2026-30892.
    @Test func usersAreWholeNumbers() {
        let bundle = Bundle("sleep 100")
        #expect(bundle.run(["create", "--bundle", bundle.sandbox.directory, bundle.id]).code == 0)
        #expect(bundle.run(["start", bundle.id]).code == 0)
        #expect(bundle.run(["exec", "-u", "1000", bundle.id, "/bin/id", "-u"]).output == "1000\n")
        #expect(bundle.run(["exec", "-u", "1000:1001", bundle.id, "/bin/id", "-g"]).output == "1001\n")
        for user in ["", "+1", "1x", "4294967296", "-1", "1:", ":1", "1:2:3"] {
            #expect(bundle.run(["exec", "-u", user, bundle.id, "/bin/id"]).code == 1, "user \(user)")
        }
    }

    @Test func tellsWhatIsWrong() {
        let bundle = Bundle("true")
        #expect(bundle.run(["state", "nosuch"]).output.contains("container nosuch does not exist"))
        #expect(bundle.run(["run", "../x"]).code == 1)
        #expect(bundle.run(["frob"]).code == 1)
        let log = bundle.sandbox.directory + "/log"
        #expect(bundle.run(["--log", log, "--log-format", "json", "state", "nosuch"]).code == 1)
        #expect(bundle.sandbox.text(log).contains(#""msg":"container nosuch does not exist""#))
    }

    @Test func describesItself() {
        let bundle = Bundle("true")
        #expect(bundle.run(["--version"]).output.contains("spec: 1.2.0"))
        #expect(bundle.run(["features"]).output.contains("CAP_SYS_ADMIN"))
    }
}
