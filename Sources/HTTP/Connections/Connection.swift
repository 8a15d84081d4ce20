internal import NIOCore

/// One client: its requests, one after the other.
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
            // The connection broke or was cancelled: there is nobody to tell.
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
                // Half an answer must not look whole.
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
        // The answer has gone: a body that turns out to be broken only ends the connection.
        guard (try? await body.drain(limit: limits.drain)) == true else {
            try await linger()
            return false
        }
        return true
    }

    /// Answers a request that broke the rules; where the next one would begin is unknown, so it is the last.
    private func refuse(_ error: HTTPError) async {
        let text = "\(error)\n"
        let head =
            "HTTP/1.1 \(error.status)\r\nContent-Type: text/plain; charset=utf-8\r\n"
            + "Content-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n"
        try? await writer.write(ByteBuffer(string: head + text))
        try? await linger()
    }

    /// Ends our direction and reads on for a while: closing with unread bytes would reset the connection and could
    /// cost the client the answer.
    private func linger() async throws {
        control.enter(.lingering)
        control.wait(limits.lingerTime)
        try await writer.finish()
        while try await reader.nextPiece() != nil {}
    }
}
