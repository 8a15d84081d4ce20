internal import Glibc
internal import Linux

/// What one call of the program has in common: its environment, where the daemon is, and the client.
final class ClientSession {
    let environment: Environment
    private let explicitHost: String?
    private var made: Client?
    var isDebug = false
    /// What `--config` says.
    var configurationDirectory: String?

    init(environment: Environment, host: String?) {
        self.environment = environment
        explicitHost = host
    }

    /// Nil when the user named no daemon, and the default one is meant.
    private func host() -> String? {
        for candidate in [explicitHost, environment["GANTRY_HOST"], environment["DOCKER_HOST"]] {
            if let candidate, !candidate.isEmpty { return candidate }
        }
        return nil
    }

    func endpoint() throws(CommandError) -> DaemonEndpoint {
        guard let host = host() else { return .standard }
        return try DaemonEndpoint(host)
    }

    func client() throws(CommandError) -> Client {
        if let made { return made }
        let endpoint = try endpoint()
        let mayStart = host() == nil
        let asked = environment["DOCKER_API_VERSION"].flatMap { $0.isEmpty ? nil : $0 }
        let configuration = try? ClientConfiguration(environment: environment, directory: configurationDirectory)
        let client = Client(endpoint, version: asked, headers: configuration?.headers ?? []) {
            () throws(CommandError) -> Socket in
            do throws(SystemError) {
                return try Socket(connectedTo: endpoint)
            } catch {
                return try Reaching.recover(from: error, endpoint: endpoint, mayStart: mayStart)
            }
        }
        made = client
        return client
    }
}

/// The environment of this process, read when asked.
struct Environment {
    subscript(name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
