import Foundation
import Glibc
import Synchronization
import Testing

/// A daemon of the test's own: own data and exec root, socket and subnet, so that several run side by side.
final class Daemon: Sendable {
    @TaskLocal static var current: Daemon?

    let root: String
    let subnet: String
    let data: String
    /// What its environment has beside that of the tests.
    private let variables: [String: String]
    var socket: String { root + "/engine.sock" }
    var host: String { "unix://" + socket }
    var pidfile: String { root + "/engine.pid" }
    var log: String { root + "/engine.log" }
    var environment: [String: String] {
        ["DOCKER_HOST": host, "DOCKER_CONFIG": root + "/client", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"]
    }

    private static let counter = Atomic<Int>(0)
    private static let first = Int.random(in: 0..<100)

    /// Starts a daemon with the image `busybox:latest` imported.
    ///
    /// - Parameters:
    ///   - dataRoot: on a file system of its own; the directory beside everything else when nil.
    ///   - binaries: where the programs of its first start are, of another release for example.
    init(
        settings: [String: String] = [:], variables: [String: String] = [:], dataRoot: String? = nil,
        binaries: String = Programs.binaries
    ) throws {
        self.variables = variables
        root = try succeed(["mktemp", "-d", "/tmp/gantry-daemon-XXXXXX"])
        data = dataRoot ?? root + "/data"
        let number = Daemon.counter.add(1, ordering: .relaxed).newValue
        subnet = "10.\(100 + (Daemon.first + number / 200) % 100).\(number % 200)"
        var keys = ["\"bip\": \"\(subnet).1/24\""]
        keys += settings.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }
        try FileManager.default.createDirectory(atPath: root + "/client", withIntermediateDirectories: true)
        try "{\(keys.joined(separator: ", "))}".write(
            toFile: root + "/daemon.json", atomically: false, encoding: .utf8)
        try start(binaries: binaries)
        try succeed(
            [Client.first.program, "import", BusyboxImage.tar, "busybox:latest"], environment: environment)
    }

    var arguments: [String] { arguments(of: Programs.binaries) }

    private func arguments(of binaries: String) -> [String] {
        [
            Programs.isGantry ? binaries + "/gantryd" : "/usr/sbin/dockerd", "--data-root", data,
            "--exec-root", root + "/exec", "--pidfile", pidfile, "-H", host, "--config-file", root + "/daemon.json",
        ]
    }

