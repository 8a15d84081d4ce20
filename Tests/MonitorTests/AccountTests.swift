import Glibc
import Monitor
import MonitorProtocol
import Runtime
import Testing

/// The container's own /etc/passwd and /etc/group, which whoever made the image or ran in the container has written.
@Suite(.serialized, .enabled(if: Sandbox.isPossible)) struct AccountTests {
    private static let files = ["/etc/passwd", "/etc/group"]

    private func failure(_ path: String, user: String = "alice", _ make: (String) -> Void) throws -> String? {
        let sandbox = Sandbox()
        unlink(sandbox.root + path)
        make(sandbox.root + path)
        var spec = sandbox.spec(["true"])
        spec.process.user = .name(user)
        return try sandbox.run(spec).failure?.message
    }

    /// CVE-2024-9676, CVE-2026-47262: nothing of these is waited for or read to its end.
    @Test(arguments: files) func refusesWhatIsNoFile(path: String) throws {
        #expect(try failure(path) { mkfifo($0, 0o644) }?.contains("is not a regular file") == true)
        #expect(try failure(path) { mkdir($0, 0o755) }?.contains("is not a regular file") == true)
        #expect(try failure(path) { symlink("/dev/zero", $0) } != nil)
        #expect(try failure(path) { mknod($0, S_IFCHR | 0o644, dev_t(1 << 8 | 5)) } != nil)
    }

    @Test(arguments: files) func refusesGiants(path: String) throws {
        let message = try failure(path) {
            close(open($0, O_WRONLY | O_CREAT, 0o644))
            truncate($0, 8 << 30)
        }
        #expect(message == "\(path) of the container is larger than 4 MiB")
    }

    /// A line without an end, and one of nothing but colons, cost what their bytes cost.
    @Test(arguments: [":", "x", ",", "alice:"]) func readsEndlessLines(text: String) throws {
        let sandbox = Sandbox()
        let line = String(repeating: text, count: ((4 << 20) - 100) / text.utf8.count)
        sandbox.write("/etc/group", "root:x:0:\nwheel:x:10:alice\n" + line)
        var spec = sandbox.spec(["id", "-G"])
        spec.process.user = .name("alice")
        #expect(try sandbox.run(spec).output == "1000 10\n")
        spec.process.additionalGroups = ["nosuch"]
        #expect(
            try sandbox.run(spec).failure?.message
                == "unable to find group nosuch: no matching entries in group file")
    }

    /// Each line is looked at once, however many groups a user is in.
    @Test func countsGroups() throws {
        let sandbox = Sandbox()
        // Not id(1), which reads the whole file for each group.
        var spec = sandbox.spec(["sh", "-c", "grep ^Groups: /proc/self/status | cut -d: -f2 | wc -w"])
        spec.process.user = .name("alice")
        func groups(_ count: Int) -> String { (1...count).map { "g:x:\($0 + 2000):alice\n" }.joined() }
        sandbox.write("/etc/group", groups(65_000))
        #expect(try sandbox.run(spec).output == "65001\n")
        sandbox.write("/etc/group", groups(200_000))
        #expect(
            try sandbox.run(spec).failure?.message
                == "user alice is in more than 65536 groups, which is what Linux allows")
    }

    /// CVE-2024-40635, CVE-2026-46680: neither is root, nor somebody whose name is a number.
    @Test func takesNumbersAsNumbers() throws {
        let sandbox = Sandbox()
        func run(_ user: String) throws -> Outcome {
            var spec = sandbox.spec(["sh", "-c", "id -u; id -g"])
            spec.process.user = .name(user)
            return try sandbox.run(spec)
        }
        let range = "uids and gids must be in range 0-2147483647"
        for user in [
            "4294967296", "-1", "4294967295", "2147483648", "18446744073709551616", "0:4294967296", "0:-1",
            "99999999999999999999999",
        ] {
            #expect(try run(user).failure?.message == range, "user \(user)")
        }
        for user in ["+0", "0x0", " 0", "0 ", "1e3", "０"] {
            #expect(try run(user).failure?.message.contains("no matching entries") == true, "user \(user)")
        }
        // The sandbox has a user called 4242 with the number 7.
        #expect(try run("4242").output == "4242\n0\n")
        #expect(try run("2147483647:2147483647").output == "2147483647\n2147483647\n")
        // Wrong numbers in the file are nobody's.
        sandbox.write("/etc/passwd", "wrap:x:4294967296:0::/:\nminus:x:-1:0::/:\nplus:x:+0:0::/:\n")
        for user in ["wrap", "minus", "plus"] {
            #expect(try run(user).failure?.message.contains("unable to find user \(user)") == true)
        }
    }
}
