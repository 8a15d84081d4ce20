package import Linux
package import OCI
package import Store

/// Why a layer could not be unpacked, mounted or removed.
package enum LayerError: Error, Sendable, CustomStringConvertible {
    /// The archive is damaged, ends too early or has a form that is not read.
    case corrupt(String)
    /// Its plain bytes are not those of the digest.
    case mismatch(expected: Digest, actual: Digest)
    /// An entry that would be placed outside the layer.
    case escape(String)
    /// The sender gave up; its own error says why.
    case interrupted
    /// A layer that is not there.
    case missing(Digest)
    /// No snapshot under that name.
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
        case .unknownSnapshot(let id): "no file system prepared for container \(id)"
        case .store(let error): error.description
        case .system(let error): error.description
        }
    }

    /// The error number if the kernel refused something.
    package var code: Int32? {
        switch self {
        case .system(let error), .store(.system(let error)): error.code
        default: nil
        }
    }
}
