package import NIOCore

/// A connection taken over from HTTP: raw bytes in both directions, each closed separately.
package final class HijackedConnection: Sendable {
    let connection: Connection

    init(_ connection: Connection) {
        self.connection = connection
    }

    /// The next bytes from the client, beginning with those received before the hijack; nil when it closed its direction. One
    /// reader at a time.
    package func read() async throws -> ByteBuffer? {
        try await connection.reader.nextPiece()
    }

    /// Sends bytes; waits while the client is slow.
    package func write(_ bytes: ByteBuffer) async throws {
        try await connection.writer.write(bytes)
    }

    /// Waits until the kernel has all written bytes, then closes the sending side.
    package func finish() async throws {
        try await connection.writer.finish()
    }

    /// The client closed the whole connection, or it broke.
    package var isClosed: Bool { !connection.control.channel.isActive }

    /// Succeeds when both directions are closed. The end of ``read()`` alone is only the client's half-close.
    package var closeFuture: EventLoopFuture<Void> { connection.control.channel.closeFuture }
}
