internal import AsyncHTTPClient

/// How registries are reached.
package struct RegistryOptions: Sendable {
    /// `host`, `host:port` or networks (`10.0.0.0/8`): spoken to without trust, or without TLS at all.
    package var insecureRegistries: [String] = []
    /// Addresses to try before a registry, by its name: `["docker.io": ["https://mirror.example"]]`. A path in an
    /// address stands in front of the repository's name there, as caching proxies for several registries want it.
    package var mirrors: [String: [String]] = [:]
    /// Where `HOST[:PORT]/*.crt`, `*.cert` and `*.key` are; the first directory that has the host counts.
    package var certificateDirectories = ["/etc/gantry/certs.d", "/etc/docker/certs.d"]
    package var proxies = Proxies()
    /// How often a transfer is taken up again without having got any further.
    package var maxAttempts = 5
    /// A registry that is silent for so long is taken for gone.
    package var silence = Duration.seconds(60)
    /// The longest `Retry-After` that is waited for.
    package var patience = Duration.seconds(90)

    package init() {}
}

/// The HTTP proxies of the daemon's configuration and environment.
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
    package func proxy(for address: Address) -> ProxyAddress? {
        let text = address.scheme == "https" ? https : http
        guard !text.isEmpty, !isExcluded(address) else { return nil }
        return ProxyAddress(text)
    }

    private func isExcluded(_ address: Address) -> Bool {
        let host = address.host
        if Network.isLoopback(host) { return true }
        for part in none.split(separator: ",") {
            let rule = part.filter { $0 != " " }.lowercased()
            if rule == "*" { return true }
            if rule.contains("/") {
                if let network = Network(rule), network.contains(host) { return true }
                continue
            }
            let (name, port) = Address.split(rule)
            if let port, port != address.port { continue }
            if name == host { return true }
            let domain = name.hasPrefix("*.") ? String(name.dropFirst()) : name.hasPrefix(".") ? name : "." + name
            if host.hasSuffix(domain) { return true }
        }
        return false
    }
}

/// `http://user:password@proxy:3128`, or without a scheme.
package struct ProxyAddress: Hashable, Sendable {
    let host: String
    let port: Int
    let username: String
    let password: String

    /// Without the name and the password.
    package var address: String { "http://\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    var login: HTTPClient.Authorization? {
        username.isEmpty ? nil : .basic(username: username, password: password)
    }

    init?(_ text: String) {
        var rest = Substring(text)
        if let range = rest.firstRange(of: "://") {
            // TLS to the proxy itself and SOCKS are other protocols.
            guard rest[..<range.lowerBound].lowercased() == "http" else { return nil }
            rest = rest[range.upperBound...]
        }
        rest = rest.prefix { $0 != "/" }
        var user = ""
        var secret = ""
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = Address.unescaped(String(parts[0]))
            secret = parts.count > 1 ? Address.unescaped(String(parts[1])) : ""
            rest = rest[rest.index(after: at)...]
        }
        let (name, number) = Address.split(String(rest))
        guard !name.isEmpty else { return nil }
        host = name
        port = number ?? 80
        username = user
        password = secret
    }
}
