internal import CArchive

/// Feeds libarchive.
final class ArchiveInput {
    private let inflater: any Inflater
    /// What stopped the bytes, if something did.
    private(set) var failure: LayerError?

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
                guard let bytes = input.next() else {
                    return -1
                }
                block.pointee = bytes.baseAddress
                return bytes.count
            }, nil)
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
