package import Linux
package import OCI
package import Store

/// Why a layer could not be unpacked, mounted or removed.
package enum LayerError: Error, Sendable, CustomStringConvertible {
    /// The archive is damaged, truncated or of an unsupported format.
    case corrupt(String)
    /// The decompressed bytes do not match the expected digest.
    case mismatch(expected: Digest, actual: Digest)
    /// An entry's path leads outside the layer.
    case escape(String)
    /// The sender stopped; its own error has the reason.
    case interrupted
    /// The layer is not in the store.
    case missing(Digest)
    /// There is no snapshot with this id.
    case unknownSnapshot(String)
    case store(StoreError)
    case system(SystemError)

    package var description: String {
        switch self {
        case .corrupt(let reason): "layer archive is damaged: \(reason)"
        case .mismatch(let expected, let actual):
            "layer archive does not match its digest: expected \(expected), got \(actual)"
        case .escape(let name): "layer archive has an entry outside its root: \(name.prefix(200))"
        case .interrupted: "layer archive was interrupted"
        case .missing(let digest): "layer \(digest) is not in the store"
        case .unknownSnapshot(let id): "no snapshot for container \(id)"
        case .store(let error): error.description
        case .system(let error): error.description
        }
    }

    /// errno, when a system call failed.
    package var code: Int32? {
        switch self {
        case .system(let error), .store(.system(let error)): error.code
        default: nil
        }
    }
}
