internal import CArchive

/// Feeds libarchive.
final class ArchiveInput {
    private let inflater: any Inflater
    /// What stopped the bytes, if something did.
    private(set) var failure: LayerError?
    /// What has not been handed on of the bytes that came last.
    private var rest = UnsafeRawBufferPointer(start: nil, count: 0)
    /// How much libarchive may still read in this call.
    private var left = ArchiveInput.limit
    /// More than any header with its names, attributes and map of holes. libarchive keeps a map of holes in memory, some 50 bytes
    /// for as few as four of the archive, and has no limit of its own.
    private static let limit = 4 << 20

    init(_ inflater: any Inflater) {
        self.inflater = inflater
    }

    /// Lets `archive` read from here, for as long as both live.
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

    /// Begins a call that reads a header, or the next piece of a file: neither needs many bytes.
    func beginCall() { left = Self.limit }

    /// Begins a call that reads as much as it likes, as one that only unpacks does.
    func beginCallWithoutLimit() { left = .max }

    /// Passes over the rest of a file.
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
        // In small pieces, whatever they come in: else one alone might be too much.
        let bytes = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 16))
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(bytes.count))
        left -= bytes.count
        if left >= 0 || bytes.isEmpty { return bytes }
        failure = failure ?? .corrupt("an entry has a header or a map of holes of more than \(Self.limit) bytes")
        return nil
    }

    /// Reads what libarchive left unread: it belongs to the archive as well.
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
