internal import ByteText
internal import JSON
internal import CArchive
internal import CLinux
internal import Glibc
internal import Linux
package import OCI
package import Store
internal import Synchronization

/// A layer is named by the digest of its plain archive (the configuration's `diff_ids`).
package typealias LayerID = Digest

/// The unpacked layers, each a directory that never changes.
package final class LayerStore: Sendable {
    /// The directory `layers` of the data root.
    package let root: String
    /// No name is used twice, even by a daemon that has the process id of the one before it.
    private let counter = Atomic<UInt64>(.random(in: 0..<1 << 48))
    private let removal: TreeRemoval

    /// What became of an archive.
    package struct Unpacked: Sendable {
        /// Of the plain bytes.
        package let layer: LayerID
        /// Of the bytes as they came.
        package let blob: Digest
        /// As they came, in bytes.
        package let blobSize: Int64
        package let compression: Compression
        /// Sum of file sizes, in bytes.
        package let size: Int64
    }

    /// Opens or makes the store; what is incomplete, or was not on the disk before the machine went down, is removed in the
    /// background.
    ///
    /// - Parameter report: told in words what cannot be removed.
    package init(root: String, report: @escaping @Sendable (String) -> Void = { _ in }) throws(LayerError) {
        self.root = root
        removal = TreeRemoval("layers", report: report)
        do throws(SystemError) {
            if mkdir(root, 0o710) != 0, errno != EEXIST { throw SystemError("mkdir", root, code: errno) }
            try retrying("chmod", root) { chmod(root, 0o710) }
            // A layer beside the one that was just removed would be made twenty times slower: ext4 steps over every inode that
            // was freed in the last half minute (recently_deleted, fs/ext4/ialloc.c).
            _ = linux_fs_spread(root)
            try BaseLayer.make(base)
            let boot = try Self.boot()
            var unsynced: [String] = []
            for name in Directory.names(in: root) where name != "base" {
                // What was being made or removed has another name.
                let isLayer = name.utf8.count == 64
                if isLayer, access("\(root)/\(name)/synced", F_OK) == 0 { continue }
                if isLayer, (try? Self.info("\(root)/\(name)"))?.boot == boot {
                    unsynced.append(name)
                } else {
                    if let gone = hide(name) { removal.finish(gone) }
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

    /// Sum of file sizes, or nil when the layer is not there.
    package func size(_ layer: LayerID) -> Int64? {
        (try? Self.info("\(root)/\(layer.hex)"))?.size
    }

    /// Every layer that is there.
    package func layers() -> [LayerID] {
        // A layer gets its name when it is complete.
        Directory.names(in: root).compactMap { try? Digest(.sha256, hex: $0) }
    }

    /// Unpacks an archive, packed in any way that ``Compression`` knows, in one pass on this thread.
    ///
    /// - Parameters:
    ///   - expected: the layer's digest, if it is known.
    ///   - blob: where the packed bytes are kept; finished by the caller once it has seen the result.
    /// - Throws: on the first error; nothing of the layer is left then.
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
        // Plain bytes are hashed once.
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

    /// Whether the disk has room for the files of an archive that was read to its end.
    package func hasRoom(for tree: TreeArchive) -> Bool {
        var status = statvfs()
        guard statvfs(root, &status) == 0 else { return false }
        let block = Int64(status.f_frsize)
        // Each has an inode, and a last block that is not full.
        let wanted = (tree.size / max(1, block)).saturatingAdd(2 * tree.count)
        return Int64(clamping: status.f_bavail) > wanted
            && (status.f_files == 0 || Int64(clamping: status.f_favail) > tree.count)
    }

    private static func read(_ input: ArchiveInput, into extractor: LayerExtractor) throws(LayerError) {
        // Names in pax headers are UTF-8; libarchive converts them to what the thread speaks.
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
                    // A truncated stream shows up as an unreadable entry first.
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
                // Somebody else was faster with the same layer.
                guard errno == EEXIST || errno == ENOTEMPTY, contains(layer) else {
                    throw SystemError("rename", "\(root)/\(layer.hex)", code: errno)
                }
                removal.finish(temporary)
            }
        } catch {
            throw .system(error)
        }
    }

    /// Blocks until the layers are on the disk, and notes it. Until then they count only as long as the machine is up.
    package func sync(_ layers: [LayerID]) throws(LayerError) {
        do throws(SystemError) {
            try Self.sync(root, layers.map(\.hex))
        } catch {
            throw .system(error)
        }
    }

    /// Takes a layer out of sight at once; its files go with ``RetiredLayer/delete()``. Nil when it was not there.
    /// The caller knows that nothing uses it.
    package func retire(_ layer: LayerID) -> RetiredLayer? {
        let size = size(layer) ?? 0
        return hide(layer.hex).map { RetiredLayer(size: size, path: $0, removal: removal) }
    }

    /// The name that it has now.
    private func hide(_ name: String) -> String? {
        let gone = "\(root)/old-\(getpid())-\(counter.add(1, ordering: .relaxed).newValue)"
        return rename("\(root)/\(name)", gone) == 0 ? gone : nil
    }

    /// Returns when everything that was taken out of sight is gone, or was tried.
    package func settle() async { await removal.settle() }

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

    private static func info(_ directory: String) throws(SystemError) -> (size: Int64, boot: String) {
        let file = try Descriptor.open(directory + "/info", O_RDONLY | O_NOFOLLOW)
        let lines = String(decoding: try file.readAll(limit: 200), as: UTF8.self).split(byte: "\n")
        guard lines.count == 2, let size = Int64(lines[0]) else {
            throw SystemError("read", directory + "/info", code: EINVAL)
        }
        return (size, String(lines[1]))
    }
}

/// A layer that has no name any more.
package struct RetiredLayer: Sendable {
    /// Sum of file sizes, in bytes.
    package let size: Int64
    let path: String
    let removal: TreeRemoval

    /// Deletes its files: the first of them at once, the others behind the caller's back.
    package func delete() { removal.begin(path) }
}
