internal import CArchive
internal import Store

/// Feeds libarchive, and hashes what it feeds.
final class ArchiveInput {
    private let inflater: any Inflater
    private var hash = ContentHash()
    /// Of plain bytes.
    private(set) var size: Int64 = 0
    /// What stopped the bytes, if something did.
    private(set) var failure: LayerError?

    init(_ inflater: any Inflater) {
        self.inflater = inflater
    }

    /// The digest of the plain bytes so far.
    var digest: ContentHash { hash }

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

    /// What libarchive left unread belongs to the digest as well.
    func drain() throws(LayerError) {
        while let bytes = next(), !bytes.isEmpty {}
        if let failure { throw failure }
    }

    private func next() -> UnsafeRawBufferPointer? {
        if failure != nil { return nil }
        do throws(LayerError) {
            let bytes = try inflater.next()
            hash.update(bytes)
            size += Int64(bytes.count)
            return bytes
        } catch {
            failure = error
            return nil
        }
    }
}
