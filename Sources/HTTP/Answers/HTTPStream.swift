package import NIOCore
internal import Synchronization

/// A response body sent in pieces; each piece is sent at once.
package final class HTTPStream: Sendable {
    enum Framing: Sendable {
        case none
        case chunked
        case untilClose
    }

    private let framing: Framing
    private let writer: ConnectionWriter
    private let finished = Atomic(false)

    init(_ framing: Framing, _ writer: ConnectionWriter) {
        self.framing = framing
        self.writer = writer
    }

    /// Waits while the client is slow; throws ``HTTPError/clientGone`` when it has disconnected.
    package func write(_ piece: ByteBuffer) async throws {
        guard !finished.load(ordering: .relaxed) else { throw HTTPError.misuse("written after the end") }
        guard piece.readableBytes > 0 else { return }
        switch framing {
        case .none: return
        case .untilClose: try await writer.write(piece)
        case .chunked:
            var buffer = ByteBufferAllocator().buffer(capacity: piece.readableBytes + 20)
            buffer.writeString(String(piece.readableBytes, radix: 16))
            buffer.writeStaticString("\r\n")
            buffer.writeImmutableBuffer(piece)
            buffer.writeStaticString("\r\n")
            try await writer.write(buffer)
        }
    }

    package func write(_ bytes: [UInt8]) async throws {
        try await write(ByteBuffer(bytes: bytes))
    }

    /// Ends the body; a second call has no effect.
    package func finish() async throws {
        guard finished.exchange(true, ordering: .relaxed) == false else { return }
        if framing == .chunked { try await writer.write(ByteBuffer(string: "0\r\n\r\n")) }
    }
}