    var pid: pid_t? {
        (try? Programs.text(pidfile)).flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    /// Starts the program; an earlier one must have ended.
    func start(binaries: String = Programs.binaries) throws {
        let words = arguments(of: binaries).map { "'\($0)'" }.joined(separator: " ")
        let started = try succeed(
            ["sh", "-c", "setsid \(words) </dev/null >>\(log) 2>&1 & echo $!"], environment: variables)
        let deadline = Date(timeIntervalSinceNow: 30)
        while try command(["curl", "-sf", "--unix-socket", socket, "http://d/_ping"]).out != "OK" {
            if Date() > deadline || !Daemon.runs(pid_t(started) ?? 0) {
                throw HarnessError("the daemon does not answer or has ended; its log ends with:\n\(logTail)")
            }
            usleep(5000)
        }
    }

    /// SIGKILL, as a crash would; returns when the process is gone.
    func kill9() throws {
        guard let pid else { throw HarnessError("no pid in \(pidfile)") }
        kill(pid, SIGKILL)
        try eventually("daemon \(pid) is gone") { !Daemon.runs(pid) }
        if !Programs.isGantry { unlink(pidfile) }
    }

    /// SIGTERM, as a service manager would.
    func stop() throws {
        guard let pid, Daemon.runs(pid) else { return }
        kill(pid, SIGTERM)
        try eventually("daemon \(pid) ended after SIGTERM") { !Daemon.runs(pid) }
    }

    private static func runs(_ pid: pid_t) -> Bool {
        guard let stat = try? Programs.text("/proc/\(pid)/stat") else { return false }
        if !(stat.split(separator: ")").last ?? "").hasPrefix(" Z") { return true }
        // The first thread may be gone while another one still waits for a disk, and holds files and locks.
        return (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").count) ?? 0 > 1
    }

    var logTail: String { (try? command(["sh", "-c", "grep -v level=info '\(log)' | tail -n 5"]).out) ?? "" }

    /// A daemon for as long as `body` runs.
    static func with(
        settings: [String: String] = [:], dataRoot: String? = nil, _ body: (Daemon) throws -> Void
    ) throws {
        let daemon = try Daemon(settings: settings, dataRoot: dataRoot)
        do {
            try body(daemon)
        } catch {
            try? daemon.finish()
            throw error
        }
        try daemon.finish()
    }

    /// Removes every container, stops the daemon and deletes its directories.
    func finish() throws {
        let ids = try run(.docker, "ps", "-aq").lines
        if !ids.isEmpty { try run(.docker, ["rm", "-f"] + ids) }
        try stop()
        if !Programs.isGantry { try? cleanUpAfterDocker() }
        let mounts = try Programs.text("/proc/self/mountinfo").split(separator: "\n").filter { $0.contains(root) }
        if !mounts.isEmpty { Issue.record("mounts left under \(root):\n\(mounts.joined(separator: "\n"))") }
        try FileManager.default.removeItem(atPath: root)
    }

    private func cleanUpAfterDocker() throws {
        try command(["ip", "link", "delete", "docker0"])
        // Docker's FORWARD policy is DROP and outlives it; bridges of others would stay cut off.
        for table in ["nat", "filter"] { try command(["nft", "delete", "table", "ip", table]) }
        for mount in try command(["findmnt", "-rno", "TARGET"]).lines where mount.hasPrefix(root) {
            try command(["umount", "-l", mount])
        }
    }

    // MARK: - Driving it

    func start(_ client: Client, _ arguments: [String], terminal: Bool = false) throws -> Child {
        try Child(
            [client.program] + arguments, environment: environment,
            wiring: terminal ? .terminal(rows: 24, columns: 80) : .pipes)
    }

    @discardableResult
    func run(_ client: Client, _ arguments: [String], input: [UInt8]? = nil) throws -> Output {
        try command([client.program] + arguments, environment: environment, input: input)
    }

    @discardableResult
    func run(_ client: Client, _ arguments: String...) throws -> Output { try run(client, arguments) }

    /// A command that must succeed; its output without the last newline.
    @discardableResult
    func ok(_ client: Client, _ arguments: [String], input: [UInt8]? = nil) throws -> String {
        let result = try run(client, arguments, input: input)
        guard result.status == 0 else { throw HarnessError("\(result)\ndaemon:\n\(logTail)") }
        return result.trimmed
    }

    @discardableResult
    func ok(_ client: Client, _ arguments: String...) throws -> String { try ok(client, arguments) }

    /// One request over the socket; the status and the body.
    func request(_ method: String, _ path: String, body: String? = nil) throws -> (status: Int, body: String) {
        var arguments = [
            "curl", "-s", "-X", method, "--unix-socket", socket, "-w", "\n%{http_code}", "http://d" + path,
        ]
        if let body { arguments += ["-H", "Content-Type: application/json", "-d", body] }
        if method == "HEAD" { arguments.append("-I") }
        let text = try succeed(arguments)
        let end = text.lastIndex(of: "\n") ?? text.startIndex
        let status = Int(text[end...].trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
        return (status, String(text[..<end]))
    }

    /// What a half-made object would show in: directories, mounts, cgroups, namespaces, links, containers.
    func footprint() throws -> Set<String> {
        let machine = try Machine.look()
        var found = Set(
            try command(
                ["find", root + "/data", root + "/exec", "-mindepth", "2", "-maxdepth", "4", "-type", "d"]
            ).lines.filter {
                !$0.hasSuffix("/tmp") && !$0.contains("containerd")
                    && (Programs.isGantry || !$0.contains("/distribution/") && !$0.contains("/runtime-runc/"))
            })
        found.formUnion(machine.mounts.filter { $0.contains(root) })
        found.formUnion(try run(.docker, "ps", "-aq").lines)
        return found
    }
}

/// Gives a suite a daemon of its own, in `Daemon.current`.
struct WithDaemon: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let daemon = try Daemon()
        do {
            try await Daemon.$current.withValue(daemon) { try await function() }
        } catch {
            try? daemon.finish()
            throw error
        }
        do {
            try daemon.finish()
        } catch {
            Issue.record("\(error)\ndaemon:\n\(daemon.logTail)")
        }
    }
}

extension Trait where Self == WithDaemon {
    static var daemon: Self { WithDaemon() }
}

/// The suite's daemon.
var daemon: Daemon {
    get throws {
        guard let daemon = Daemon.current else { throw HarnessError("the suite lacks the trait .daemon") }
        return daemon
    }
}
