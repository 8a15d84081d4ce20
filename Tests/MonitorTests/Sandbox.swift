import CLinux
import Glibc
import Linux
import Monitor
import MonitorProtocol
import Runtime
import Synchronization

/// A root file system with a static busybox, a run directory, and one monitor: everything a container test needs.
final class Sandbox: Sendable {
    let directory: String
    var root: String { directory + "/root" }
    var run: String { directory + "/run" }
    var logPath: String { directory + "/log.json" }

    static let isPossible = geteuid() == 0 && access("/bin/busybox", X_OK) == 0 && access(executable, X_OK) == 0

    static let executable: String = {
        if let given = getenv("GANTRY_RUNTIME") { return String(cString: given) }
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/gantry-runtime"
    }()

    static let spawner = try! MonitorSpawner(executable: executable)
    static let reactor = try! MonitorReactor()

    init() {
        var template = Array("/tmp/gantry-test-XXXXXX".utf8CString)
        directory = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)!) }
        for path in ["", "/bin", "/etc", "/tmp", "/home", "/proc", "/sys", "/dev"] { mkdir(root + path, 0o755) }
        mkdir(run, 0o700)
        copy("/bin/busybox", root + "/bin/busybox")
        for name in [
            "sh", "ls", "cat", "true", "echo", "id", "ps", "env", "mount", "sleep", "stty", "grep", "head", "dd", "yes",
            "kill", "hostname", "wc", "tty", "readlink", "pwd", "umount", "unshare", "stat", "touch", "chmod", "seq",
        ] {
            symlink("busybox", root + "/bin/" + name)
        }
        write(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n4242:x:7:7::/:/bin/sh\n")
        write("/etc/group", "root:x:0:\nwheel:x:10:alice\nalice:x:1000:\nstaff:x:50:bob,alice\n")
    }

    deinit { Self.remove(directory) }

    func write(_ path: String, _ text: String, mode: mode_t = 0o644) {
        let handle = open(root + path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        precondition(handle >= 0, "cannot write \(path)")
        _ = Glibc.write(handle, text, text.utf8.count)
        close(handle)
    }

    private func copy(_ source: String, _ target: String) {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        let output = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0o755)
        while sendfile(output, input, nil, 1 << 20) > 0 {}
        close(input)
        close(output)
    }

    static func remove(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            if let stream = opendir(path) {
                while let entry = readdir(stream) {
                    let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                    }
                    if name != "." && name != ".." { remove(path + "/" + name) }
                }
                closedir(stream)
            }
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    /// What every test starts from: Docker's defaults.
    func spec(_ args: [String]) -> LaunchSpec {
        var spec = LaunchSpec()
        spec.process.args = args
        spec.process.env = ["PATH=/bin"]
        spec.mounts = MountSpec.dockerDefaults()
        spec.maskedPaths = LaunchSpec.dockerMaskedPaths
        spec.readonlyPaths = LaunchSpec.dockerReadonlyPaths
        spec.rootfsPath = root
        return spec
    }

    func text(_ path: String) -> String {
        guard let file = try? Descriptor.open(path, O_RDONLY) else { return "" }
        return String(decoding: (try? file.readAll(limit: 64 << 20)) ?? [], as: UTF8.self)
    }

    /// Runs to the end with everything attached.
    func run(_ spec: LaunchSpec, input: String = "") throws -> Outcome {
        let container = try start(spec)
        container.stream.send(input)
        container.stream.endInput()
        let output = container.stream.readAll()
        let outcome = container.outcome(output)
        _ = container.events.closed()
        return outcome
    }

    /// Starts with everything attached.
    func start(_ spec: LaunchSpec) throws -> Running {
        let link = try Self.spawner.spawn(runDirectory: run)
        let events = Events()
        link.start(on: Self.reactor) { events.put($0) }
        let stream = try Stream { try link.attach(stream: $0, stdin: true, stdout: true, stderr: true) }
        let log = try Descriptor.open(logPath, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        try link.launch(spec, rootfs: nil, log: log)
        return Running(link: link, events: events, stream: stream, isTerminal: spec.process.tty)
    }
}

/// The events of one monitor, in order.
final class Events: Sendable {
    private let events = Mutex<[MonitorEvent]>([])

    func put(_ event: MonitorEvent) { events.withLock { $0.append(event) } }

    var all: [MonitorEvent] { events.withLock { $0 } }

