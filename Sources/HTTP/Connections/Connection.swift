internal import NIOCore

/// Serves one client: its requests, one after the other.
final class Connection: Sendable {
    let control: ConnectionControl
    let reader: ConnectionReader
    let writer: ConnectionWriter
    let limits: HTTPLimits

    init(_ control: ConnectionControl, _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, limits: HTTPLimits) {
        self.control = control
        self.limits = limits
        reader = ConnectionReader(inbound)
        writer = ConnectionWriter(control.channel, barrier: limits.flushBarrier)
    }

    /// Returns when the connection is to be closed.
    func serve(_ handler: HTTPHandler) async {
        do {
            while try await serveOne(handler) {}
        } catch let error as HTTPError where error != .clientGone && error != .truncated {
            await refuse(error)
        } catch {
            // The connection broke or was cancelled: no response can be sent.
        }
    }

    /// True when another request may follow.
    private func serveOne(_ handler: HTTPHandler) async throws -> Bool {
        control.enter(.waiting)
        control.wait(limits.idleTime)
        let head = try await reader.nextHead(limit: limits.head) { control.wait(limits.headTime, forRequest: true) }
        guard let head, !Task.isCancelled else { return false }
        control.waitForever()
        control.enter(.handling)
        let body = HTTPBody(head, self)
        let responder = HTTPResponder(head, body, self)
        do {
            try await handler(HTTPRequest(head: head, body: body, isLocal: control.isLocal), responder)
        } catch {
            guard responder.isFresh else {
                // Cut the connection, so that the client does not take a partial response for a whole one.
                control.cut()
                return false
            }
            if let error = error as? HTTPError, error.status.code < 500 { throw error }
            try await responder.respond(.internalServerError, body: ByteBuffer(string: "internal error\n"))
        }
        return try await settle(responder, body)
    }

    private func settle(_ responder: HTTPResponder, _ body: HTTPBody) async throws -> Bool {
        switch responder.progress {
        case .fresh:
            try await responder.respond(.internalServerError, body: ByteBuffer(string: "no answer\n"))
        case .hijacked:
            try await linger()
            return false
        case .streaming(let stream):
            try await stream.finish()
        case .answered:
            break
        }
        guard responder.keepsAlive, !control.isClosing else {
            if body.isAtEnd {
                try await writer.flush()
            } else {
                try await linger()
            }
            return false
        }
        control.wait(limits.headTime)
        // The response has been sent; a malformed rest of the body only ends the connection.
        guard (try? await body.drain(limit: limits.drain)) == true else {
            try await linger()
            return false
        }
        return true
    }

    /// Answers a malformed request and ends the connection, because the start of the next request is unknown.
    private func refuse(_ error: HTTPError) async {
        let text = "\(error)\n"
        let head =
            "HTTP/1.1 \(error.status)\r\nContent-Type: text/plain; charset=utf-8\r\n"
            + "Content-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n"
        try? await writer.write(ByteBuffer(string: head + text))
        try? await linger()
    }

    /// Closes the sending side and keeps reading for a while: closing with unread bytes would reset the connection and could
    /// discard the response.
    private func linger() async throws {
        control.enter(.lingering)
        control.wait(limits.lingerTime)
        try await writer.finish()
        while try await reader.nextPiece() != nil {}
    }
}
