package import Linux
package import OCI

/// Why content or state could not be kept or found.
package enum StoreError: Error, Sendable, CustomStringConvertible {
    /// No such blob.
    case missing(Digest)
    /// The bytes are not those the digest names.
    case mismatch(expected: Digest, actual: Digest)
    /// More bytes than a document of this kind may have.
    case tooLarge(Digest, limit: Int)
    case system(SystemError)
    /// SQLite's answer.
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
