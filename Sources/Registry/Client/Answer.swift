internal import ByteText
internal import AsyncHTTPClient
internal import Glibc
internal import JSON
internal import Linux
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// A response whose body has not been read yet.
struct Answer: Sendable {
    private let response: HTTPClientResponse
    let address: Address
    private let method: String

    init(_ response: HTTPClientResponse, to method: String, _ address: Address) {
        self.response = response
        self.method = method
        self.address = address
    }

    var status: Int { Int(response.status.code) }

    func header(_ name: String) -> String? { response.headers.first(name: name) }

    func headers(named name: String) -> [String] { response.headers[name] }

    /// The whole body; an error when it is longer than `limit` bytes.
    func collect(limit: Int) async throws(RegistryError) -> [UInt8] {
        var bytes: [UInt8] = []
        try await forEach { (piece: [UInt8]) async throws(RegistryError) in
            bytes += piece
            if bytes.count > limit { throw .invalid("answer of \(address.authority) is larger than \(limit) bytes") }
            return true
        }
        return bytes
    }

    /// Passes the body on piece by piece until `body` returns false.
    func forEach(
        _ body: (_ piece: [UInt8]) async throws(RegistryError) -> Bool
    ) async throws(RegistryError) {
        var pieces = pieces
        while let piece = try await pieces.next() {
            if !(try await body(piece)) { return }
        }
    }

    /// The body as pieces, to be read once.
    struct Pieces {
        fileprivate var iterator: HTTPClientResponse.Body.AsyncIterator
        fileprivate let method: String
        fileprivate let address: Address

        /// Never empty; nil at the end.
        mutating func next() async throws(RegistryError) -> [UInt8]? {
            while true {
                let piece: ByteBuffer?
                do {
                    piece = try await iterator.next()
                } catch {
                    let failure = Answer.failure(error, method, address, silence: nil)
                    // Any failure in the middle of a body is worth a retry.
                    if case .cancelled = failure { throw failure }
                    throw .broken("\(failure)")
                }
                guard let piece else { return nil }
                if piece.readableBytes > 0 { return Array(piece.readableBytesView) }
            }
        }
    }

    var pieces: Pieces { Pieces(iterator: response.body.makeAsyncIterator(), method: method, address: address) }

    /// Reads the rest of the body, so that the connection can be reused.
    func discard() async {
        _ = try? await collect(limit: 1 << 16)
    }

    /// Text from a registry, escaped to one line: with line feeds it could forge lines of our output.
    private static func line(_ text: String) -> String { TerminalText.escaped(text, keepsLines: false) }

    /// The error described in the body.
    func refusal() async -> RegistryError {
        let bytes = (try? await collect(limit: 1 << 16)) ?? []
        let json = try? JSON.parse(bytes)
        let first = json?["errors"]?.arrayValue?.first
        let code = Self.line(first?["code"]?.stringValue ?? "")
        let message = Self.line(first?["message"]?.stringValue ?? json?["details"]?.stringValue ?? "")
        switch status {
        case 401: return .unauthorized(message: message.isEmpty ? "authentication required" : message)
        case 429:
            return .tooManyRequests(
                message: message.isEmpty ? "too many requests to \(address.authority)" : message,
                retryAfter: header("Retry-After").flatMap { RetryAfter.seconds($0) })
        default: return .refused(status: status, code: code, message: message)
        }
    }

    /// Why the request failed, in Docker's words for kernel errors.
    static func failure(
        _ error: any Error, _ method: String, _ address: Address, silence: Duration?
    ) -> RegistryError {
        if let error = error as? RegistryError { return error }
        if error is CancellationError { return .cancelled }
        // The query is left out because it may contain secrets.
        let asked = "\(method.capitalizedASCII) \"\(address.withoutQuery)\""
        if let reason = TLSFailure.reason(error, address) { return .unreachable("\(asked): \(reason)") }
        if let error = error as? NIOConnectionError {
            if let first = error.connectionErrors.first?.error {
                let target = "\(error.host.contains(byte: ":") ? "[\(error.host)]" : error.host):\(error.port)"
                return .unreachable("\(asked): dial tcp \(target): \(reason(first))")
            }
            return .unreachable("\(asked): dial tcp: lookup \(error.host): no such host")
        }
        if let error = error as? HTTPClientError {
            switch error {
            case .cancelled: return .cancelled
            case .connectTimeout:
                return .unreachable("\(asked): net/http: request canceled while waiting for connection: time-out")
            case .readTimeout, .writeTimeout:
                return .broken("\(asked): no data for \(silence.map { "\($0)" } ?? "too long")")
            case .remoteConnectionClosed: return .broken("\(asked): EOF")
            default: return .broken("\(asked): \(error.shortDescription)")
            }
        }
        if error is IOError {
            let reason = reason(error)
            // A single address is reported bare.
            guard reason.hasBytePrefix("connect:") else { return .broken("\(asked): \(reason)") }
            let host = address.host.contains(byte: ":") ? "[\(address.host)]" : address.host
            return .unreachable("\(asked): dial tcp \(host):\(address.port): \(reason)")
        }
        return .unreachable("\(asked): \(error)")
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else {
            if error is ChannelError { return "i/o timeout" }
            return "\(error)"
        }
        switch error.errnoCode {
        case ECONNREFUSED: return "connect: connection refused"
        case EHOSTUNREACH: return "connect: no route to host"
        case ENETUNREACH: return "connect: network is unreachable"
        case ETIMEDOUT: return "connect: connection timed out"
        case ECONNRESET: return "connection reset by peer"
        default: return "\(error)"
        }
    }
}
