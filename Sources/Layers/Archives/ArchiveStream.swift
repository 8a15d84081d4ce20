internal import Concurrency

/// Makes a blocking `ByteSource` an `AsyncSequence`: each chunk is read on a thread outside the concurrency pool.
package struct ArchiveStream: AsyncSequence, Sendable {
    package typealias Element = [UInt8]

    /// Sendable because there is one reader, which asks for the next chunk only after it has received the last one.
    fileprivate final class Reader: @unchecked Sendable {
        let source: any ByteSource
        init(_ source: any ByteSource) { self.source = source }
    }

    private let reader: Reader

    package init(_ source: sending any ByteSource) {
        reader = Reader(source)
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let reader: Reader

        package func next() async throws(LayerError) -> [UInt8]? {
            let reader = reader
            return try await onThread { () throws(LayerError) in try reader.source.next() }
        }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader: reader) }
}
