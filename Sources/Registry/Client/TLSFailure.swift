internal import NIOCore
internal import NIOSSL

/// Explains failed TLS handshakes, in Docker's words.
enum TLSFailure {
    /// Nil when the error has another cause.
    static func reason(_ error: any Error, _ address: Address) -> String? {
        if error is NIOSSLExtraError {
            return "tls: failed to verify certificate: x509: certificate is not valid for \(address.host)"
        }
        guard let error = error as? NIOSSLError else { return nil }
        // BoringSSL's reasons are available as text only.
        let text = "\(error)"
        if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") || text.contains("HTTPS_PROXY") {
            return "http: server gave HTTP response to HTTPS client"
        }
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return "tls: failed to verify certificate: x509: certificate signed by unknown authority; "
                + "put its authority into /etc/gantry/certs.d/\(address.authority)/ca.crt"
        }
        if text.contains("CERTIFICATE_REQUIRED") || text.contains("HANDSHAKE_FAILURE") {
            return "remote error: tls: handshake failure; the registry may want a client certificate: put client.cert "
                + "and client.key into /etc/gantry/certs.d/\(address.authority)"
        }
        return "tls: \(text)"
    }
}
