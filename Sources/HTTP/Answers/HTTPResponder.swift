package import NIOCore
internal import Synchronization

/// The response to one request: exactly one of ``respond(_:_:body:)``, ``stream(_:_:)`` and ``hijack(_:upgradingTo:)``.
package final class HTTPResponder: Sendable {
    enum Progress: Sendable {
        case fresh
        case streaming(HTTPStream)
        case hijacked(HijackedConnection)
        case answered
    }

    private struct State {
        var progress = Progress.fresh
        var keepsAlive: Bool
        var common = HTTPHeaders()
    }

    private let head: RequestHead
    private let body: HTTPBody
    private let connection: Connection
    private let state: Mutex<State>

    init(_ head: RequestHead, _ body: HTTPBody, _ connection: Connection) {
        self.head = head
        self.body = body
        self.connection = connection
        state = Mutex(State(keepsAlive: head.keepAlive))
    }

    /// Sets header fields for every later response to this request.
    package func setCommonHeaders(_ headers: HTTPHeaders) {
        state.withLock { $0.common = headers }
    }

    /// Nothing has been sent yet.
    package var isFresh: Bool {
        state.withLock { if case .fresh = $0.progress { true } else { false } }
    }

    /// Sends a whole response. For HEAD only the headers, with the length of the body.
    package func respond(_ status: HTTPStatus, _ headers: HTTPHeaders = [:], body: ByteBuffer? = nil) async throws {
        try advance(to: .answered)
        var headers = headers
        let length = body?.readableBytes ?? 0
        if !status.forbidsBody { headers.set("Content-Length", "\(length)") }
        var buffer = headBuffer(status, headers, bodyBytes: length)
        if head.method != "HEAD", !status.forbidsBody, var body { buffer.writeBuffer(&body) }
        try await connection.writer.write(buffer)
    }

    /// Sends the head at once; the body follows in pieces.
    package func stream(_ status: HTTPStatus, _ headers: HTTPHeaders = [:]) async throws -> HTTPStream {
        let silent = head.method == "HEAD" || status.forbidsBody
        let framing: HTTPStream.Framing = silent ? .none : head.minorVersion == 1 ? .chunked : .untilClose
        let stream = HTTPStream(framing, connection.writer)
        try advance(to: .streaming(stream))
        var headers = headers
        if framing == .chunked { headers.set("Transfer-Encoding", "chunked") }
        if framing == .untilClose { state.withLock { $0.keepsAlive = false } }
        connection.control.enter(.streaming)
        try await connection.writer.write(headBuffer(status, headers, bodyBytes: 0))
        return stream
    }

    /// Hijacks the connection: reads the body to its end, sends `101 UPGRADED` when the client asked to upgrade and `200 OK`
    /// otherwise, and returns the raw byte stream, beginning with bytes already received.
    ///
    /// Returns only after the client has read the head: docker-py reads the head through a buffer and the stream past it, and
    /// loses stream bytes that arrive together with the head.
    package func hijack(
        _ headers: HTTPHeaders = [:], upgradingTo token: String = "tcp"
    ) async throws -> HijackedConnection {
        guard try await body.drain(limit: connection.limits.drain) else {
            throw HTTPError.bodyTooLarge(limit: connection.limits.drain)
        }
        let hijacked = HijackedConnection(connection)
        try advance(to: .hijacked(hijacked))
        connection.control.enter(.hijacked)
        let upgrades = head.headers.contains("Upgrade")
        var text = upgrades ? "HTTP/1.1 101 UPGRADED\r\n" : "HTTP/1.1 200 OK\r\n"
        for (name, value) in merged(headers).fields { text += "\(name): \(printable(value))\r\n" }
        if upgrades { text += "Connection: Upgrade\r\nUpgrade: \(token)\r\n" }
        try await connection.writer.write(ByteBuffer(string: text + "\r\n"))
        try await connection.writer.flush()
        await connection.control.waitUntilRead(within: .milliseconds(250))
        return hijacked
    }

    /// The progress of the response, for the connection.
    var progress: Progress { state.withLock { $0.progress } }

    /// The head that was sent allows another request.
    var keepsAlive: Bool { state.withLock { $0.keepsAlive } }

    private func advance(to next: Progress) throws {
        // The connection is reused only if the rest of the body can be read and discarded.
        let unread = body.isWithheld || (body.remainingLength ?? 0) > connection.limits.drain
        let closing = connection.control.isClosing
        try state.withLock { state in
            guard case .fresh = state.progress else { throw HTTPError.misuse("a request is answered once") }
            state.progress = next
            if unread || closing { state.keepsAlive = false }
        }
    }

    private func merged(_ headers: HTTPHeaders) -> HTTPHeaders {
        var all = state.withLock { $0.common }
        for (name, value) in headers.fields { all.set(name, value) }
        return all
    }

    private func headBuffer(_ status: HTTPStatus, _ headers: HTTPHeaders, bodyBytes: Int) -> ByteBuffer {
        var buffer = connection.control.channel.allocator.buffer(capacity: 384 + bodyBytes)
        buffer.writeString("HTTP/1.1 \(status.code) \(status.reason)\r\n")
        for (name, value) in merged(headers).fields {
            buffer.writeString(name)
            buffer.writeStaticString(": ")
            buffer.writeString(printable(value))
            buffer.writeStaticString("\r\n")
        }
        buffer.writeStaticString("Date: ")
        buffer.writeString(HTTPDate.now())
        buffer.writeStaticString(keepsAlive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n")
        return buffer
    }

    /// Removes line ends from a header value.
    private func printable(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return value }
        return String(decoding: value.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }, as: UTF8.self)
    }
}
