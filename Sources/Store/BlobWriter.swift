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
    /// Whether what arrived stays when the writer goes.
    private var isKept = false
    /// Bytes that are in the file and have not been written again yet.
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

    /// Goes on with a file that may be there; what it has so far is to be written again.
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

    /// What arrived is not what was wanted: nobody shall go on from it.
    package func discard() { isKept = false }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        try append(bytes)
        hash.update(bytes)
    }

    /// Bytes that somebody else hashes, as all others before ``publish(as:)``.
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

    /// The digest of what was written so far.
    package var digest: Digest { hash.digest }

    /// Publishes the blob under its digest, which must be `expected` if given. The data reaches the disk later; whoever
    /// must be sure calls syncfs(2) once for many.
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

    /// Publishes the blob under the digest that somebody else has found.
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