    /// The first event that `match` gives something for; nil after ten seconds.
    func wait<Value>(_ match: (MonitorEvent) -> Value?) -> Value? {
        for _ in 0..<10000 {
            for event in all { if let value = match(event) { return value } }
            usleep(1000)
        }
        return nil
    }

    func exit() -> MonitorExit? { wait { if case .exited(let exit) = $0 { exit } else { nil } } }
    func failure() -> LaunchFailure? { wait { if case .failed(let failure) = $0 { failure } else { nil } } }
    func started() -> Int32? { wait { if case .started(let pid, _) = $0 { pid } else { nil } } }
    func closed() -> Bool { wait { $0 == .closed ? true : nil } ?? false }
    func execExit(_ id: String) -> Int32? {
        wait { if case .execExited(id, let code) = $0 { code } else { nil } }
    }
    func execFailure(_ id: String) -> LaunchFailure? {
        wait { if case .execFailed(id, let failure) = $0 { failure } else { nil } }
    }
}

/// The daemon's end of an attached stream.
final class Stream: Sendable {
    private let end: Int32

    init(_ give: (consuming Descriptor) throws -> Void) throws {
        var pair: [Int32] = [-1, -1]
        precondition(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0)
        end = pair[0]
        try give(Descriptor(owning: pair[1]))
    }

    deinit { close(end) }

    func send(_ text: String) { _ = Glibc.send(end, text, text.utf8.count, Int32(MSG_NOSIGNAL)) }
    /// Reading ends when nothing comes for so long.
    func limit(seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(end, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    func endInput() { shutdown(end, Int32(SHUT_WR)) }
    func hangUp() { shutdown(end, Int32(SHUT_RDWR)) }

    func readSome() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(end, &buffer, buffer.count, 0)
        return Array(buffer.prefix(max(0, count)))
    }

    func readAll() -> [UInt8] {
        var result: [UInt8] = []
        while true {
            let part = readSome()
            if part.isEmpty { return result }
            result += part
        }
    }

    /// Reads until the text was seen; everything so far.
    func read(until text: String) -> String {
        var result = ""
        while !result.contains(text) {
            let part = readSome()
            if part.isEmpty { break }
            result += String(decoding: part, as: UTF8.self)
        }
        return result
    }
}

/// Takes Docker's frames apart.
func demultiplex(_ bytes: [UInt8]) -> (output: String, error: String) {
    var parts: [UInt8: [UInt8]] = [1: [], 2: []]
    var rest = bytes[...]
    while rest.count >= 8 {
        let head = Array(rest.prefix(8))
        let length = head[4...].reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(8)
        parts[head[0], default: []] += rest.prefix(length)
        rest = rest.dropFirst(length)
    }
    return (String(decoding: parts[1]!, as: UTF8.self), String(decoding: parts[2]!, as: UTF8.self))
}

struct Running {
    let link: MonitorLink
    let events: Events
    let stream: Stream
    let isTerminal: Bool

    func outcome(_ bytes: [UInt8]) -> Outcome {
        let streams = isTerminal ? (String(decoding: bytes, as: UTF8.self), "") : demultiplex(bytes)
        let ended: (MonitorExit?, LaunchFailure?)? = events.wait {
            switch $0 {
            case .exited(let exit): (exit, nil)
            case .failed(let failure): (nil, failure)
            default: nil
            }
        }
        return Outcome(output: streams.0, error: streams.1, exit: ended?.0, failure: ended?.1)
    }

    /// Another process in the container, to its end.
    func exec(_ id: String, _ args: [String], _ change: (inout ExecSpec) -> Void = { _ in }) throws -> Outcome {
        var spec = ExecSpec()
        spec.args = args
        spec.env = ["PATH=/bin"]
        change(&spec)
        let stream = try Stream { try link.exec(id: id, spec, stream: $0) }
        stream.endInput()
        let bytes = stream.readAll()
        let streams = spec.tty ? (String(decoding: bytes, as: UTF8.self), "") : demultiplex(bytes)
        let ended: (Int32?, LaunchFailure?)? = events.wait {
            switch $0 {
            case .execExited(id, let code): (code, nil)
            case .execFailed(id, let failure): (nil, failure)
            default: nil
            }
        }
        return Outcome(
            output: streams.0, error: streams.1,
            exit: ended?.0.map { MonitorExit(code: $0, signal: 0, oomKilled: false, finishedAt: "") },
            failure: ended?.1)
    }
}

struct Outcome {
    let output: String
    let error: String
    let exit: MonitorExit?
    let failure: LaunchFailure?
}
