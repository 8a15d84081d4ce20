package import NIOCore

/// A connection taken out of HTTP: raw bytes both ways, each way ended on its own.
package final class HijackedConnection: Sendable {
    let connection: Connection

    init(_ connection: Connection) {
        self.connection = connection
    }

    /// The next bytes from the client, the early ones first; nil when it ended its direction. One reader at a time.
    package func read() async throws -> ByteBuffer? {
        try await connection.reader.nextPiece()
    }

    /// Sends bytes; waits when the client is slow.
    package func write(_ bytes: ByteBuffer) async throws {
        try await connection.writer.write(bytes)
    }

    /// Waits until all that was written is with the kernel, then ends our direction.
    package func finish() async throws {
        try await connection.writer.finish()
    }

    /// The client closed the whole connection, or it broke.
    package var isClosed: Bool { !connection.control.channel.isActive }

    /// Succeeds when the connection is closed in both directions. An end of ``read()`` alone is only the client's
    /// half-close.
    package var closeFuture: EventLoopFuture<Void> { connection.control.channel.closeFuture }
}
