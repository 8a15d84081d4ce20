package import OCI

/// Why a request to a registry failed.
package enum RegistryError: Error, Sendable, Equatable {
    /// The registry's error response: status, and code and message from its body, if any.
    case refused(status: Int, code: String, message: String)
    /// The registry did not accept the credentials, or requires some.
    case unauthorized(message: String)
    /// The registry requires a user name and password, and none were given.
    case anonymous
    /// Too many requests (429); `retryAfter` in seconds, if given.
    case tooManyRequests(message: String, retryAfter: Int?)
    /// No connection; the text names address and cause.
    case unreachable(String)
    /// The transfer failed repeatedly.
    case broken(String)
    /// The response violates the protocol or a limit.
    case invalid(String)
    /// The registry lacks a layer that its manifest names; `isForeign` when the manifest lists other hosts for it.
    case missingBlob(isForeign: Bool)
    /// The received bytes do not match the digest.
    case mismatch(expected: Digest, actual: Digest)
    case cancelled
}

extension RegistryError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .refused(let status, let code, let message):
            if code.isEmpty {
                "registry answered with status \(status)" + (message.isEmpty ? "" : ": \(message)")
            } else {
                Self.words(code) + ": " + message
            }
        case .unauthorized(let message): "unauthorized: " + message
        case .anonymous: "no basic auth credentials"
        case .tooManyRequests(let message, let seconds):
            "toomanyrequests: " + message + (seconds.map { "; try again in \(RetryAfter.words($0))" } ?? "")
        case .unreachable(let text), .broken(let text), .invalid(let text): text
        case .missingBlob(let isForeign):
            // Docker's words.
            "unknown blob" + (isForeign ? ": the manifest names other hosts that may have it, which are not asked" : "")
        case .mismatch(let expected, let actual):
            "content does not match its digest: expected \(expected), got \(actual)"
        case .cancelled: "context canceled"
        }
    }

    /// Error codes as Docker prints them: `MANIFEST_UNKNOWN` becomes `manifest unknown`.
    private static func words(_ code: String) -> String {
        String(code.lowercased().map { $0 == "_" ? " " : $0 })
    }
}
