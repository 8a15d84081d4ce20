internal import ByteText
internal import JSON
internal import NIOCore

/// The connection to one repository of one registry, with credentials and authentication state.
package actor RegistrySession {
    nonisolated let client: RegistryClient
    nonisolated let endpoint: RegistryEndpoint
    /// `library/busybox`, as the registry calls it.
    package nonisolated let path: String
    nonisolated let credentials: RegistryCredentials?
    nonisolated let notice: RegistryClient.Notice
    /// `https://registry.example/`, once it has answered.
    private(set) var origin: Address?
    /// The registry's challenge: see ``rememberChallenge(_:)``.
    private(set) var challenge: Challenge?

    init(
        client: RegistryClient, endpoint: RegistryEndpoint, path: String, credentials: RegistryCredentials?,
        notice: @escaping RegistryClient.Notice
    ) {
        self.client = client
        self.endpoint = endpoint
        self.path = path
        self.credentials = credentials
        self.notice = notice
    }

    /// The registry's name and port.
    package nonisolated var authority: String { endpoint.authority }

    /// Whether this is a mirror rather than the registry itself.
    package nonisolated var isMirror: Bool { endpoint.isMirror }

    struct Request: Sendable {
        var method = "GET"
        var address: Address
        var headers: [(String, String)] = []
        var body = RegistryClient.Body.none
        /// The permissions that a token must grant.
        var scopes: [String]
        var accepted: Set<Int> = [200]
        /// How often the request is retried when the registry fails.
        var repeats = 3
    }

    // MARK: Requests

    /// A URL of the registry. Finds the registry's scheme first if needed.
    func address(_ target: String) async throws(RegistryError) -> Address {
        guard let address = try await findOrigin().resolve(target) else {
            throw .invalid("invalid registry address \(authority)")
        }
        return address
    }

    /// Sends a request, authenticates, waits on 429, and follows redirects of GET and HEAD. Throws unless the status is accepted.
    func perform(_ request: Request) async throws(RegistryError) -> Answer {
        var failures = 0
        var waits = 0
        var isRenewed = false
        while true {
            let answer: Answer
            do throws(RegistryError) {
                answer = try await follow(request, isRenewed: isRenewed)
            } catch {
                // Once the registry has answered before, a timeout counts as a broken transfer and is retried.
                failures += 1
                guard case .broken = error, failures <= request.repeats else { throw error }
                try await Self.pause(failures)
                continue
            }
            if request.accepted.contains(answer.status) { return answer }
            switch answer.status {
            // A challenge from another host must not get this registry's credentials (CVE-2020-15157).
            case 401 where !isOrigin(request.address) || answer.address != request.address:
                await answer.discard()
                throw .refused(
                    status: 401, code: "",
                    message: "\(answer.address.authority) wants credentials, and those of registry \(authority), "
                        + "which redirects there, are only for that registry")
            case 401 where !isRenewed:
                isRenewed = true
                let refusal = await answer.refusal()
                guard rememberChallenge(answer) else { throw refusal }
                // The same credentials would be refused again.
                if challenge?.scheme == "basic", credentials?.username.isEmpty ?? true { throw .anonymous }
            case 429:
                waits += 1
                let refusal = await answer.refusal()
                guard waits <= 5, try await wait(refusal, waits) else { throw refusal }
            case 500... where failures < request.repeats:
                failures += 1
                await answer.discard()
                try await Self.pause(failures)
            default: throw await answer.refusal()
            }
        }
    }

    private func follow(_ request: Request, isRenewed: Bool) async throws(RegistryError) -> Answer {
        var authorization =
            isOrigin(request.address) ? try await authorization(request.scopes, isRenewed: isRenewed) : nil
        let mayFollow = request.method == "GET" || request.method == "HEAD"
        var address = request.address
        for _ in 0..<6 {
            var headers = request.headers
            // A storage service behind a redirect has its own signature. Once a redirect has left the origin, credentials are not
            // sent again even if a later one returns to it (CVE-2024-45336).
            if !address.hasSameOrigin(as: request.address) { authorization = nil }
            if let authorization { headers.append(("Authorization", authorization)) }
            let answer = try await client.send(
                request.method, address, headers, request.body,
                acceptsAnyCertificate: acceptsAnyCertificate(for: address))
            guard mayFollow, [301, 302, 303, 307, 308].contains(answer.status) else { return answer }
            await answer.discard()
            guard let location = answer.header("Location"), let next = address.resolve(location) else {
                throw .invalid("registry \(authority) redirects without a valid location")
            }
            if address.scheme == "https", next.scheme == "http" {
                throw .invalid("registry \(authority) redirects from https to http://\(next.authority), refused")
            }
            address = next
        }
        throw .invalid("registry \(authority) redirects too often")
    }

    /// Whether a URL is on the registry's own origin: credentials go only there and challenges are accepted only from there
    /// (CVE-2020-15157). Another port is another origin (GHSA-vh4v-2xq2-g5cg).
    private func isOrigin(_ address: Address) -> Bool { origin.map { address.hasSameOrigin(as: $0) } ?? false }

    /// Whether to accept any certificate: "insecure" applies to the listed host, not to hosts it redirects to.
    nonisolated func acceptsAnyCertificate(for address: Address) -> Bool {
        address.host == Address.split(authority)?.host ? endpoint.isInsecure : client.isNamedInsecure(address.authority)
    }

    /// Waits as long as the registry asks, after a message to the user; false when that is too long.
    private func wait(_ refusal: RegistryError, _ attempt: Int) async throws(RegistryError) -> Bool {
        guard case .tooManyRequests(_, let asked) = refusal else { return false }
        let seconds = asked ?? (1 << attempt)
        guard Duration.seconds(seconds) <= client.options.patience else { return false }
        notice("\(authority) is asked too often and wants a pause; going on in \(RetryAfter.words(seconds))")
        try await Self.sleep(.seconds(seconds))
        return true
    }

    // MARK: Scheme

    /// Requests `/v2/` once to choose between https and http; the response also has the challenge.
    func findOrigin() async throws(RegistryError) -> Address {
        if let origin { return origin }
        var failure: RegistryError?
        for scheme in endpoint.schemes {
            guard let address = Address("\(scheme)://\(authority)/v2/") else { throw invalidAuthority(scheme) }
            let answer: Answer
            do throws(RegistryError) {
                answer = try await client.send("GET", address, [], acceptsAnyCertificate: endpoint.isInsecure)
            } catch {
                if case .cancelled = error { throw error }
                failure = error
                continue
            }
            // A TLS server answers a plain HTTP client with status 400.
            if scheme == "http", answer.status == 400, endpoint.schemes.count > 1, let failure { throw failure }
            await answer.discard()
            if answer.status == 401 { rememberChallenge(answer) }
            origin = address
            return address
        }
        throw failure ?? .unreachable("registry \(authority) does not answer")
    }

    /// Go's error text for an invalid port.
    private nonisolated func invalidAuthority(_ scheme: String) -> RegistryError {
        let port = authority.lastIndex(ofByte: ":").map { authority[authority.utf8.index(after: $0)...] } ?? ""
        return .unreachable("Get \"\(scheme)://\(authority)/v2/\": dial tcp: address \(port): invalid port")
    }

    /// Stores the challenge. Only for responses of the registry itself to requests that were not redirected.
    @discardableResult
    private func rememberChallenge(_ answer: Answer) -> Bool {
        let known = answer.headers(named: "WWW-Authenticate").compactMap(Challenge.init)
        guard
            let found = known.first(where: { $0.scheme == "bearer" }) ?? known.first(where: { $0.scheme == "basic" })
        else { return false }
        challenge = found
        return true
    }

    // MARK: Time

    static func pause(_ attempt: Int) async throws(RegistryError) {
        try await sleep(.milliseconds(100 << min(attempt, 6)))
    }

    static func sleep(_ duration: Duration) async throws(RegistryError) {
        do {
            // timer: the pause a registry asks for.
            try await Task.sleep(for: duration)
        } catch {
            throw .cancelled
        }
    }
}
