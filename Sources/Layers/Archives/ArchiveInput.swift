internal import CArchive

/// The read callback of libarchive: passes it decompressed bytes and limits how many it may read per call.
final class ArchiveInput {
    private let inflater: any Inflater
    /// The error that ended the input, if any.
    private(set) var failure: LayerError?
    /// The part of the last buffer that libarchive has not received yet.
    private var rest = UnsafeRawBufferPointer(start: nil, count: 0)
    /// How many bytes libarchive may still read in this call.
    private var left = ArchiveInput.limit
    /// More than any header with its names, attributes and sparse map needs. libarchive keeps a sparse map in memory (about 50
    /// bytes for as few as 4 bytes of archive) and has no limit of its own.
    private static let limit = 4 << 20

    init(_ inflater: any Inflater) {
        self.inflater = inflater
    }

    /// Makes `archive` read from this input; both must outlive the reading.
    func open(_ archive: OpaquePointer) -> Int32 {
        archive_read_open(
            archive, Unmanaged.passUnretained(self).toOpaque(), nil,
            { archive, context, block in
                guard let context, let block else { return -1 }
                let input = Unmanaged<ArchiveInput>.fromOpaque(context).takeUnretainedValue()
                guard let bytes = input.nextOfCall() else { return -1 }
                block.pointee = bytes.baseAddress
                return bytes.count
            }, nil)
    }

    /// Call before reading a header or the next piece of a file: neither needs many bytes.
    func beginCall() { left = Self.limit }

    /// Call before an operation that may read any number of bytes, such as skipping a file.
    func beginCallWithoutLimit() { left = .max }

    /// Skips the rest of the current file.
    func skip(_ archive: OpaquePointer) throws(LayerError) {
        beginCallWithoutLimit()
        let result = archive_read_data_skip(archive)
        if let failure { throw failure }
        guard result == ARCHIVE_OK || result == ARCHIVE_WARN else { throw .corrupt(LayerExtractor.reason(archive)) }
    }

    private func nextOfCall() -> UnsafeRawBufferPointer? {
        if rest.isEmpty {
            guard let more = next() else { return nil }
            rest = more
        }
        // Small pieces, so that the limit is checked often.
        let bytes = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 16))
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(bytes.count))
        left -= bytes.count
        if left >= 0 || bytes.isEmpty { return bytes }
        failure = failure ?? .corrupt("an entry has a header or a sparse map of more than \(Self.limit) bytes")
        return nil
    }

    /// Reads the bytes that libarchive left unread, because they count for digest and size.
    func drain() throws(LayerError) {
        while let bytes = next(), !bytes.isEmpty {}
        if let failure { throw failure }
    }

    private func next() -> UnsafeRawBufferPointer? {
        if failure != nil { return nil }
        do throws(LayerError) {
            return try inflater.next()
        } catch {
            failure = error
            return nil
        }
    }
}
