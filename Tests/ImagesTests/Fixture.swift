import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif
import Images
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

    init(root: String? = nil) async throws {
        self.root = root ?? NSTemporaryDirectory() + "gantry-images-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: self.root, withIntermediateDirectories: true)
        let events = Recorder<ImageEvent>()
        self.events = events
        let database = try StateDatabase(path: self.root + "/state.db", migrations: ImageService.migrations)
        images = try await ImageService(root: self.root, database: database) { events.add($0) }
    }

    static func with(_ body: (Fixture) async throws -> Void) async throws {
        let fixture = try await Fixture()
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

    /// What a failed pull or import may not leave: blobs, layers, temporary files.
    var leftovers: [String] {
        let files = FileManager.default
        return ["/images/blobs/sha256", "/images/ingest", "/layers"].flatMap { part in
            ((try? files.contentsOfDirectory(atPath: root + part)) ?? []).filter { $0 != "empty" }
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
func tar(_ files: [String: String]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (name, content) in files.sorted(by: { $0.key < $1.key }) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ at: Int) {
            header.replaceSubrange(at..<(at + text.utf8.count), with: Array(text.utf8))
        }
        let size = String(content.utf8.count, radix: 8)
        put(name, 0)
        put("0000644", 100)
        put("0000000", 108)
        put("0000000", 116)
        put(String(repeating: "0", count: 11 - size.count) + size, 124)
        put("00000000001", 136)
        put("        ", 148)
        put("0", 156)
        put("ustar\u{0}00", 257)
        let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
        put(String(repeating: "0", count: 6 - sum.count) + sum + "\u{0} ", 148)
        bytes += header + Array(content.utf8)
        bytes += [UInt8](repeating: 0, count: (512 - content.utf8.count % 512) % 512)
    }
    return bytes + [UInt8](repeating: 0, count: 1024)
}

/// A program that ends with its owner.
final class Service: @unchecked Sendable {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    init(_ path: String, _ arguments: [String]) throws {
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }

    /// The first number it prints.
    func port() throws -> Int {
        let text = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        return try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }
}

/// The registry that misbehaves.
struct UnrulyRegistry {
    let service: Service
    let port: Int

    init() throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("unruly-registry.py").path
        service = try Service("/usr/bin/env", ["python3", script])
        port = try service.port()
    }

    func name(_ repository: String) throws -> Reference { try Reference("127.0.0.1:\(port)/\(repository)") }

    struct Request: Equatable {
        let port: Int
        let path: String
        let authorization: String
        let range: String
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
