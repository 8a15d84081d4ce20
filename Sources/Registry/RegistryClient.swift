internal import AsyncHTTPClient
internal import NIOCore
package import OCI

/// Connections to registries, shared by all pulls.
package final class RegistryClient: Sendable {
    let http: HTTPClient
    private let insecureRegistries: [String]
    private let mirrors: [String]

    /// - Parameters:
    ///   - insecureRegistries: `host` or `host:port`, may be spoken to in the clear.
    ///   - mirrors: addresses tried before `docker.io`: `https://mirror.example`.
    package init(insecureRegistries: [String] = [], mirrors: [String] = []) {
        self.insecureRegistries = insecureRegistries
        self.mirrors = mirrors
        var configuration = HTTPClient.Configuration()
        // Followed here, where it is known which headers another host must not see.
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(15)
        configuration.timeout.read = .seconds(60)
        // Who waits wants to know that nobody answers.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Once, when no session is in use any more.
    package func shutdown() async {
        try? await http.shutdown()
    }

    /// The ways to a repository: mirrors first, its registry last.
    package func sessions(for reference: Reference, credentials: RegistryCredentials?) -> [RegistrySession] {
        var sessions: [RegistrySession] = []
        if reference.domain == "docker.io" {
            for mirror in mirrors {
                guard let address = Address(mirror) else { continue }
                sessions.append(
                    RegistrySession(
                        http: http, path: reference.path, authority: address.authority,
                        schemes: [address.scheme], credentials: nil))
            }
            sessions.append(
                RegistrySession(
                    http: http, path: reference.path, authority: "registry-1.docker.io", schemes: ["https"],
                    credentials: credentials))
        } else {
            let isInsecure = isInsecure(reference.domain)
            sessions.append(
                RegistrySession(
                    http: http, path: reference.path, authority: reference.domain.lowercased(),
                    schemes: isInsecure ? ["http", "https"] : ["https"], credentials: credentials))
        }
        return sessions
    }

    private func isInsecure(_ domain: String) -> Bool {
        let host = Address.split(domain).host
        return Address.isLoopback(host) || insecureRegistries.contains(domain) || insecureRegistries.contains(host)
    }
}
