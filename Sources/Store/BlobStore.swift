internal import Glibc
package import Linux
package import OCI
internal import Synchronization

/// Content-addressed blobs in an OCI image layout (image-spec, image-layout.md), with a directory for incomplete ones.
package final class BlobStore: Sendable {
    /// The directory that contains `oci-layout`.
    package let root: String
    private let counter = Atomic<UInt64>(0)

    /// Opens or creates the store. Removes files that an earlier process left incomplete.
    package init(root: String) throws(StoreError) {
        self.root = root
        try Self.makeDirectory(root, mode: 0o710)
        for part in ["blobs", "blobs/sha256", "blobs/sha512", "ingest", "partial"] {
            try Self.makeDirectory(root + "/" + part, mode: 0o700)
        }
        for name in Directory.names(in: root + "/ingest") { unlink(root + "/ingest/" + name) }
        if access(root + "/oci-layout", F_OK) != 0 {
            try replace("oci-layout", with: Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
        }
        if access(root + "/index.json", F_OK) != 0 {
            try replace("index.json", with: Array(#"{"schemaVersion":2,"manifests":[]}"#.utf8))
        }
    }

    /// The path of a blob, which need not exist.
    package func path(_ digest: Digest) -> String { "\(root)/blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }

    /// In bytes, or nil when the blob is missing.
    package func size(_ digest: Digest) -> Int64? {
        var status = stat()
        guard stat(path(digest), &status) == 0 else { return nil }
        return Int64(status.st_size)
    }

    package func contains(_ digest: Digest) -> Bool { size(digest) != nil }

    /// Opens a blob for reading. Its content is not verified again.
    package func open(_ digest: Digest) throws(StoreError) -> Descriptor {
        do throws(SystemError) {
            return try Descriptor.open(path(digest), O_RDONLY | O_NOFOLLOW)
        } catch {
            throw error.code == ENOENT ? .missing(digest) : .system(error)
        }
    }

    /// Reads and verifies a document of at most `limit` bytes.
    package func read(_ digest: Digest, limit: Int) throws(StoreError) -> [UInt8] {
        let file = try open(digest)
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try file.readAll(limit: limit)
        } catch {
            throw error.code == EFBIG ? .tooLarge(digest, limit: limit) : .system(error)
        }
        let actual = ContentHash.digest(of: bytes, digest.algorithm)
        guard actual == digest else { throw .mismatch(expected: digest, actual: actual) }
        return bytes
    }

    /// Stores `bytes` and returns their digest.
    @discardableResult
    package func put(_ bytes: [UInt8]) throws(StoreError) -> Digest {
        let digest = ContentHash.digest(of: bytes)
        // Verified, because a power failure may have truncated or damaged an existing file.
        if size(digest) == Int64(bytes.count), (try? read(digest, limit: bytes.count)) != nil { return digest }
        let blob = try ingest()
        try blob.write(bytes)
        return try blob.finish(expected: digest).digest
    }

    /// Starts a new blob.
    package func ingest(_ algorithm: Digest.Algorithm = .sha256) throws(StoreError) -> BlobWriter {
        let number = counter.add(1, ordering: .relaxed).newValue
        return try BlobWriter(store: self, path: "\(root)/ingest/\(getpid())-\(number)", algorithm: algorithm)
    }

    /// Starts a blob, or continues one whose writer was interrupted. Only one writer per blob.
    ///
    /// The existing bytes must be written to the new writer again, so that it can hash them.
    package func resume(_ digest: Digest) throws(StoreError) -> BlobWriter {
        try BlobWriter(store: self, resuming: partialPath(digest), digest)
    }

    /// The size and content of an interrupted blob; nil when there is none.
    package func partial(_ digest: Digest) -> (size: Int64, file: SharedDescriptor)? {
        guard let file = try? Descriptor.open(partialPath(digest), O_RDONLY | O_NOFOLLOW) else { return nil }
        var status = stat()
        guard fstat(file.raw, &status) == 0, status.st_size > 0 else { return nil }
        return (Int64(status.st_size), SharedDescriptor(file))
    }

    /// The interrupted blobs.
    package func partials() -> [Digest] {
        Directory.names(in: root + "/partial").compactMap { name in
            try? Digest(String(name.map { $0 == "-" ? ":" : $0 }))
        }
    }

    /// Returns how many bytes that freed.
    @discardableResult
    package func removePartial(_ digest: Digest) -> Int64 {
        let size = partial(digest)?.size ?? 0
        unlink(partialPath(digest))
        return size
    }

    private func partialPath(_ digest: Digest) -> String {
        "\(root)/partial/\(digest.algorithm.rawValue)-\(digest.hex)"
    }

    /// Renames a blob so that it is no longer found; ``RetiredBlob/delete()`` frees its space. Nil when it is missing.
    package func retire(_ digest: Digest) -> RetiredBlob? {
        guard let size = size(digest) else { return nil }
        let gone = "\(root)/ingest/old-\(getpid())-\(counter.add(1, ordering: .relaxed).newValue)"
        // If the rename fails (full disk), delete the file directly.
        if rename(path(digest), gone) != 0, unlink(path(digest)) != 0 { return nil }
        return RetiredBlob(size: size, path: gone)
    }

    /// All blobs in the store.
    package func digests() -> [Digest] {
        Digest.Algorithm.allCases.flatMap { algorithm in
            Directory.names(in: "\(root)/blobs/\(algorithm.rawValue)").compactMap {
                try? Digest(algorithm, hex: $0)
            }
        }
    }

    /// Replaces `oci-layout` or `index.json` atomically.
    package func replace(_ name: String, with bytes: [UInt8]) throws(StoreError) {
        let temporary = "\(root)/ingest/\(name).\(counter.add(1, ordering: .relaxed).newValue)"
        do throws(SystemError) {
            let file = try Descriptor.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
            try file.writeAll(bytes)
            try retrying("rename", name) { rename(temporary, root + "/" + name) }
        } catch {
            unlink(temporary)
            throw .system(error)
        }
    }

    static func makeDirectory(_ path: String, mode: mode_t) throws(StoreError) {
        do throws(SystemError) {
            if mkdir(path, mode) != 0, errno != EEXIST { throw SystemError("mkdir", path, code: errno) }
            // Sets the mode explicitly, because the umask or an older version may have left another (CVE-2021-41091,
            // CVE-2024-25621).
            try retrying("chmod", path) { chmod(path, mode) }
        } catch {
            throw .system(error)
        }
    }
}

/// A blob that was removed from the store and whose file still exists.
package struct RetiredBlob: Sendable {
    /// In bytes.
    package let size: Int64
    let path: String

    /// If it fails, the next start removes the file.
    package func delete() { unlink(path) }
}

extension Descriptor {
    /// Repeats write(2) until all bytes are written.
    package borrowing func writeAll(_ bytes: [UInt8]) throws(SystemError) {
        try bytes.withUnsafeBufferPointer { (buffer) throws(SystemError) in
            try writeAll(UnsafeRawBufferPointer(buffer))
        }
    }
}
