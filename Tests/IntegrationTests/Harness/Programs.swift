import Foundation
import Testing

/// Where things are. `GANTRY_TEST_ENGINE=docker` runs the same expectations against Debian's Docker Engine, which shows
/// that they are true of Docker.
enum Programs {
    static let root: String = {
        var path = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { path.deleteLastPathComponent() }
        return path.path
    }()
    static let engine = ProcessInfo.processInfo.environment["GANTRY_TEST_ENGINE"] ?? "gantry"
    static var isGantry: Bool { engine == "gantry" }
    static let binaries = ProcessInfo.processInfo.environment["GANTRY_TEST_BINARIES"] ?? root + "/.build/release"
    static let python = root + "/.venv/bin/python"
    static let fixtures = root + "/Tests/IntegrationTests/Fixtures"

    /// The official command line: the machine's, or the one `scripts/need` took out of Debian's package.
    static let docker: String = {
        let found = (try? command(["sh", "-c", "command -v docker"]))?.trimmed ?? ""
        return found.isEmpty ? root + "/.tools/docker" : found
    }()

    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
    static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
}

/// A command line that drives a daemon: ours, and the official one.
enum Client: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case gantry, docker

    /// What this run tests: against Docker's own daemon only Docker's command line makes sense.
    static let all: [Client] = Programs.isGantry ? [.gantry, .docker] : [.docker]
    static var first: Client { all[0] }

    var program: String { self == .gantry ? Programs.binaries + "/gantry" : Programs.docker }
    var testDescription: String { rawValue }
}

/// A directory of the test's own that goes with it.
struct Scratch: ~Copyable {
    let path: String

    init(_ name: String = "test") throws {
        path = try succeed(["mktemp", "-d", "/tmp/gantry-\(name)-XXXXXX"])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws -> String {
        let file = path + "/" + name
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        return file
    }
}

/// A port of 127.0.0.1 that nobody listens on now.
func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
        }
    }
    guard code == 0 else { throw HarnessError("no free port: errno \(errno)") }
    return Int(UInt16(bigEndian: address.sin_port))
}
