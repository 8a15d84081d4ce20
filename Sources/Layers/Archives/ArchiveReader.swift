internal import CArchive
internal import Glibc

/// Reads a tar archive entry by entry in one pass; it may be compressed in any format of ``Compression``. Not thread-safe.
package final class ArchiveReader {
    package enum Kind: Sendable, Equatable {
        case file
        /// A symbolic or hard link with its target.
        case symbolicLink(String)
        case hardLink(String)
        case other
    }

    package struct Entry: Sendable {
        /// As in the archive, at most 4096 bytes.
        package let name: String
        package let kind: Kind
        /// From the header, in bytes.
        package let size: Int64
    }

    private let input: ArchiveInput
    private let archive: OpaquePointer
    private var hasEntry = false

    package init(_ source: any ByteSource) throws(LayerError) {
        input = ArchiveInput(try inflater(for: source, keepingIn: nil).1)
        guard let archive = archive_read_new() else { throw .corrupt("no memory for an archive") }
        self.archive = archive
        archive_read_support_format_tar(archive)
        archive_read_support_format_empty(archive)
        if input.open(archive) != ARCHIVE_OK { throw input.failure ?? .corrupt(LayerExtractor.reason(archive)) }
    }

    deinit { archive_read_free(archive) }

    /// Returns the next entry and skips what is unread of the one before. Nil at the end of the whole input.
    package func next() throws(LayerError) -> Entry? {
        var header: OpaquePointer?
        if hasEntry { try input.skip(archive) }
        hasEntry = false
        input.beginCall()
        let result = archive_read_next_header(archive, &header)
        if let failure = input.failure { throw failure }
        if result == ARCHIVE_EOF {
            try input.drain()
            return nil
        }
        guard result == ARCHIVE_OK || result == ARCHIVE_WARN, let header else {
            throw .corrupt(LayerExtractor.reason(archive))
        }
        hasEntry = true
        guard let name = archive_entry_pathname(header), strlen(name) <= 4096 else {
            throw .corrupt("an entry has no readable name")
        }
        let kind: Kind
        if let target = archive_entry_hardlink(header) {
            kind = .hardLink(String(cString: target))
        } else if let target = archive_entry_symlink(header) {
            kind = .symbolicLink(String(cString: target))
        } else {
            kind = archive_entry_filetype(header) == 0o100000 ? .file : .other
        }
        return Entry(name: String(cString: name), kind: kind, size: archive_entry_size(header))
    }

    /// The content of the entry that ``next()`` returned last.
    package var content: any ByteSource { Content(self) }

    private final class Content: ByteSource {
        private let reader: ArchiveReader

        init(_ reader: ArchiveReader) {
            self.reader = reader
        }

        func next() throws(LayerError) -> [UInt8]? {
            var count = 0
            let archive = reader.archive
            reader.input.beginCall()
            let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 17) { buffer, filled in
                count = archive_read_data(archive, buffer.baseAddress, buffer.count)
                filled = max(0, count)
            }
            if let failure = reader.input.failure { throw failure }
            if count < 0 { throw .corrupt(LayerExtractor.reason(archive)) }
            return chunk.isEmpty ? nil : chunk
        }
    }
}

/// A source whose first bytes were already read: returns those, then the rest.
package final class PrefixedSource: ByteSource {
    private var prefix: [UInt8]?
    private let rest: any ByteSource
    private let onRead: (Int) -> Void

    /// - Parameter onRead: called with the size of each chunk, in bytes.
    package init(_ prefix: [UInt8], _ rest: any ByteSource, onRead: @escaping (Int) -> Void = { _ in }) {
        self.prefix = prefix.isEmpty ? nil : prefix
        self.rest = rest
        self.onRead = onRead
    }

    package func next() throws(LayerError) -> [UInt8]? {
        var chunk = prefix
        prefix = nil
        if chunk == nil { chunk = try rest.next() }
        if let chunk { onRead(chunk.count) }
        return chunk
    }

    package func stop() { rest.stop() }
}
