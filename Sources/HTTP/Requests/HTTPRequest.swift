/// One request as its handler sees it.
package struct HTTPRequest: Sendable {
    package let head: RequestHead
    package let body: HTTPBody
    /// It came over a unix socket.
    package let isLocal: Bool

    package var method: String { head.method }
    package var target: RequestTarget { head.target }
    /// Decoded, without the query.
    package var path: String { head.target.path }
    package var headers: HTTPHeaders { head.headers }
}

/// Answers one request. Throwing before an answer was begun gives a plain 500; afterwards the connection is cut,
/// so that the client sees that the answer is not whole. The task is cancelled when the client is gone.
package typealias HTTPHandler = @Sendable (HTTPRequest, HTTPResponder) async throws -> Void
