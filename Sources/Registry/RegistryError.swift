package import OCI

/// Why a registry did not give what was asked for.
package enum RegistryError: Error, Sendable, Equatable {
    /// The registry's own answer: status, error code and message from its body, if it gave any.
    case refused(status: Int, code: String, message: String)
    /// It asks for credentials, and those given (if any) were not accepted.
    case unauthorized(message: String)
    /// It asks for a user name and a password, and none were given.
    case anonymous
    /// Asked too often; the number of seconds to wait, if it said.
    case tooManyRequests(message: String, retryAfter: Int?)
    /// No connection; the text names address and cause.
    case unreachable(String)
    /// The transfer broke off again and again.
    case broken(String)
    /// The answer breaks the protocol or a limit.
    case invalid(String)
    /// The registry does not have a layer that its manifest names; `isForeign` when the manifest says that others have it.
    case missingBlob(isForeign: Bool)
    /// The bytes are not those of the digest.
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

    /// As Docker prints codes: `MANIFEST_UNKNOWN` is `manifest unknown`.
    private static func words(_ code: String) -> String {
        String(code.lowercased().map { $0 == "_" ? " " : $0 })
    }
}
