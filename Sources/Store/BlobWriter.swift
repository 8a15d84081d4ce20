internal import Glibc
internal import Linux
package import OCI

/// A blob that is still arriving: hashed while it is written, visible only after ``finish(expected:)``, and gone when it
/// is dropped before. For one thread at a time.
package final class BlobWriter {
    private let store: BlobStore
    private let path: String
    private let file: Descriptor
    private var hash: ContentHash
    private var isFinished = false
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

    deinit {
        if !isFinished { unlink(path) }
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        do throws(SystemError) {
            try file.writeAll(bytes)
        } catch {
            throw .system(error)
        }
        hash.update(bytes)
        size += Int64(bytes.count)
    }

    package func write(_ bytes: [UInt8]) throws(StoreError) {
        try bytes.withUnsafeBufferPointer { (buffer) throws(StoreError) in
            try write(UnsafeRawBufferPointer(buffer))
        }
    }

    /// The digest of what was written so far.
    package var digest: Digest { hash.digest }

    /// Publishes the blob under its digest, which must be `expected` if given. The data reaches the disk later; whoever
    /// must be sure calls syncfs(2) once for many.
    @discardableResult
    package func finish(expected: Digest? = nil) throws(StoreError) -> (digest: Digest, size: Int64) {
        let digest = hash.digest
        if let expected, expected != digest { throw .mismatch(expected: expected, actual: digest) }
        let target = store.path(digest)
        do throws(SystemError) {
            try retrying("rename", target) { rename(path, target) }
        } catch {
            throw .system(error)
        }
        isFinished = true
        return (digest, size)
    }
}
