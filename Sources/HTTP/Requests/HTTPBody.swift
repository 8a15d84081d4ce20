package import NIOCore
internal import Synchronization

/// A request body, read piece by piece; unread bytes stay in the socket and slow down the client.
package final class HTTPBody: AsyncSequence, Sendable {
    package typealias Element = ByteBuffer

    private enum Rest: Sendable {
        case length(Int)
        case chunked(ChunkedDecoder)
        case end
    }

    private let reader: ConnectionReader
    private let writer: ConnectionWriter
    private let control: ConnectionControl
    private let limits: HTTPLimits
    private let rest: Mutex<Rest>
    private let owesContinue: Atomic<Bool>

    init(_ head: RequestHead, _ connection: Connection) {
        reader = connection.reader
        writer = connection.writer
        control = connection.control
        limits = connection.limits
        owesContinue = Atomic(head.expectsContinue && head.framing != .none)
        rest =
            switch head.framing {
            case .none: Mutex(.end)
            case .length(let count): Mutex(.length(count))
            case .chunked: Mutex(.chunked(ChunkedDecoder()))
            }
    }

    /// Everything has been read.
    package var isAtEnd: Bool {
        rest.withLock { if case .end = $0 { true } else { false } }
    }

    /// The length still to be read, if the client sent one.
    var remainingLength: Int? {
        rest.withLock {
            switch $0 {
            case .length(let count): count
            case .chunked: nil
            case .end: 0
            }
        }
    }

    /// The client waits for `100 Continue` and has not sent the body yet.
    var isWithheld: Bool { owesContinue.load(ordering: .relaxed) }

    /// The next piece; nil at the end. One reader at a time. A client that sends nothing for too long is disconnected.
    package func next() async throws -> ByteBuffer? {
        if isAtEnd { return nil }
        control.wait(limits.pieceTime, forRequest: true)
        defer { control.waitForever() }
        return try await receive()
    }

    private func receive() async throws -> ByteBuffer? {
        let current = rest.withLock { $0 }
        if case .end = current { return nil }
        if owesContinue.exchange(false, ordering: .relaxed) {
            try await writer.write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
        }
        switch current {
        case .length(let count):
            guard let piece = try await reader.nextPiece(limit: count) else { throw HTTPError.truncated }
            let left = count - piece.readableBytes
            rest.withLock { $0 = left == 0 ? .end : .length(left) }
            return piece
        case .chunked(var decoder):
            let piece = try await reader.nextChunk(&decoder)
            let next: Rest = piece == nil ? .end : .chunked(decoder)
            rest.withLock { $0 = next }
            return piece
        case .end:
            return nil
        }
    }

    /// The whole body; more than `limit` bytes throw ``HTTPError/bodyTooLarge(limit:)``.
    package func collect(limit: Int) async throws -> [UInt8] {
        if let length = remainingLength, length > limit { throw HTTPError.bodyTooLarge(limit: limit) }
        if isAtEnd { return [] }
        // One deadline for the whole body, so that a client cannot send a byte per minute.
        control.wait(limits.bodyTime, forRequest: true)
        defer { control.waitForever() }
        var bytes: [UInt8] = []
        while let piece = try await receive() {
            guard bytes.count + piece.readableBytes <= limit else { throw HTTPError.bodyTooLarge(limit: limit) }
            bytes += piece.readableBytesView
        }
        return bytes
    }

    /// Reads and discards the rest; false when it was more than `limit` bytes.
    func drain(limit: Int) async throws -> Bool {
        if let length = remainingLength, length > limit { return false }
        if isAtEnd { return true }
        control.wait(limits.bodyTime, forRequest: true)
        defer { control.waitForever() }
        var count = 0
        while let piece = try await receive() {
            count += piece.readableBytes
            if count > limit { return false }
        }
        return true
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        let body: HTTPBody

        package mutating func next() async throws -> ByteBuffer? {
            try await body.next()
        }
    }

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(body: self)
    }
}
