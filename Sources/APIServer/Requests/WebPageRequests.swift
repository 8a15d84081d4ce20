internal import ByteText
package import HTTP

/// What a web page makes its visitor's browser send to a daemon that listens on TCP: nothing of it is answered, for the page is
/// anybody's and the daemon's word is root's. Unix sockets are out of a browser's reach.
package enum WebPageRequests {
    /// Why the request is refused; nil when no web page sent it.
    ///
    /// A browser names the page's origin with everything that could change something. With a name of its own that it lets
    /// point to this machine (DNS rebinding), a page is in our own origin and may read without naming one; such names have a
    /// dot, unlike `localhost`, and the languages that browsers ask for come with them.
    ///
    /// - Parameter names: what this machine is called.
    package static func refusal(_ headers: HTTPHeaders, isLocal: Bool, names: Set<String>) -> APIError? {
        if isLocal { return nil }
        if let origin = headers["Origin"] {
            return APIError(
                .forbidden,
                "a web page (origin \(origin)) may not use this API; use the command line or a client library")
        }
        if let site = headers["Sec-Fetch-Site"], site != "none" {
            return APIError(
                .forbidden,
                "a web page (Sec-Fetch-Site: \(site)) may not use this API; use the command line or a client library")
        }
        let host = (headers["Host"] ?? "").lowercased()
        guard headers.contains("Accept-Language"), !isOurs(host, names) else { return nil }
        return APIError(
            .forbidden,
            "a browser may not use this API under the name \(host); use the machine's address, or the command line")
    }

    private static func isOurs(_ host: String, _ names: Set<String>) -> Bool {
        if host.isEmpty || host.hasBytePrefix("[") { return true }
        let name = host.prefix(untilByte: ":")
        if !name.contains(byte: ".") || name.hasByteSuffix(".localhost") || names.contains(String(name)) { return true }
        // An IPv4 address.
        return name.utf8.allSatisfy { $0 == 0x2E || ($0 >= 0x30 && $0 <= 0x39) }
    }
}
