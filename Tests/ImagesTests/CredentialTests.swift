import Foundation
import Images
import OCI
import Registry
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What a hostile registry, or a host that one redirects to, can find out about the user's credentials: nothing
/// (CVE-2020-15157, CVE-2026-48978, CVE-2026-50151, CVE-2026-33540, GHSA-vh4v-2xq2-g5cg).
@Suite(.enabled(if: isRoot, "unpacking needs root"), .timeLimit(.minutes(2)))
struct CredentialTests {
    static let password = RegistryCredentials(username: "alice", password: "canary-password-4711")
    static let refreshToken = RegistryCredentials(username: "alice", identityToken: "canary-refresh-4711")

    /// Without a hostile host everything works, or the tests below would say nothing.
    @Test(arguments: [password, refreshToken])
    func pullsAndPushesWithCredentials(credentials: RegistryCredentials) async throws {
        let registry = try await TwoHosts("plain")
        try await Fixture.with { fixture in
            _ = try await fixture.images.pull(registry.name, credentials: credentials) { _ in }
            try await fixture.images.push(registry.name, credentials: credentials) { _ in }
        }
        let requests = try await registry.requests()
        #expect(requests.contains { $0.host == "main" && $0.text.contains("Bearer canary-token-4711") })
        #expect(requests.allSatisfy { $0.host == "main" })
    }

    @Test(arguments: ["blob", "basic", "manifest", "later", "back"], ["other", "sibling"])
    func keepsSecretsFromHostsOfRedirects(kind: String, host: String) async throws {
        let registry = try await TwoHosts("\(kind)-\(host)")
        try await Fixture.with { fixture in
            // The second pull would use what the first one has learnt.
            for _ in 0..<2 {
                let result = await Result { () async throws -> ImageID in
                    try await fixture.images.pull(registry.name, credentials: Self.password) { _ in }
                }
                guard kind != "back" else { continue }
                #expect(throws: ImageError.self) { try result.get() }
                #expect("\(result)".contains("are only for that registry"), "\(result)")
            }
        }
        let requests = try await registry.requests()
        #expect(requests.contains { $0.host == host }, "it was never asked")
        expectNoSecrets(requests.filter { $0.host != "main" })
        // Who comes back from another host comes by that host's word.
        let back = requests.filter { $0.host == "main" && $0.line.contains("/again/") }
        #expect(back.isEmpty == (kind != "back"))
        expectNoSecrets(back)
    }

    @Test func asksNoOtherHostForLayers() async throws {
        let registry = try await TwoHosts("urls")
        try await Fixture.with { fixture in
            do {
                _ = try await fixture.images.pull(registry.name, credentials: Self.password) { _ in }
                Issue.record("pulled")
            } catch {
                #expect("\(error)".hasPrefix("unknown blob"), "\(error)")
            }
        }
        #expect(try await registry.requests().allSatisfy { $0.host == "main" })
    }

