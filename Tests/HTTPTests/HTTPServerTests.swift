import Glibc
import HTTP
import NIOCore
import Synchronization
import Testing

private let host = "Host: d\r\n"

private func body(_ answer: String) -> String {
    guard let range = answer.range(of: "\r\n\r\n") else { return "" }
    return String(answer[range.upperBound...])
}

extension String {
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<(index(start, offsetBy: text.count)) }
            start = index(after: start)
        }
        return nil
    }
}

@Suite struct HTTPServerTests {
    /// Responds with the method, the path and the body.
    static let echo: HTTPHandler = { request, responder in
        let bytes = try await request.body.collect(limit: 1 << 20)
        var buffer = ByteBuffer(string: "\(request.method) \(request.path) ")
        buffer.writeBytes(bytes)
        try await responder.respond(.ok, body: buffer)
    }

    @Test func answersPipelinedRequestsInOrder() async throws {
        try await Fixture.with(handler: Self.echo) { fixture in
            let answer = try await fixture.exchange(
                "GET /a HTTP/1.1\r\n\(host)\r\nPOST /b HTTP/1.1\r\n\(host)Content-Length: 3\r\n\r\nxyz"
                    + "POST /c HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n1\r\ny\r\n0\r\n\r\n"
                    + "GET /d HTTP/1.1\r\n\(host)Connection: close\r\n\r\nGET /e HTTP/1.1\r\n\(host)\r\n")
            let places = ["GET /a ", "POST /b xyz", "POST /c hey", "GET /d "].compactMap { answer.range(of: $0) }
            #expect(places.count == 4)
            #expect(places.map(\.lowerBound) == places.map(\.lowerBound).sorted())
            #expect(!answer.contains("/e"))
        }
    }

    @Test func headHasNoBody() async throws {
        try await Fixture.with(handler: Self.echo) { fixture in
            let answer = try await fixture.exchange("HEAD /abc HTTP/1.1\r\n\(host)Connection: close\r\n\r\n")
            #expect(answer.contains("Content-Length: 10\r\n"))
            #expect(body(answer) == "")
        }
    }

    @Test func answersHalfClosedClient() async throws {
        try await Fixture.with(handler: { request, responder in
            try await Task.sleep(for: .milliseconds(50))
            let stream = try await responder.stream(.ok)
            try await Task.sleep(for: .milliseconds(50))
            try await stream.write([0x68, 0x69])
        }) { fixture in
            let answer = try await fixture.exchange("GET /a HTTP/1.1\r\n\(host)\r\n", ends: true)
            #expect(answer.hasSuffix("2\r\nhi\r\n0\r\n\r\n"))
        }
    }

    @Test func streamsToHTTP10ClientUntilClose() async throws {
        try await Fixture.with(handler: { _, responder in
            let stream = try await responder.stream(.ok)
            try await stream.write(ByteBuffer(string: "one "))
            try await stream.write(ByteBuffer(string: "two"))
        }) { fixture in
            let answer = try await fixture.exchange("GET / HTTP/1.0\r\n\r\n")
            #expect(body(answer) == "one two")
            #expect(answer.contains("Connection: close"))
        }
    }

