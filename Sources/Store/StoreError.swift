package import Linux
package import OCI

/// Why content or state could not be stored or read.
package enum StoreError: Error, Sendable, CustomStringConvertible {
    /// The blob is missing.
    case missing(Digest)
    /// The bytes do not match the digest.
    case mismatch(expected: Digest, actual: Digest)
    /// Larger than a document of this kind may be.
    case tooLarge(Digest, limit: Int)
    case system(SystemError)
    /// SQLite's error text.
    case database(String)

    package var description: String {
        switch self {
        case .missing(let digest): "content \(digest) is not in the store"
        case .mismatch(let expected, let actual):
            "content does not match its digest: expected \(expected), got \(actual)"
        case .tooLarge(let digest, let limit): "document \(digest) is larger than \(limit) bytes"
        case .system(let error): error.description
        case .database(let reason): "state database: \(reason)"
        }
    }
}