    @Test(arguments: ["other", "sibling"])
    func keepsSecretsFromHostsOfUploads(host: String) async throws {
        let registry = try await TwoHosts("upload-\(host)")
        try await Fixture.with { fixture in
            try await fixture.import(["a": "1"], registry.name.familiar + ":latest")
            // Refused when credentials are asked for; done when they are not, as the second time here.
            await #expect(throws: ImageError.self) {
                try await fixture.images.push(registry.name.withDefaultTag, credentials: Self.password) { _ in }
            }
            try await fixture.images.push(registry.name.withDefaultTag, credentials: Self.password) { _ in }
        }
        let requests = try await registry.requests()
        #expect(requests.contains { $0.host == host && $0.line.hasPrefix("PUT") })
        expectNoSecrets(requests.filter { $0.host != "main" })
    }

    @Test(arguments: ["other", "sibling"], [password, refreshToken])
    func keepsSecretsFromRedirectsOfTokenServices(host: String, credentials: RegistryCredentials) async throws {
        let registry = try await TwoHosts("token-\(host)")
        try await Fixture.with { fixture in
            await #expect(throws: ImageError.self) {
                _ = try await fixture.images.pull(registry.name, credentials: credentials) { _ in }
            }
            let session = await fixture.images.registry.session(for: registry.name, credentials: credentials)
            await #expect(throws: RegistryError.self) { try await session.logIn() }
        }
        let requests = try await registry.requests()
        #expect(requests.contains { $0.line.contains("/token") })
        expectNoSecrets(requests.filter { $0.host != "main" })
    }

    /// `127.2` is the other host by a name that nobody has called insecure.
    @Test(arguments: [
        ("http://127.2:OTHER/token", false, "a token needs TLS"),
        ("https://127.2:SECURE/token", false, "failed to verify certificate"),
        ("https://127.2:SECURE/token", true, "failed to verify certificate"),
        ("http://127.0.0.2:OTHER/token", true, "a token needs TLS"),
        ("http://127.0.0.1:MAIN/token", true, "a token needs TLS"),
        ("http://169.254.169.254/latest/meta-data", false, "a token needs TLS"),
        ("https://169.254.169.254/latest/meta-data", false, "that is no address for a registry"),
        ("https://2852039166/latest/meta-data", false, "that is no address for a registry"),
        ("https://[::ffff:169.254.169.254]/", true, "that is no address for a registry"),
        ("https://[fe80::1]/", true, "that is no address for a registry"),
        ("http://alice@127.0.0.2:OTHER/token", false, "without saying where"),
        ("http://127.0.0.2:OTHER\\@127.0.0.1/token", false, "without saying where"),
        ("ftp://127.0.0.2:OTHER/token", false, "without saying where"),
        ("http://127.0.0.2:99999/token", false, "without saying where"),
        ("http://127.0.0.2:-1/token", false, "without saying where"),
        ("http://127.0.0.2:9223372036854775808/token", false, "without saying where"),
    ])
    func keepsSecretsFromHostileRealms(realm: String, isSecure: Bool, reason: String) async throws {
        let registry = try await TwoHosts("plain", ["--realm", realm] + (isSecure ? ["--tls", "yes"] : []))
        try await Fixture.with { fixture in
            for credentials in [Self.password, Self.refreshToken] {
                do {
                    _ = try await fixture.images.pull(registry.name, credentials: credentials) { _ in }
                    Issue.record("pulled")
                } catch {
                    #expect("\(error)".contains(reason), "\(error)")
                }
                let session = await fixture.images.registry.session(for: registry.name, credentials: credentials)
                await #expect(throws: RegistryError.self) { try await session.logIn() }
            }
        }
        expectNoSecrets(try await registry.requests())
    }

    /// Any certificate will do for the registry, a loopback address; not for the host that it redirects to.
    @Test func insecureIsTheRegistryAlone() async throws {
        let registry = try await TwoHosts("blob-secure")
        try await Fixture.with { fixture in
            do {
                _ = try await fixture.images.pull(registry.name, credentials: Self.password) { _ in }
                Issue.record("pulled")
            } catch {
                #expect("\(error)".contains("failed to verify certificate"), "\(error)")
            }
        }
        expectNoSecrets(try await registry.requests().filter { $0.host != "main" })
    }

    /// A registry elsewhere that sends us to ourselves, here by way of a proxy.
    @Test(arguments: ["127.0.0.2", "127.2", "localhost"])
    func keepsSecretsFromThisMachine(host: String) async throws {
        let registry = try await TwoHosts("plain", ["--realm", "http://\(host):OTHER/token"])
        var options = ImageOptions()
        options.registry.proxies = Proxies(http: "http://127.0.0.1:\(try #require(registry.ports["main"]))")
        options.registry.insecureRegistries = ["registry.test", "127.2"]
        try await Fixture.with(options) { fixture in
            do {
                _ = try await fixture.images.pull(try Reference("registry.test/x"), credentials: Self.password) { _ in }
                Issue.record("pulled")
            } catch {
                #expect("\(error)".contains("refused: that is this machine"), "\(error)")
            }
        }
        expectNoSecrets(try await registry.requests())
    }

    @Test(arguments: ["mirror", "basic"], ["other", "sibling"])
    func keepsSecretsFromMirrors(kind: String, host: String) async throws {
        let registry = try await TwoHosts("\(kind)-\(host)")
        var options = ImageOptions()
        let address = host == "other" ? "127.0.0.2" : "127.0.0.1"
        options.registry.mirrors = [
            registry.name.domain: ["http://\(address):\(try #require(registry.ports[host]))/cache"]
        ]
        try await Fixture.with(options) { fixture in
            // The registry itself has the last word; the one with a password redirects and fails in the end.
            do {
                _ = try await fixture.images.pull(registry.name, credentials: Self.password) { _ in }
                #expect(kind == "mirror")
            } catch {
                #expect(kind == "basic", "\(error)")
            }
        }
        let requests = try await registry.requests()
        #expect(requests.contains { $0.host == host && $0.line.contains("/v2/cache/x/manifests/") })
        #expect(requests.contains { $0.host == "main" && $0.text.contains(Self.pair) })
        // What a mirror gave for nothing it may see again.
        expectNoSecrets(
            requests.filter { $0.host != "main" && !$0.text.contains("Authorization: Bearer stolen") })
        #expect(requests.allSatisfy { $0.host == "main" || !$0.text.contains("canary") })
    }

    private static let pair = Data("alice:canary-password-4711".utf8).base64EncodedString()

    /// Nothing that proves who the user is, wherever it may stand in a request.
    private func expectNoSecrets(_ requests: [TwoHosts.Request]) {
        for request in requests {
            for secret in ["canary", Self.pair, Data("canary".utf8).base64EncodedString(), "Authorization"] {
                #expect(!request.text.lowercased().contains(secret.lowercased()), "\(request)")
            }
        }
    }
}

/// `two-hosts-registry.py`.
private struct TwoHosts {
    struct Request: Sendable {
        let host: String
        let line: String
        /// Everything there is of it.
        let text: String
    }

    let ports: [String: Int]
    let name: Reference
    private let service: Service
    private let log: URL

    init(_ mode: String, _ options: [String] = []) async throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("two-hosts-registry.py").path
        service = try Service(["python3", script, mode] + options)
        log = try #require(URL(string: "http://127.0.0.1:\(try service.port())/log"))
        ports = try await Self.read(log)["ports"] as? [String: Int] ?? [:]
        name = try Reference("127.0.0.1:\(try #require(ports["main"]))/x")
    }

    func requests() async throws -> [Request] {
        let rows = try await Self.read(log)["requests"] as? [[String: Any]] ?? []
        return rows.map { row in
            let headers = (row["headers"] as? [[String]] ?? []).map { $0.joined(separator: ": ") }
            let line = row["line"] as? String ?? ""
            let text = ([line] + headers + [row["body"] as? String ?? ""]).joined(separator: "\n")
            return Request(host: row["host"] as? String ?? "", line: line, text: text)
        }
    }

    private static func read(_ log: URL) async throws -> [String: Any] {
        let (data, _) = try await URLSession.shared.data(from: log)
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