    @Test func sendsContinueOnlyWhenBodyIsRead() async throws {
        try await Fixture.with(handler: { request, responder in
            if request.path == "/no" {
                try await responder.respond(.forbidden)
            } else {
                try await Self.echo(request, responder)
            }
        }) { fixture in
            let head = "HTTP/1.1\r\n\(host)Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            let wanted = try await fixture.client { client in
                try client.send("POST /yes \(head)")
                let first = try client.receive(until: "\r\n\r\n")
                try client.send("ok")
                client.finish()
                return first + client.receiveAll()
            }
            #expect(wanted.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"))
            #expect(wanted.hasSuffix("POST /yes ok"))
            let refused = try await fixture.exchange("POST /no \(head)")
            #expect(refused.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
            #expect(refused.contains("Connection: close\r\n"))
        }
    }

    @Test(arguments: [
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nGET /smuggled HTTP/1.1\r\nHost: d\r\n\r\n",
        "GET / HTTP/1.1\nHost: d\n\nGET /smuggled HTTP/1.1\nHost: d\n\n",
    ])
    func answersNothingAfterABrokenRequest(text: String) async throws {
        try await Fixture.with(handler: Self.echo) { fixture in
            let answer = try await fixture.exchange(text, ends: true)
            #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(!answer.contains("smuggled"))
        }
    }

    @Test func deliversEarlyResponseToSendingClient() async throws {
        try await Fixture.with(handler: { _, responder in
            try await responder.respond(.notFound, body: ByteBuffer(string: "no such thing"))
        }) { fixture in
            let small = try await fixture.exchange(
                "POST /a HTTP/1.1\r\n\(host)Content-Length: 5\r\n\r\nhello"
                    + "GET /b HTTP/1.1\r\n\(host)Connection: close\r\n\r\n")
            #expect(small.split(separator: "no such thing", omittingEmptySubsequences: false).count == 3)
            let large = try await fixture.client { client in
                try client.send("POST /a HTTP/1.1\r\n\(host)Content-Length: 9000000\r\n\r\n")
                try? client.send([UInt8](repeating: 0x78, count: 300_000))
                client.finish()
                return client.receiveAll()
            }
            #expect(large.hasSuffix("no such thing"))
            #expect(large.contains("Connection: close\r\n"))
        }
    }

    @Test func cutsIncompleteResponse() async throws {
        struct Broken: Error {}
        try await Fixture.with(handler: { request, responder in
            if request.path == "/early" { throw Broken() }
            let stream = try await responder.stream(.ok)
            try await stream.write(ByteBuffer(string: "half"))
            throw Broken()
        }) { fixture in
            let late = try await fixture.exchange("GET / HTTP/1.1\r\n\(host)\r\n")
            #expect(!late.contains("0\r\n\r\n"))
            let early = try await fixture.exchange("GET /early HTTP/1.1\r\n\(host)Connection: close\r\n\r\n")
            #expect(early.hasPrefix("HTTP/1.1 500 "))
        }
    }

    @Test func cancelsHandlerOfDisconnectedClient() async throws {
        let ended = Mutex(0)
        try await Fixture.with(handler: { _, responder in
            defer { ended.withLock { $0 += 1 } }
            _ = try await responder.stream(.ok)
            try await Task.sleep(for: .seconds(60))
        }) { fixture in
            _ = try await fixture.client { client in
                try client.send("GET / HTTP/1.1\r\n\(host)\r\n")
                return try client.receive(until: "\r\n\r\n")
            }
            for _ in 0..<3000 where ended.withLock({ $0 }) == 0 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(ended.withLock { $0 } == 1)
        }
    }

    @Test func slowReaderBlocksProducer() async throws {
        let sent = Atomic(0)
        try await Fixture.with(handler: { _, responder in
            let stream = try await responder.stream(.ok)
            let piece = ByteBuffer(repeating: 0x61, count: 64 * 1024)
            for _ in 0..<1024 {
                try await stream.write(piece)
                sent.wrappingAdd(piece.readableBytes, ordering: .relaxed)
            }
        }) { fixture in
            let total = try await fixture.client { client in
                try client.send("GET / HTTP/1.1\r\n\(host)Connection: close\r\n\r\n")
                _ = try client.receive(until: "\r\n\r\n")
                usleep(300_000)
                #expect(sent.load(ordering: .relaxed) < 2 << 20)
                var count = 0
                while let piece = client.receive(), !piece.isEmpty { count += piece.count }
                return count
            }
            #expect(total > 64 << 20)
        }
    }

    @Test func slowHandlerBlocksSender() async throws {
        try await Fixture.with(handler: { request, responder in
            try await Task.sleep(for: .milliseconds(500))
            var count = 0
            for try await piece in request.body { count += piece.readableBytes }
            try await responder.respond(.ok, body: ByteBuffer(string: "\(count)"))
        }) { fixture in
            let answer = try await fixture.client { client in
                try client.send("POST / HTTP/1.1\r\n\(host)Content-Length: 20000000\r\nConnection: close\r\n\r\n")
                var time = timeval(tv_sec: 0, tv_usec: 300_000)
                setsockopt(client.number, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
                let bytes = [UInt8](repeating: 0x78, count: 20_000_000)
                var taken = send(client.number, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                #expect(taken < 3 << 20)
                time.tv_sec = 10
                setsockopt(client.number, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
                if taken < 0 { taken = 0 }
                try client.send(Array(bytes[taken...]))
                return client.receiveAll()
            }
            #expect(body(answer) == "20000000")
        }
    }

    @Test func cutsSlowHeadsAndIdleConnections() async throws {
        var limits = HTTPLimits()
        limits.headTime = .milliseconds(200)
        limits.idleTime = .milliseconds(200)
        limits.sweepInterval = .milliseconds(50)
        try await Fixture.with(limits: limits, handler: Self.echo) { fixture in
            #expect(try await fixture.exchange("") == "")
            #expect(try await fixture.exchange("GET / HT").hasPrefix("HTTP/1.1 408 "))
            let answer = try await fixture.exchange("GET / HTTP/1.1\r\n\(host)\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK"))
        }
    }

    @Test func shutdownLetsRunningRequestFinish() async throws {
        try await Fixture.with(handler: { _, responder in
            try await Task.sleep(for: .milliseconds(300))
            try await responder.respond(.ok, body: ByteBuffer(string: "done"))
        }) { fixture in
            async let answer = fixture.exchange("GET / HTTP/1.1\r\n\(host)\r\n")
            try await Task.sleep(for: .milliseconds(100))
            await fixture.server.shutdown(grace: .seconds(5))
            #expect(try await answer.hasSuffix("done"))
            #expect(fixture.server.connectionCount == 0)
        }
    }

    @Test func replacesOnlyUnusedSocketFile() async throws {
        try await Fixture.with(handler: Self.echo) { fixture in
            let path = fixture.path
            #expect(throws: HTTPError.self) { try ListeningSocket.unix(path) }
            let stale = path + ".stale"
            let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(stale.utf8)) }
            let length = socklen_t(MemoryLayout<sockaddr_un>.size)
            withUnsafePointer(to: &address) { pointer in
                _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(number, $0, length) }
            }
            close(number)
            _ = try ListeningSocket.unix(stale)
            var state = stat()
            #expect(stat(stale, &state) == 0)
            #expect(state.st_mode & 0o777 == 0o660)
            unlink(stale)
        }
    }
}
