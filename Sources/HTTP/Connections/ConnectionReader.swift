internal import NIOCore
internal import Synchronization

/// Reads the bytes of one connection in order, one reader at a time.
///
/// `@unchecked Sendable`: iterator and buffer are used only between `enter` and `leave`, which refuse a second reader.
final class ConnectionReader: @unchecked Sendable {
    private var iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var buffer = ByteBuffer()
    private var atEnd = false
    private let busy = Atomic(false)

    init(_ stream: NIOAsyncChannelInboundStream<ByteBuffer>) {
        iterator = stream.makeAsyncIterator()
    }

    /// The next request head, or nil when the client closed the connection between requests.
    func nextHead(limit: Int, onFirstByte: () -> Void) async throws -> RequestHead? {
        try enter()
        defer { leave() }
        var parser = RequestHeadParser(limit: limit)
        while true {
            if buffer.readableBytes > 0 {
                if parser.isFresh { onFirstByte() }
                if let head = try parser.parse(&buffer) {
                    releaseIfEmpty()
                    return head
                }
            }
            guard try await receive() else {
                if buffer.readableBytes == 0 { return nil }
                throw HTTPError.truncated
            }
        }
    }

    /// The next bytes, at most `limit`; nil at the end of the connection.
    func nextPiece(limit: Int = .max) async throws -> ByteBuffer? {
        try enter()
        defer { leave() }
        if buffer.readableBytes == 0 {
            guard try await receive() else { return nil }
        }
        let piece = buffer.readSlice(length: min(limit, buffer.readableBytes))
        releaseIfEmpty()
        return piece
    }

    /// The next data of a chunked body; nil at its end.
    func nextChunk(_ decoder: inout ChunkedDecoder) async throws -> ByteBuffer? {
        try enter()
        defer { leave() }
        while true {
            switch try decoder.step(&buffer) {
            case .data(let piece):
                releaseIfEmpty()
                return piece
            case .end:
                releaseIfEmpty()
                return nil
            case .needsMore:
                guard try await receive() else { throw HTTPError.truncated }
            }
        }
    }

    private func enter() throws {
        guard busy.exchange(true, ordering: .acquiring) == false else {
            throw HTTPError.misuse("two readers on one connection")
        }
    }

    private func leave() {
        busy.store(false, ordering: .releasing)
    }

    /// Waits for bytes; false at the end.
    private func receive() async throws -> Bool {
        if atEnd { return false }
        while let piece = try await iterator.next() {
            if piece.readableBytes == 0 { continue }
            if buffer.readableBytes == 0 {
                buffer = piece
            } else {
                buffer.writeImmutableBuffer(piece)
            }
            return true
        }
        atEnd = true
        return false
    }

    /// Releases the buffer of an idle connection.
    private func releaseIfEmpty() {
        if buffer.readableBytes == 0 { buffer = ByteBuffer() }
    }
}
