internal import Glibc
internal import Layers
internal import Linux
internal import OCI
internal import Registry
internal import Store

/// Why an image could not be had. Each holds the whole text for the user, in Docker's words where Docker has some.
package enum ImageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No such image here, or no such manifest or repository there.
    case notFound(String)
    case invalidReference(String)
    /// A short id that several images share.
    case ambiguous(String)
    /// A change or filter that is not understood.
    case invalidArgument(String)
    case conflict(String)
    case unauthorized(String)
    /// What arrived is not what was named, or is damaged.
    case corrupt(String)
    case unreachable(String)
    case tooManyRequests(String)
    case noSpace(String)
    /// The caller gave up.
    case cancelled
    case system(String)

    package var description: String {
        switch self {
        case .notFound(let text), .invalidReference(let text), .ambiguous(let text), .invalidArgument(let text),
            .conflict(let text), .unauthorized(let text), .corrupt(let text), .unreachable(let text),
            .tooManyRequests(let text), .noSpace(let text), .system(let text):
            text
        case .cancelled: "context canceled"
        }
    }
}

extension ImageError {
    init(_ error: LayerError) {
        if let code = error.code, code == ENOSPC || code == EDQUOT {
            self = .noSpace("no space left for image layers: \(error)")
            return
        }
        switch error {
        case .corrupt, .mismatch, .escape: self = .corrupt("failed to register layer: \(error)")
        case .interrupted: self = .corrupt("image data ended too early")
        case .store(let error): self.init(error)
        case .missing, .unknownSnapshot, .system: self = .system("\(error)")
        }
    }

    init(_ error: StoreError) {
        switch error {
        case .mismatch: self = .corrupt("\(error)")
        case .system(let system) where system.code == ENOSPC || system.code == EDQUOT:
            self = .noSpace("no space left for images: \(error)")
        default: self = .system("\(error)")
        }
    }

    init(_ error: OCIError) {
        if case .invalidReference(let text) = error {
            self = .invalidReference(text)
        } else {
            self = .corrupt("\(error)")
        }
    }
}

extension Reference {
    /// Refuses what is no name to give, or would be taken for a digest.
    func checkAsTag() throws(ImageError) {
        if digest != nil { throw .invalidArgument("refusing to create a tag with a digest reference") }
        if familiarName == Digest.Algorithm.sha256.rawValue {
            throw .invalidArgument("refusing to create an ambiguous tag using digest algorithm as name")
        }
    }
}
