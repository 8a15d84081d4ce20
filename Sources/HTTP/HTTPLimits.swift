/// What one connection may cost. Sizes in bytes.
package struct HTTPLimits: Sendable {
    /// Request line and headers together.
    package var head = 64 * 1024
    /// What is read and thrown away of a body nobody wanted, so that the connection can be used again.
    package var drain = 256 * 1024
    /// Written bytes after which a writer waits until the kernel has them all.
    package var flushBarrier = 256 * 1024
    /// Open connections; more are closed at once.
    package var connections = 4096
    /// From a request's first byte to the end of its headers.
    package var headTime: Duration = .seconds(30)
    /// For a whole body that is collected: a document.
    package var bodyTime: Duration = .seconds(60)
    /// Between two pieces of a body that is streamed: an archive, whose sender may have to think.
    package var pieceTime: Duration = .seconds(900)
    /// Between two requests.
    package var idleTime: Duration = .seconds(300)
    /// For the client to take the last answer before the connection is cut.
    package var lingerTime: Duration = .seconds(3)
    /// How often overdue connections are looked for.
    package var sweepInterval: Duration = .seconds(5)

    package init() {}
}
