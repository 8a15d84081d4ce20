/// Limits of one connection. Sizes in bytes.
package struct HTTPLimits: Sendable {
    /// Request line and headers together.
    package var head = 64 * 1024
    /// How much of an unread body is read and discarded, so that the connection can be reused.
    package var drain = 256 * 1024
    /// Written bytes after which a writer waits for the kernel.
    package var flushBarrier = 256 * 1024
    /// Open connections; further ones are closed at once.
    package var connections = 4096
    /// From a request's first byte to the end of its headers.
    package var headTime: Duration = .seconds(30)
    /// For receiving a whole document.
    package var bodyTime: Duration = .seconds(60)
    /// Between two pieces of a streamed body. Long, because the sender of an archive may pause.
    package var pieceTime: Duration = .seconds(900)
    /// Between two requests.
    package var idleTime: Duration = .seconds(300)
    /// For the client to read the last response before the connection is cut.
    package var lingerTime: Duration = .seconds(3)
    /// How often overdue connections are searched for.
    package var sweepInterval: Duration = .seconds(5)

    package init() {}
}
