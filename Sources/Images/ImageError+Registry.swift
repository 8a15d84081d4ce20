package import OCI
package import Registry

extension ImageError {
    /// Whether the same again may succeed, and what arrived is worth keeping.
    var isInterruption: Bool {
        switch self {
        case .unreachable, .cancelled, .tooManyRequests: true
        default: false
        }
    }

    /// A pull's failure in Docker's words.
    package init(_ error: RegistryError, _ reference: Reference) {
        switch error {
        case .refused(_, let code, _) where code == "DENIED":
            self = .notFound(
                "pull access denied for \(reference.familiarName), repository does not exist or may require "
                    + "'docker login': \(error)")
        case .refused(_, let code, _) where code == "NAME_UNKNOWN":
            self = .notFound("repository \(reference.familiarName) not found: \(error)")
        case .refused(let status, let code, _) where code == "MANIFEST_UNKNOWN" || (status == 404 && code.isEmpty):
            self = .notFound(
                "manifest for \(reference.familiar) not found: manifest unknown: manifest unknown")
        case .refused(404, _, _): self = .notFound("manifest for \(reference.familiar) not found: \(error)")
        case .unauthorized, .anonymous:
            self = .unauthorized(
                "pull access denied for \(reference.familiarName), repository does not exist or may require "
                    + "'docker login': \(error)")
        default: self = Self.plain(error)
        }
    }

    /// A push's failure, or another's that is about no manifest.
    package static func plain(_ error: RegistryError) -> ImageError {
        switch error {
        case .refused: .system("\(error)")
        case .unauthorized, .anonymous: .unauthorized("\(error)")
        case .tooManyRequests: .tooManyRequests("\(error)")
        case .unreachable(let text), .broken(let text): .unreachable(text)
        case .invalid(let text): .corrupt(text)
        case .missingBlob: .notFound("\(error)")
        case .mismatch: .corrupt("\(error)")
        case .cancelled: .cancelled
        }
    }
}
