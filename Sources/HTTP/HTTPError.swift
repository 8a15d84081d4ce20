/// Why a request was refused or a connection ended.
package enum HTTPError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The request violates RFC 9112; the text says where.
    case malformed(String)
    /// The request line and headers were larger than `limit` bytes.
    case headTooLarge(limit: Int)
    /// Only HTTP/1.0 and HTTP/1.1 are supported.
    case unsupportedVersion(String)
    /// A transfer coding other than `chunked`.
    case unsupportedTransferCoding(String)
    /// An `Expect` other than `100-continue`.
    case unsupportedExpectation(String)
    /// The body was larger than `limit` bytes.
    case bodyTooLarge(limit: Int)
    /// The connection ended in the middle of a head or body.
    case truncated
    /// The client closed the connection.
    case clientGone
    /// The handler used body or response in an invalid order.
    case misuse(String)
    /// Cannot listen; the text has address and cause.
    case cannotListen(String)

    /// The status code for a request refused with this error.
    package var status: HTTPStatus {
        switch self {
        case .malformed, .truncated, .clientGone: .badRequest
        case .headTooLarge: .requestHeaderFieldsTooLarge
        case .unsupportedVersion: .httpVersionNotSupported
        case .unsupportedTransferCoding: .notImplemented
        case .unsupportedExpectation: .expectationFailed
        case .bodyTooLarge: .contentTooLarge
        case .misuse, .cannotListen: .internalServerError
        }
    }

    package var description: String {
        switch self {
        case .malformed(let what): "malformed request: \(what)"
        case .headTooLarge(let limit): "request head is larger than \(limit) bytes"
        case .unsupportedVersion(let version): "unsupported protocol version \(version)"
        case .unsupportedTransferCoding(let coding): "unsupported transfer coding \(coding)"
        case .unsupportedExpectation(let what): "unsupported expectation \(what)"
        case .bodyTooLarge(let limit): "request body is larger than \(limit) bytes"
        case .truncated: "the connection ended in the middle of a request"
        case .clientGone: "the client closed the connection"
        case .misuse(let what): what
        case .cannotListen(let what): what
        }
    }
}
