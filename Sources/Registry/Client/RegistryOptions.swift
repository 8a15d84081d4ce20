internal import ByteText
internal import AsyncHTTPClient

/// The daemon's settings for contacting registries.
package struct RegistryOptions: Sendable {
    /// `host`, `host:port` or networks (`10.0.0.0/8`): certificates are not verified, and plain HTTP is allowed.
    package var insecureRegistries: [String] = []
    /// URLs to try before a registry, by registry name: `["docker.io": ["https://mirror.example"]]`. A path in the URL is put
    /// before the repository name, as caching proxies for several registries require.
    package var mirrors: [String: [String]] = [:]
    /// Directories with `HOST[:PORT]/*.crt`, `*.cert` and `*.key`; the first one that has the host is used.
    package var certificateDirectories = ["/etc/gantry/certs.d", "/etc/docker/certs.d"]
    package var proxies = Proxies()
    /// How often a transfer is resumed without progress.
    package var maxAttempts = 5
    /// A registry that sends nothing for this long counts as unreachable.
    package var silence = Duration.seconds(60)
    /// The longest `Retry-After` that is waited for.
    package var patience = Duration.seconds(90)

    package init() {}
}

/// The HTTP proxies from the daemon's configuration and environment.
package struct Proxies: Sendable, Equatable {
    package var http = ""
    package var https = ""
    /// `host`, `.domain`, `host:port`, addresses, networks or `*`, separated by commas.
    package var none = ""

    package init(http: String = "", https: String = "", none: String = "") {
        self.http = http
        self.https = https
        self.none = none
    }

    /// The proxy for an address; nil to go there directly. As Go's `httpproxy`: never for this machine itself.
    package func proxy(for address: Address) throws(RegistryError) -> ProxyAddress? {
        let text = address.scheme == "https" ? https : http
        guard !text.isEmpty, !isExcluded(address) else { return nil }
        return try ProxyAddress(text)
    }

    private func isExcluded(_ address: Address) -> Bool {
        let host = address.host
        if Network.isLoopback(host) { return true }
        for part in none.split(byte: ",") {
            let rule = part.filter { $0 != " " }.lowercased()
            if rule == "*" { return true }
            if rule.contains(byte: "/") {
                if let network = Network(rule), network.contains(host) { return true }
                continue
            }
            // Invalid rules are ignored.
            guard let (name, port) = Address.split(rule) else { continue }
            if let port, port != address.port { continue }
            if name == host { return true }
            let domain =
                name.hasBytePrefix("*.")
                ? String(name.dropFirst(bytes: 1)) : name.hasBytePrefix(".") ? name : "." + name
            if host.hasByteSuffix(domain) { return true }
        }
        return false
    }
}

/// `http://user:password@proxy:3128`, or without a scheme, or `socks5://proxy:1080`.
package struct ProxyAddress: Hashable, Sendable {
    enum Kind: Hashable {
        case http
        case socks
    }

    let kind: Kind
    let host: String
    let port: Int
    let username: String
    let password: String

    /// Without user name and password.
    package var address: String {
        "\(kind == .http ? "http" : "socks5")://\(host.contains(byte: ":") ? "[\(host)]" : host):\(port)"
    }

    var login: HTTPClient.Authorization? {
        username.isEmpty ? nil : .basic(username: username, password: password)
    }

    package init(_ text: String) throws(RegistryError) {
        var rest = Substring(text)
        var scheme = "http"
        if let range = rest.firstRange(of: "://") {
            scheme = rest[..<range.lowerBound].lowercased()
            rest = rest[range.upperBound...]
        }
        rest = rest.prefix(untilByte: "/")
        var user = ""
        var secret = ""
        if let at = rest.lastIndex(ofByte: "@") {
            let parts = rest[..<at].split(byte: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = Address.unescaped(String(parts[0]))
            secret = parts.count > 1 ? Address.unescaped(String(parts[1])) : ""
            rest = rest[rest.utf8.index(after: at)...]
        }
        guard let (name, number) = Address.split(String(rest)) else {
            throw .invalid("proxy \(scheme)://\(rest) has no port from 1 to 65535 behind its colon")
        }
        if name.isEmpty { throw .invalid("a proxy without a host: give it as http://HOST:PORT or socks5://HOST:PORT") }
        switch scheme {
        case "http": kind = .http
        // The proxy resolves names in both cases, as in Go's client.
        case "socks5", "socks5h": kind = .socks
        default:
            throw .invalid(
                "proxy \(scheme)://\(rest) is of a kind that is not supported: only http:// and socks5:// are")
        }
        if kind == .socks, !user.isEmpty {
            throw .invalid("proxy socks5://\(rest) wants a user and a password, which is not supported for SOCKS")
        }
        host = name
        port = number ?? (kind == .http ? 80 : 1080)
        username = user
        password = secret
    }
}
