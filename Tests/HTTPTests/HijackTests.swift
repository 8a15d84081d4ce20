import Glibc
import HTTP
import Linux
import NIOCore
import Synchronization
import Testing

private let upgrade = "Host: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"

@Suite struct HijackTests {
    /// Echoes until the client closes its direction, then sends a final message.
    static let echo: HTTPHandler = { request, responder in
        let bytes = try await request.body.collect(limit: 1 << 20)
        let connection = try await responder.hijack(["Content-Type": "application/vnd.docker.raw-stream"])
        try await connection.write(ByteBuffer(bytes: bytes))
        while let piece = try await connection.read() { try await connection.write(piece) }
        try await connection.write(ByteBuffer(string: "|end"))
        try await connection.finish()
    }

    @Test func upgradesWithoutBodyAndKeepsEarlyBytes() async throws {
        try await Fixture.with(handler: Self.echo) { fixture in
            let answer = try await fixture.exchange("POST /attach HTTP/1.1\r\n\(upgrade)\r\nearly", ends: true)
            #expect(
                answer
                    == "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
                    + "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly|end")
        }
    }

    @Test(arguments: [
        "Content-Length: 6\r\n\r\n{json}early", "Transfer-Encoding: chunked\r\n\r\n6\r\n{json}\r\n0\r\n\r\nearly",
    ])
    func upgradesWithABody(rest: String) async throws {
        try await Fixture.with(handler: Self.echo) { fixture in
            let answer = try await fixture.exchange("POST /exec HTTP/1.1\r\n\(upgrade)\(rest)", ends: true)
            #expect(answer.hasPrefix("HTTP/1.1 101 UPGRADED\r\n"))
            #expect(answer.hasSuffix("\r\n\r\n{json}early|end"))
        }
    }

    @Test func hijacksWithoutUpgrade() async throws {
        try await Fixture.with(handler: Self.echo) { fixture in
            let answer = try await fixture.exchange(
                "POST /exec HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}later", ends: true)
            #expect(
                answer == "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n{}later|end")
        }
    }

    @Test func deliversEverythingAfterHalfClose() async throws {
        try await Fixture.with(handler: { _, responder in
            let connection = try await responder.hijack()
            while try await connection.read() != nil {}
            for _ in 0..<512 { try await connection.write(ByteBuffer(repeating: 0x61, count: 64 * 1024)) }
            try await connection.finish()
        }) { fixture in
            let count = try await fixture.client { client in
                try client.send("POST / HTTP/1.1\r\n\(upgrade)\r\n")
                client.finish()
                _ = try client.receive(until: "\r\n\r\n")
                usleep(100_000)
                var count = 0
                while let piece = client.receive(), !piece.isEmpty { count += piece.count }
                return count
            }
            #expect(count == 512 * 64 * 1024)
        }
    }

    /// A handler that splices with one end of a local socket; `peer` uses the other end on its own thread.
    static func splicing(
        detachKeys: DetachKeys? = nil, ended: @escaping @Sendable (HijackedConnection.SpliceEnd) -> Void = { _ in },
        peer: @escaping @Sendable (Int32) -> Void
    ) -> HTTPHandler {
        { _, responder in
            let connection = try await responder.hijack()
            var pair: [Int32] = [-1, -1]
            try retrying("socketpair") {
                socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair)
            }
            let far = SharedDescriptor(Descriptor(owning: pair[1]))
            PeerThread { withExtendedLifetime(far) { peer(far.raw) } }.start()
            let near = Descriptor(owning: pair[0])
            ended(try await connection.splice(with: near, detachKeys: detachKeys))
        }
    }

    @Test func spliceForwardsDataAndHalfCloses() async throws {
        let handler = Self.splicing { number in
            var bytes = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(number, &bytes, bytes.count)
                if count <= 0 { break }
                _ = write(number, bytes, count)
            }
            _ = write(number, "|eof", 4)
            shutdown(number, Int32(SHUT_RDWR))
        }
        try await Fixture.with(handler: handler) { fixture in
            let answer = try await fixture.exchange("POST / HTTP/1.1\r\n\(upgrade)\r\nearly input", ends: true)
            #expect(answer.hasSuffix("\r\n\r\nearly input|eof"))
        }
    }

    @Test func spliceEndsWithLocalSide() async throws {
        let handler = Self.splicing { number in
            _ = write(number, "bye", 3)
            shutdown(number, Int32(SHUT_RDWR))
        }
        try await Fixture.with(handler: handler) { fixture in
            let answer = try await fixture.exchange("POST / HTTP/1.1\r\n\(upgrade)\r\nunread")
            #expect(answer.hasSuffix("\r\n\r\nbye"))
        }
    }

    @Test func spliceBlocksWritersOfSlowReaders() async throws {
        let blocked = Atomic(false)
        let handler = Self.splicing { number in
            let block = [UInt8](repeating: 0x62, count: 65536)
            var sent = 0
            // The client does not read yet: only socket and writer buffers can fill.
            var time = timeval(tv_sec: 0, tv_usec: 100_000)
            setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
            while true {
                let count = write(number, block, block.count)
                if count <= 0 { break }
                sent += count
            }
            #expect(sent < 3 << 20)
            blocked.store(true, ordering: .relaxed)
            time.tv_sec = 10
            setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
            while sent < 16 << 20 {
                let count = write(number, block, min(block.count, (16 << 20) - sent))
                if count <= 0 { break }
                sent += count
            }
            shutdown(number, Int32(SHUT_WR))
        }
        try await Fixture.with(handler: handler) { fixture in
            let count = try await fixture.client { client in
                try client.send("POST / HTTP/1.1\r\n\(upgrade)\r\n")
                _ = try client.receive(until: "\r\n\r\n")
                for _ in 0..<1000 where !blocked.load(ordering: .relaxed) { usleep(10_000) }
                var count = 0
                while let piece = client.receive(), !piece.isEmpty { count += piece.count }
                return count
            }
            #expect(count == 16 << 20)
        }
    }

    @Test func detachKeysEndSplice() async throws {
        try await confirmation { confirmed in
            let handler = Self.splicing(
                detachKeys: .standard,
                ended: { if $0 == .detached { confirmed() } },
                peer: { number in
                    var bytes = [UInt8](repeating: 0, count: 16)
                    let count = read(number, &bytes, 16)
                    #expect(Array(bytes[..<max(count, 0)]) == Array("ab".utf8))
                    // Detaching ends the stream.
                    #expect(read(number, &bytes, 16) == 0)
                })
            try await Fixture.with(handler: handler) { fixture in
                let answer = try await fixture.exchange("POST / HTTP/1.1\r\n\(upgrade)\r\nab\u{10}\u{11}cd")
                #expect(answer.hasSuffix("\r\n\r\n"))
            }
        }
    }

    @Test func spliceEndsWhenClientDisconnects() async throws {
        try await confirmation { confirmed in
            let handler = Self.splicing(
                ended: { if $0 == .clientGone { confirmed() } },
                peer: { number in
                    var byte: UInt8 = 0
                    #expect(read(number, &byte, 1) == 0)
                })
            try await Fixture.with(handler: handler) { fixture in
                _ = try await fixture.client { client in
                    try client.send("POST / HTTP/1.1\r\n\(upgrade)\r\n")
                    return try client.receive(until: "\r\n\r\n")
                }
                for _ in 0..<3000 where fixture.server.connectionCount > 0 {
                    try await Task.sleep(for: .milliseconds(10))
                }
                #expect(fixture.server.connectionCount == 0)
            }
        }
    }
}

/// A thread that may block.
private final class PeerThread: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }

    func start() {
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { raw in
                let box = Unmanaged<PeerThread>.fromOpaque(raw!).takeRetainedValue()
                box.body()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        pthread_detach(thread)
    }
}
