import Glibc
import HTTP
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A queue for blocking clients, separate from the server's tasks.
private let clients = {
    let pool = NIOThreadPool(numberOfThreads: 16)
    pool.start()
    return pool
}()

/// A server with its own socket for one test.
struct Fixture: Sendable {
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private static let count = Atomic(0)

    let path: String
    let server: HTTPServer

    static func with(
        limits: HTTPLimits = HTTPLimits(), handler: @escaping HTTPHandler,
        _ body: @Sendable (Fixture) async throws -> Void
    ) async throws {
        let number = count.wrappingAdd(1, ordering: .relaxed).newValue
        let path = "/tmp/gantry-http-\(getpid())-\(number).sock"
        let server = HTTPServer(group: group, limits: limits, handler: handler)
        try await server.serve(try ListeningSocket.unix(path))
        let outcome = await Result { try await body(Fixture(path: path, server: server)) }
        await server.shutdown(grace: .seconds(30))
        #expect(access(path, F_OK) != 0)
        try outcome.get()
    }

    /// Runs `body` with a connected client on a thread that may block.
    func client<T: Sendable>(_ body: @escaping @Sendable (Client) throws -> T) async throws -> T {
        let path = path
        return try await clients.runIfActive { try body(Client(path)) }
    }

    /// Sends `text`, closes the client's direction when `ends`, and returns everything received.
    func exchange(_ text: String, ends: Bool = false) async throws -> String {
        try await client { client in
            try client.send(text)
            if ends { client.finish() }
            return client.receiveAll()
        }
    }
}

extension Result where Failure == any Error {
    init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}

/// A blocking client with a timeout of a minute.
final class Client {
    struct Failed: Error {}

    let number: Int32

    init(_ path: String) throws {
        number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(number, $0, length) }
        }
        guard result == 0 else { throw Failed() }
        var time = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(number) }

    func send(_ text: String) throws {
        try send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(number, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failed() }
            sent += count
        }
    }

    /// Closes the client's direction.
    func finish() {
        shutdown(number, Int32(SHUT_WR))
    }

    /// The next bytes; empty at the end, nil on a broken connection or a timeout.
    func receive(_ limit: Int = 65536) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = recv(number, &bytes, limit, 0)
        return count < 0 ? nil : Array(bytes[..<count])
    }

    func receiveAll() -> String {
        var all: [UInt8] = []
        while let piece = receive() {
            if piece.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += piece
        }
        return String(decoding: all, as: UTF8.self) + "<broken>"
    }

    /// Reads until `mark` was received.
    func receive(until mark: String) throws -> String {
        var all = ""
        while !all.contains(mark) {
            guard let piece = receive(1), !piece.isEmpty else { throw Failed() }
            all += String(decoding: piece, as: UTF8.self)
        }
        return all
    }
}
