import Glibc
import HTTP
import NIOCore
import Testing

/// Time limits for a client that sends its request too slowly.
@Suite struct TimeLimitTests {
    private static let limits = {
        var limits = HTTPLimits()
        limits.headTime = .milliseconds(200)
        limits.bodyTime = .milliseconds(200)
        limits.pieceTime = .milliseconds(200)
        limits.sweepInterval = .milliseconds(50)
        return limits
    }()

    /// Sends `head`, then single bytes until the server closes the connection, for at most ten seconds.
    private func refusesToWait(for head: String) async throws {
        try await Fixture.with(limits: Self.limits, handler: HTTPServerTests.echo) { fixture in
            let answer = try await fixture.client { client in
                try client.send(head)
                for _ in 0..<1000 {
                    usleep(10_000)
                    if (try? client.send("x")) == nil { break }
                }
                client.finish()
                return client.receiveAll()
            }
            #expect(answer.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"), "\(answer.prefix(100))")
            #expect(answer.contains("Connection: close\r\n"))
        }
    }

    @Test func timesOutSlowHead() async throws {
        try await refusesToWait(for: "GET / HTTP/1.1\r\nHost: d\r\nX-Long: ")
    }

    @Test func timesOutSlowDocument() async throws {
        try await refusesToWait(for: "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 1048000\r\n\r\n")
    }

    @Test func timesOutStalledStream() async throws {
        try await Fixture.with(
            limits: Self.limits,
            handler: { request, responder in
                for try await _ in request.body {}
                try await responder.respond(.ok)
            }
        ) { fixture in
            let answer = try await fixture.exchange("POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\n\r\nabc")
            #expect(answer.hasPrefix("HTTP/1.1 408 "), "\(answer)")
        }
    }

    /// Time spent in the server's handler does not count against the client.
    @Test func handlerTimeDoesNotCount() async throws {
        try await Fixture.with(
            limits: Self.limits,
            handler: { request, responder in
                var count = 0
                for try await piece in request.body {
                    count += piece.readableBytes
                    try await Task.sleep(for: .milliseconds(400))
                }
                try await responder.respond(.ok, body: ByteBuffer(string: "\(count)"))
            }
        ) { fixture in
            let answer = try await fixture.exchange(
                "POST / HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: 5\r\n\r\nabcde")
            #expect(answer.hasSuffix("\r\n\r\n5"), "\(answer)")
        }
    }
}
