import HTTP
import NIOCore
import Testing

private func parse(_ text: String) throws -> RequestHead? {
    var parser = RequestHeadParser(limit: 65536)
    var buffer = ByteBuffer(string: text)
    return try parser.parse(&buffer)
}

@Suite struct RequestHeadTests {
    @Test func parsesRequestLineAndFields() throws {
        let head = try #require(
            try parse("POST /v1.43/images/a%2Fb/tag?repo=x%20y&tag=a+b&flag HTTP/1.1\r\nHost: d\r\nx-a:  1 \r\n\r\n"))
        #expect(head.method == "POST")
        #expect(head.target.path == "/v1.43/images/a/b/tag")
        #expect(head.target["repo"] == "x y")
        #expect(head.target["tag"] == "a b")
        #expect(head.target["flag"] == "")
        #expect(head.headers["X-A"] == "1")
        #expect(head.keepAlive)
        #expect(head.framing == .none)
    }

    @Test(arguments: [
        ("http://host/a/b?c=d", "/a/b"), ("http://host", "/"), ("http://host?c=d", "/"), ("*", "*"), ("/", "/"),
    ])
    func readsEveryFormOfTarget(target: String, path: String) throws {
        #expect(try parse("GET \(target) HTTP/1.1\r\nHost: d\r\n\r\n")?.target.path == path)
    }

    @Test func parsesByteByByte() throws {
        let text = "\r\nPUT /x HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\n\r\nabc"
        var parser = RequestHeadParser(limit: 65536)
        var buffer = ByteBuffer()
        var head: RequestHead?
        for byte in text.utf8 where head == nil {
            buffer.writeInteger(byte)
            if buffer.readableBytesView.elementsEqual([0x0D]) { continue }
            head = try parser.parse(&buffer)
        }
        #expect(head?.method == "PUT")
        #expect(head?.framing == .length(3))
        #expect(buffer.readableBytes == 0)
    }

    @Test func keepsBytesAfterHead() throws {
        var parser = RequestHeadParser(limit: 65536)
        var buffer = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: d\r\n\r\nearly")
        #expect(try parser.parse(&buffer) != nil)
        #expect(buffer == ByteBuffer(string: "early"))
        #expect(parser.isFresh)
    }

    @Test func closesOnHTTP10AndConnectionClose() throws {
        #expect(try parse("GET / HTTP/1.0\r\n\r\n")?.keepAlive == false)
        #expect(try parse("GET / HTTP/1.1\r\nHost: d\r\nConnection: x, Close\r\n\r\n")?.keepAlive == false)
    }

    static let malformed: [String] = [
        "GET /\r\n\r\n", "GET  / HTTP/1.1\r\nHost: d\r\n\r\n", "G(T / HTTP/1.1\r\nHost: d\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: d\r\n\r\n", " GET / HTTP/1.1\r\nHost: d\r\n\r\n", "GET / HTTQ/1.1\r\nHost: d\r\n\r\n",
        "GET nowhere HTTP/1.1\r\nHost: d\r\n\r\n", "GET /\u{7F} HTTP/1.1\r\nHost: d\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: d\r\n\r\n", "GET /%0 HTTP/1.1\r\nHost: d\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: d\r\n\r\n", "GET /%ff HTTP/1.1\r\nHost: d\r\n\r\n",
        // Line ends.
        "GET / HTTP/1.1\nHost: d\n\n", "GET / HTTP/1.1\r\nHost: d\n\r\n", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: d\r\r\n\r\n", "GET /\r HTTP/1.1\r\nHost: d\r\n\r\n",
        // Fields.
        "GET / HTTP/1.1\r\nHost : d\r\n\r\n", "GET / HTTP/1.1\r\nHost: d\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: d\r\nnothing\r\n\r\n", "GET / HTTP/1.1\r\nHost: d\r\n: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: d\r\nX: a\u{0}b\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        // Lengths that two servers could parse differently.
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 3, 3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: +3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: -3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 0x3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 3 3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding : chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}",
    ]

    @Test(arguments: malformed)
    func refusesMalformedHeads(text: String) {
        let error = #expect(throws: HTTPError.self) { try parse(text) }
        #expect(error?.status == .badRequest)
    }

    @Test(arguments: [
        ("POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: identity\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: d\r\n\r\n", 505), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("GET / HTTP/1.1\r\nHost: d\r\nExpect: 200-ok\r\n\r\n", 417),
    ])
    func refusesWhatItDoesNotSpeak(text: String, status: Int) {
        let error = #expect(throws: HTTPError.self) { try parse(text) }
        #expect(error?.status.code == status)
    }

    @Test func limitsHeadSize() {
        let field = "X: " + String(repeating: "a", count: 70_000) + "\r\n"
        #expect(throws: HTTPError.headTooLarge(limit: 65536)) { try parse("GET / HTTP/1.1\r\nHost: d\r\n" + field) }
        #expect(throws: HTTPError.headTooLarge(limit: 65536)) {
            try parse("GET / HTTP/1.1\r\nHost: d\r\n" + field + "\r\n")
        }
        let many = String(repeating: "a: b\r\n", count: 300)
        #expect(throws: HTTPError.self) { try parse("GET / HTTP/1.1\r\nHost: d\r\n" + many + "\r\n") }
    }

    /// Changing any single byte gives a head, an error or a wait for more, and no crash.
    @Test func survivesEveryByteAtEveryOffset() throws {
        let good = Array("POST /a?b=%20 HTTP/1.1\r\nHost: d\r\nContent-Length: 12\r\nConnection: close\r\n\r\n".utf8)
        for place in good.indices {
            for value in UInt8.min...UInt8.max {
                var bytes = good
                bytes[place] = value
                var parser = RequestHeadParser(limit: 65536)
                var buffer = ByteBuffer(bytes: bytes)
                do {
                    _ = try parser.parse(&buffer)
                } catch let error {
                    #expect(error.status.code >= 400)
                }
            }
        }
    }
}
