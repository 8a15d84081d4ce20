/// One request as its handler sees it.
package struct HTTPRequest: Sendable {
    package let head: RequestHead
    package let body: HTTPBody
    /// Received on a unix socket.
    package let isLocal: Bool

    package var method: String { head.method }
    package var target: RequestTarget { head.target }
    /// Decoded, without the query.
    package var path: String { head.target.path }
    package var headers: HTTPHeaders { head.headers }
}

/// Handles one request. An error before the response has begun becomes a plain 500; after that the connection is cut, so that the
/// client notices the incomplete response. The task is cancelled when the client disconnects.
package typealias HTTPHandler = @Sendable (HTTPRequest, HTTPResponder) async throws -> Void
