internal import Glibc
internal import Linux
package import OCI

/// Writes a blob: hashes it while it is written, publishes it with ``finish(expected:)``, and deletes it when the writer is
/// released before. Not thread-safe.
package final class BlobWriter {
    private let store: BlobStore
    private let path: String
    private let file: Descriptor
    private var hash: ContentHash
    private var isFinished = false
    /// Keep the incomplete file when the writer is released.
    private var isKept = false
    /// Bytes of a resumed file that have not been written to this writer again yet.
    private var known: Int64 = 0
    /// Bytes so far.
    package private(set) var size: Int64 = 0

    init(store: BlobStore, path: String, algorithm: Digest.Algorithm) throws(StoreError) {
        self.store = store
        self.path = path
        hash = ContentHash(algorithm)
        do throws(SystemError) {
            file = try Descriptor.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        } catch {
            throw .system(error)
        }
    }

    /// Continues an existing file, if there is one; its bytes are to be written again.
    init(store: BlobStore, resuming path: String, _ digest: Digest) throws(StoreError) {
        self.store = store
        self.path = path
        hash = ContentHash(digest.algorithm)
        do throws(SystemError) {
            file = try Descriptor.open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600)
            var status = stat()
            let number = file.raw
            try retrying("fstat", path) { fstat(number, &status) }
            known = Int64(status.st_size)
        } catch {
            throw .system(error)
        }
        isKept = true
    }

    deinit {
        if !isFinished, !isKept { unlink(path) }
    }

    /// Deletes the incomplete file, because the received bytes are wrong and must not be resumed.
    package func discard() { isKept = false }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        try append(bytes)
        hash.update(bytes)
    }

    /// Appends bytes that the caller hashes. Then all bytes must be hashed by the caller, up to ``publish(as:)``.
    package func append(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        let repeated = min(known, Int64(bytes.count))
        known -= repeated
        do throws(SystemError) {
            try file.writeAll(UnsafeRawBufferPointer(rebasing: bytes.dropFirst(Int(repeated))))
        } catch {
            throw .system(SystemError("write", "blob", code: error.code))
        }
        size += Int64(bytes.count)
    }

    package func write(_ bytes: [UInt8]) throws(StoreError) {
        try bytes.withUnsafeBufferPointer { (buffer) throws(StoreError) in
            try write(UnsafeRawBufferPointer(buffer))
        }
    }

    /// The digest of the bytes written so far.
    package var digest: Digest { hash.digest }

    /// Publishes the blob under its digest, which must equal `expected` if given. The data may reach the disk later; callers that
    /// need durability call syncfs(2) once for many blobs.
    @discardableResult
    package func finish(expected: Digest? = nil) throws(StoreError) -> (digest: Digest, size: Int64) {
        let digest = hash.digest
        if let expected, expected != digest {
            discard()
            throw .mismatch(expected: expected, actual: digest)
        }
        try publish(as: digest)
        return (digest, size)
    }

    /// Publishes the blob under a digest computed by the caller.
    package func publish(as digest: Digest) throws(StoreError) {
        let target = store.path(digest)
        do throws(SystemError) {
            try retrying("rename", target) { rename(path, target) }
        } catch {
            throw .system(error)
        }
        isFinished = true
    }
}
