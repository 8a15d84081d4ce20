/// Why a document, digest or reference is refused.
package enum OCIError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A digest that is not `sha256:` with 64 or `sha512:` with 128 lower-case hexadecimal digits.
    case invalidDigest(String)
    /// A reference; the text is Docker's and stands for itself.
    case invalidReference(String)
    /// A platform as in `linux/arm64/v8`.
    case invalidPlatform(String)
    /// A time that is not RFC 3339.
    case invalidTimestamp(String)
    /// A document: which one, and what is wrong with it.
    case invalidDocument(String, reason: String)

    package var description: String {
        switch self {
        case .invalidDigest(let text): "invalid digest \(Self.quoted(text))"
        case .invalidReference(let reason): reason
        case .invalidPlatform(let text):
            "invalid platform \(Self.quoted(text)); platforms look like linux/amd64 or linux/arm64/v8"
        case .invalidTimestamp(let text): "invalid time \(Self.quoted(text))"
        case .invalidDocument(let document, let reason): "invalid \(document): \(reason)"
        }
    }

    /// Never repeats more of a hostile text than a line.
    private static func quoted(_ text: String) -> String {
        "\"" + text.prefix(120) + (text.count > 120 ? "…" : "") + "\""
    }
}
