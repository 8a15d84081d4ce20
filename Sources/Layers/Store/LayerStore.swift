internal import ByteText
internal import JSON
internal import CArchive
internal import CLinux
internal import Glibc
internal import Linux
package import OCI
package import Store
internal import Synchronization

/// A layer's id: the digest of its uncompressed archive (`diff_ids` in the image configuration).
package typealias LayerID = Digest

/// The unpacked layers, each an immutable directory.
package final class LayerStore: Sendable {
    /// The directory `layers` of the data root.
    package let root: String
    /// Makes temporary names unique. Starts at a random number, because the next daemon may get the same process id.
    private let counter = Atomic<UInt64>(.random(in: 0..<1 << 48))
    private let removal: TreeRemoval

    /// The result of unpacking an archive.
    package struct Unpacked: Sendable {
        /// Digest of the uncompressed archive.
        package let layer: LayerID
        /// Digest of the archive as received.
        package let blob: Digest
        /// Size of the archive as received, in bytes.
        package let blobSize: Int64
        package let compression: Compression
        /// Sum of file sizes, in bytes.
        package let size: Int64
    }

    /// Opens or creates the store. Layers that are incomplete, or were not synced before the machine went down, are removed in
    /// the background.
    ///
    /// - Parameter report: receives a message for each tree that cannot be removed.
    package init(root: String, report: @escaping @Sendable (String) -> Void = { _ in }) throws(LayerError) {
        self.root = root
        removal = TreeRemoval("layers", report: report)
        do throws(SystemError) {
            if mkdir(root, 0o710) != 0, errno != EEXIST { throw SystemError("mkdir", root, code: errno) }
            try retrying("chmod", root) { chmod(root, 0o710) }
            // A directory created next to one that was just removed is twenty times slower: ext4 skips every inode that was freed
            // in the last half minute (recently_deleted, fs/ext4/ialloc.c).
            _ = linux_fs_spread(root)
            try BaseLayer.make(base)
            let boot = try Self.boot()
            var unsynced: [String] = []
            for name in Directory.names(in: root) where name != "base" {
                // Temporary and removed directories have other names.
                let isLayer = name.utf8.count == 64
                if isLayer, access("\(root)/\(name)/synced", F_OK) == 0 { continue }
                if isLayer, try Self.boot(of: "\(root)/\(name)") == boot {
                    unsynced.append(name)
                } else {
                    if let gone = renameForRemoval(name) { removal.finish(gone) }
                }
            }
            if !unsynced.isEmpty { try Self.sync(root, unsynced) }
        } catch {
            throw .system(error)
        }
    }

    /// The directory below every image's lowest layer; see ``BaseLayer``.
    var base: String { root + "/base" }

    /// The directory with the files of a layer.
    package func path(_ layer: LayerID) -> String { "\(root)/\(layer.hex)/fs" }

    package func contains(_ layer: LayerID) -> Bool { access("\(root)/\(layer.hex)/info", F_OK) == 0 }

    /// Sum of file sizes, or nil when the layer is not in the store.
    package func size(_ layer: LayerID) -> Int64? {
        (try? Self.info("\(root)/\(layer.hex)"))?.size
    }

    /// All layers in the store.
    package func layers() -> [LayerID] {
        // A layer is renamed to its digest only when it is complete.
        Directory.names(in: root).compactMap { try? Digest(.sha256, hex: $0) }
    }

    /// Unpacks an archive in any format of ``Compression``, in one pass, on the calling thread.
    ///
    /// - Parameters:
    /// - expected: the layer's digest, if it is known.
    /// - blob: where to store the compressed bytes; the caller finishes it after checking the result.
    /// - Throws: the first error; nothing of the layer is left then.
    package func unpack(
        _ source: any ByteSource, expected: LayerID?, keepingIn blob: BlobWriter? = nil
    ) throws(LayerError) -> Unpacked {
        let temporary = "\(root)/new-\(getpid())-\(counter.add(1, ordering: .relaxed).newValue)"
        do throws(LayerError) {
            let unpacked = try unpack(source, expected, blob, temporary)
            return unpacked
        } catch {
            removal.begin(temporary)
            throw error
        }
    }

    private func unpack(
        _ source: any ByteSource, _ expected: LayerID?, _ blob: BlobWriter?, _ temporary: String
    ) throws(LayerError) -> Unpacked {
        let (compression, inflater) = try inflater(for: source, keepingIn: blob)
        // An uncompressed archive is hashed once, for blob and layer.
        let hasher = compression == .none && blob?.digest.algorithm == .sha256 ? blob : nil
        let ahead = try ReadAhead(inflater, of: source, isHashing: hasher == nil)
        defer { ahead.stop() }
        let input = ArchiveInput(ahead)
        let extractor: LayerExtractor
        do throws(SystemError) {
            try retrying("mkdir", temporary) { mkdir(temporary, 0o700) }
            try retrying("mkdir", temporary) { mkdir(temporary + "/fs", 0o755) }
            try retrying("chmod", temporary) { chmod(temporary + "/fs", 0o755) }
            extractor = LayerExtractor(
                root: try Descriptor.open(temporary + "/fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
        } catch {
            throw .system(error)
        }
        try Self.read(input, into: extractor)
        try input.drain()
        try extractor.finish()
        let layer = hasher?.digest ?? ahead.digest
        if let expected, expected != layer { throw .mismatch(expected: expected, actual: layer) }
        try publish(temporary, as: layer, size: extractor.size)
        return Unpacked(
            layer: layer, blob: blob?.digest ?? layer, blobSize: blob?.size ?? ahead.size, compression: compression,
            size: extractor.size)
    }

    /// Whether the disk has space for the files of an archive that was read to its end.
    package func hasRoom(for tree: TreeArchive) -> Bool {
        var status = statvfs()
        guard statvfs(root, &status) == 0 else { return false }
        let block = Int64(status.f_frsize)
        // Each file has an inode and a partly filled last block.
        let wanted = (tree.size / max(1, block)).saturatingAdd(2 * tree.count)
        return Int64(clamping: status.f_bavail) > wanted
            && (status.f_files == 0 || Int64(clamping: status.f_favail) > tree.count)
    }

    private static func read(_ input: ArchiveInput, into extractor: LayerExtractor) throws(LayerError) {
        // Names in pax headers are UTF-8; libarchive converts them to the thread's locale.
        let locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil)
        let previous = locale.map { uselocale($0) }
        defer {
            if let locale {
                if let previous { _ = uselocale(previous) }
                freelocale(locale)
            }
        }
        guard let archive = archive_read_new() else { throw .corrupt("no memory for an archive") }
        defer { archive_read_free(archive) }
        archive_read_support_format_tar(archive)
        archive_read_support_format_empty(archive)
        try withExtendedLifetime(input) { () throws(LayerError) in
            if input.open(archive) != ARCHIVE_OK {
                throw input.failure ?? .corrupt(LayerExtractor.reason(archive))
            }
            while true {
                var entry: OpaquePointer?
                input.beginCall()
                let result = archive_read_next_header(archive, &entry)
                if result == ARCHIVE_EOF { return }
                if let failure = input.failure { throw failure }
                guard result == ARCHIVE_OK || result == ARCHIVE_WARN, let entry else {
                    throw .corrupt(LayerExtractor.reason(archive))
                }
                do throws(LayerError) {
                    try extractor.place(entry, from: archive, of: input)
                    try input.skip(archive)
                } catch {
                    // A truncated stream makes libarchive fail first; the input's own error is the cause.
                    throw input.failure ?? error
                }
            }
        }
    }

    private func publish(_ temporary: String, as layer: LayerID, size: Int64) throws(LayerError) {
        do throws(SystemError) {
            let info = try Descriptor.open(temporary + "/info", O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try info.writeAll(Array("\(size)\n\(try Self.boot())\n".utf8))
            if rename(temporary, "\(root)/\(layer.hex)") != 0 {
                // Another thread has published the same layer first.
                guard errno == EEXIST || errno == ENOTEMPTY, contains(layer) else {
                    throw SystemError("rename", "\(root)/\(layer.hex)", code: errno)
                }
                removal.finish(temporary)
            }
        } catch {
            throw .system(error)
        }
    }

    /// Blocks until the layers are on disk and marks them as synced. A layer without the mark is removed after a reboot.
    package func sync(_ layers: [LayerID]) throws(LayerError) {
        do throws(SystemError) {
            try Self.sync(root, layers.map(\.hex))
        } catch {
            throw .system(error)
        }
    }

    /// Renames a layer so that it is no longer found; ``RetiredLayer/delete()`` deletes its files. Nil when it is not in the
    /// store. The caller must know that nothing uses it.
    package func retire(_ layer: LayerID) -> RetiredLayer? {
        let size = size(layer) ?? 0
        return renameForRemoval(layer.hex).map { RetiredLayer(size: size, path: $0, removal: removal) }
    }

    /// Renames a directory for removal and returns its new name.
    private func renameForRemoval(_ name: String) -> String? {
        let gone = "\(root)/old-\(getpid())-\(counter.add(1, ordering: .relaxed).newValue)"
        return rename("\(root)/\(name)", gone) == 0 ? gone : nil
    }

    /// Waits until every removal so far has finished or failed.
    package func waitForRemovals() async { await removal.waitForRemovals() }

    private static func sync(_ root: String, _ names: [String]) throws(SystemError) {
        let directory = try Descriptor.open(root, O_RDONLY | O_DIRECTORY)
        let number = directory.raw
        try checking("syncfs", root) { linux_fs_sync(number) }
        for name in names {
            _ = try Descriptor.open("\(root)/\(name)/synced", O_WRONLY | O_CREAT, mode: 0o600)
        }
    }

    private static func boot() throws(SystemError) -> String {
        let file = try Descriptor.open("/proc/sys/kernel/random/boot_id", O_RDONLY)
        return String(decoding: try file.readAll(limit: 100).prefix { $0 != 10 }, as: UTF8.self)
    }

    /// When an unsynced layer was written; nil when it was never finished. Any other failure is no reason to remove it.
    private static func boot(of directory: String) throws(SystemError) -> String? {
        do throws(SystemError) {
            return try info(directory).boot
        } catch  where [ENOENT, EINVAL].contains(error.code) {
            return nil
        }
    }

    private static func info(_ directory: String) throws(SystemError) -> (size: Int64, boot: String) {
        let file = try Descriptor.open(directory + "/info", O_RDONLY | O_NOFOLLOW)
        let lines = String(decoding: try file.readAll(limit: 200), as: UTF8.self).split(byte: "\n")
        guard lines.count == 2, let size = Int64(lines[0]) else {
            throw SystemError("read", directory + "/info", code: EINVAL)
        }
        return (size, String(lines[1]))
    }
}

/// A layer that was removed from the store and whose files still exist.
package struct RetiredLayer: Sendable {
    /// Sum of file sizes, in bytes.
    package let size: Int64
    let path: String
    let removal: TreeRemoval

    /// Deletes the files: the first ones at once, the rest in the background.
    package func delete() { removal.begin(path) }
}
