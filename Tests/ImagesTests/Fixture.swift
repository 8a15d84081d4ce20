import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif
import Images
import Layers
import OCI
import Registry
import Store
import Synchronization
import Testing

let isRoot = geteuid() == 0

/// A data directory with its service, gone with its owner.
final class Fixture: Sendable {
    let root: String
    let images: ImageService
    let events: Recorder<ImageEvent>

    init(root: String? = nil, options: ImageOptions = ImageOptions()) async throws {
        self.root = root ?? NSTemporaryDirectory() + "gantry-images-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: self.root, withIntermediateDirectories: true)
        let events = Recorder<ImageEvent>()
        self.events = events
        let database = try StateDatabase(path: self.root + "/state.db", migrations: ImageService.migrations)
        images = try await ImageService(root: self.root, database: database, options: options) { events.add($0) }
    }

    static func with(
        _ options: ImageOptions = ImageOptions(), _ body: (Fixture) async throws -> Void
    ) async throws {
        let fixture = try await Fixture(options: options)
        do {
            try await body(fixture)
        } catch {
            await fixture.close()
            throw error
        }
        await fixture.close()
    }

    func close() async {
        await images.shutdown()
        try? FileManager.default.removeItem(atPath: root)
    }

    /// What interrupted pulls have left to go on from.
    var partials: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: root + "/images/partial")) ?? []
    }

    /// What a failed pull or import may not leave: blobs, layers, temporary files.
    var leftovers: [String] {
        get async {
            await images.layers.waitForRemovals()
            let files = FileManager.default
            return ["/images/blobs/sha256", "/images/ingest", "/layers"].flatMap { part in
                ((try? files.contentsOfDirectory(atPath: root + part)) ?? []).filter {
                    $0 != "base" && !$0.hasPrefix("index.json")
                }
            }
        }
    }

    @discardableResult
    func `import`(_ files: [String: String], _ name: String?, changes: [String] = []) async throws -> ImageID {
        try await images.import(
            bytes: Pieces(tar(files)), reference: try name.map { try Reference($0) }, message: "Imported from -",
            changes: changes)
    }
}

/// Bytes in pieces.
struct Pieces: AsyncSequence, AsyncIteratorProtocol, Sendable {
    var rest: ArraySlice<UInt8>
    var failsAt: Int?
    var count = 0

    init(_ bytes: [UInt8], failsAt: Int? = nil) {
        rest = bytes[...]
        self.failsAt = failsAt
    }

    mutating func next() async throws -> [UInt8]? {
        if let failsAt, count >= failsAt { throw CocoaError(.fileReadUnknown) }
        count += 1
        defer { rest = rest.dropFirst(4000) }
        return rest.isEmpty ? nil : Array(rest.prefix(4000))
    }

    func makeAsyncIterator() -> Pieces { self }
}

final class Recorder<Value: Sendable>: Sendable {
    private let state = Mutex<[Value]>([])
    var all: [Value] { state.withLock { $0 } }
    func add(_ value: Value) { state.withLock { $0.append(value) } }
}

/// A plain archive of small files.
func tar(_ files: [String: String]) -> [UInt8] { tar(files.mapValues { Array($0.utf8) }) }

/// The same of any bytes; what begins with `->` is a symbolic link.
func tar(_ files: [String: [UInt8]]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (name, content) in files.sorted(by: { $0.key < $1.key }) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ at: Int) {
            header.replaceSubrange(at..<(at + text.utf8.count), with: Array(text.utf8))
        }
        let isLink = content.starts(with: "->".utf8)
        let content = isLink ? [] : content
        let size = String(content.count, radix: 8)
        put(name, 0)
        put("0000644", 100)
        put("0000000", 108)
        put("0000000", 116)
        put(String(repeating: "0", count: 11 - size.count) + size, 124)
        put("00000000001", 136)
        put("        ", 148)
        put(isLink ? "2" : "0", 156)
        if isLink { put(String(decoding: (files[name] ?? []).dropFirst(2), as: UTF8.self), 157) }
        put("ustar\u{0}00", 257)
        let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
        put(String(repeating: "0", count: 6 - sum.count) + sum + "\u{0} ", 148)
        bytes += header + content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }
    return bytes + [UInt8](repeating: 0, count: 1024)
}

/// A program that ends with its owner. By posix_spawn: Foundation's `Process` needs threads that the tests hold.
final class Service: Sendable {
    private let child: pid_t
    private let output: String

    /// Its output goes to a file.
    init(_ arguments: [String]) throws {
        output = NSTemporaryDirectory() + "gantry-service-" + UUID().uuidString
        child = try Service.spawn(arguments, output: output)
    }

    deinit {
        kill(child, SIGKILL)
        _ = Service.wait(child)
        unlink(output)
    }

    /// The first number it prints.
    func port() throws -> Int {
        for _ in 0..<500 {
            let text = try String(contentsOfFile: output, encoding: .utf8)
            if text.hasSuffix("\n") { return try #require(Int(text.dropLast())) }
            usleep(20000)
        }
        throw CocoaError(.fileReadUnknown)
    }

    /// Runs to the end; the exit code.
    static func run(_ arguments: [String]) throws -> Int32 { wait(try spawn(arguments, output: "/dev/null")) }

    private static func spawn(_ arguments: [String], output: String) throws -> pid_t {
        var child: pid_t = 0
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        let pointers = arguments.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        guard posix_spawnp(&child, arguments[0], &actions, nil, pointers + [nil], environ) == 0 else {
            throw CocoaError(.executableNotLoadable)
        }
        return child
    }

    private static func wait(_ child: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status
    }
}

/// The registry that misbehaves.
struct UnrulyRegistry {
    let service: Service
    let port: Int

    init() throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("unruly-registry.py").path
        service = try Service(["python3", script])
        port = try service.port()
    }

    func name(_ repository: String) throws -> Reference { try Reference("127.0.0.1:\(port)/\(repository)") }

    struct Request: Equatable {
        let port: Int
        let path: String
        let authorization: String
        let range: String
    }

    /// Lets `half` go on.
    func go() async throws {
        _ = try await URLSession.shared.data(from: try #require(URL(string: "http://127.0.0.1:\(port)/go")))
    }

    /// The most layers of `crewN` that were asked for at once.
    func peak() async throws -> Int? {
        let (data, _) = try await URLSession.shared.data(
            from: try #require(URL(string: "http://127.0.0.1:\(port)/peak")))
        return Int(String(decoding: data, as: UTF8.self))
    }

    func log() async throws -> [Request] {
        let (data, _) = try await URLSession.shared.data(
            from: try #require(URL(string: "http://127.0.0.1:\(port)/log")))
        let rows = try JSONSerialization.jsonObject(with: data) as? [[Any]] ?? []
        return rows.map {
            Request(
                port: $0[0] as? Int ?? 0, path: $0[1] as? String ?? "", authorization: $0[2] as? String ?? "",
                range: $0[3] as? String ?? "")
        }
    }
}
