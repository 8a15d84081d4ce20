internal import Concurrency

/// An archive for those who await: each piece is made on a thread of its own while nobody of the concurrency runtime waits.
package struct ArchiveStream: AsyncSequence, Sendable {
    package typealias Element = [UInt8]

    /// One reader at a time: the next piece is asked for only when the last one is there.
    fileprivate final class Turn: @unchecked Sendable {
        let source: any ByteSource
        init(_ source: any ByteSource) { self.source = source }
    }

    private let turn: Turn

    package init(_ source: sending any ByteSource) {
        turn = Turn(source)
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let turn: Turn

        package func next() async throws(LayerError) -> [UInt8]? {
            let turn = turn
            return try await onThread { () throws(LayerError) in try turn.source.next() }
        }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(turn: turn) }
}
