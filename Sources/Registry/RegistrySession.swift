internal import JSON
internal import NIOCore

/// One repository of one registry: how it is reached, who asks, and what it wants to see first.
package actor RegistrySession {
    nonisolated let client: RegistryClient
    nonisolated let endpoint: Endpoint
    /// `library/busybox`, as the registry calls it.
    package nonisolated let path: String
    nonisolated let credentials: RegistryCredentials?
    nonisolated let notice: RegistryClient.Notice
    /// `https://registry.example`, once it has answered.
    private var origin: String?
    private var challenge: Challenge?

    init(
        client: RegistryClient, endpoint: Endpoint, path: String, credentials: RegistryCredentials?,
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

    /// Whether this is somebody who repeats what the registry has.
    package nonisolated var isMirror: Bool { endpoint.isMirror }

    struct Request: Sendable {
        var method = "GET"
        var address: Address
        var headers: [(String, String)] = []
        var body = RegistryClient.Body.none
        /// What the answer to a challenge must allow.
        var scopes: [String]
        var accepted: Set<Int> = [200]
        /// How often it is sent again when the registry fails.
        var repeats = 3
    }

    // MARK: Requests

    /// An address of the registry, which has answered at least once then.
    func address(_ target: String) async throws(RegistryError) -> Address {
        guard let address = Address(try await findOrigin() + target) else {
            throw .invalid("invalid registry address \(authority)")
        }
        return address
    }

    /// Sends, answers the challenge, waits when told to, follows redirects of what is only read. Anything but an
    /// accepted status is thrown.
    func perform(_ request: Request) async throws(RegistryError) -> Answer {
        var failures = 0
        var waits = 0
        var isRenewed = false
        while true {
            let answer: Answer
            do throws(RegistryError) {
                answer = try await follow(request, isRenewed: isRenewed)
            } catch {
                // Silence is broken, not final, once the registry has answered before.
                failures += 1
                guard case .broken = error, failures <= request.repeats else { throw error }
                try await Self.pause(failures)
                continue
            }
            if request.accepted.contains(answer.status) { return answer }
            switch answer.status {
            case 401 where !isRenewed:
                isRenewed = true
                let refusal = await answer.refusal()
                guard learn(answer) else { throw refusal }
                // The same words again would be refused again.
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
        let isOurs = await isOurs(request.address)
        let authorization =
            isOurs ? try await authorization(request.scopes, isRenewed: isRenewed) : nil
        let mayFollow = request.method == "GET" || request.method == "HEAD"
        var address = request.address
        for _ in 0..<6 {
            var headers = request.headers
            // Only to the service that asked for it: a storage service behind a redirect has its own signature.
            if let authorization, address.hasSameOrigin(as: request.address) {
                headers.append(("Authorization", authorization))
            }
            let answer = try await client.send(
                request.method, address, headers, request.body, isBlind: endpoint.isInsecure)
            guard mayFollow, [301, 302, 303, 307, 308].contains(answer.status) else { return answer }
            await answer.discard()
            guard let location = answer.header("Location"), let next = address.resolve(location) else {
                throw .invalid("registry \(authority) redirects to nowhere")
            }
            if address.scheme == "https", next.scheme == "http" {
                throw .invalid("registry \(authority) redirects from https to http://\(next.authority), refused")
            }
            address = next
        }
        throw .invalid("registry \(authority) redirects too often")
    }

    /// Whether an address is the registry's own: only there credentials go (CVE-2020-15157).
    private func isOurs(_ address: Address) async -> Bool {
        origin.flatMap { Address($0) }.map { address.hasSameOrigin(as: $0) } ?? false
    }

    /// Waits as long as the registry asks for and tells the user; false when that is too long.
    private func wait(_ refusal: RegistryError, _ attempt: Int) async throws(RegistryError) -> Bool {
        guard case .tooManyRequests(_, let asked) = refusal else { return false }
        let seconds = asked ?? (1 << attempt)
        guard Duration.seconds(seconds) <= client.options.patience else { return false }
        notice("\(authority) is asked too often and wants a pause; going on in \(RetryAfter.words(seconds))")
        try await Self.sleep(.seconds(seconds))
        return true
    }

    // MARK: Finding the way

    /// Asks `/v2/` once: what answers there decides between https and http, and brings the challenge.
    func findOrigin() async throws(RegistryError) -> String {
        if let origin { return origin }
        var failure: RegistryError?
        for scheme in endpoint.schemes {
            guard let address = Address("\(scheme)://\(authority)/v2/") else { continue }
            let answer: Answer
            do throws(RegistryError) {
                answer = try await client.send("GET", address, [], isBlind: endpoint.isInsecure)
            } catch {
                if case .cancelled = error { throw error }
                failure = error
                continue
            }
            // A TLS server tells a plain client so with status 400.
            if scheme == "http", answer.status == 400, endpoint.schemes.count > 1, let failure { throw failure }
            await answer.discard()
            learn(answer)
            let found = "\(scheme)://\(authority)"
            origin = found
            return found
        }
        throw failure ?? .unreachable("registry \(authority) does not answer")
    }

    /// Remembers how the registry wants to be asked.
    @discardableResult
    private func learn(_ answer: Answer) -> Bool {
        let known = answer.headers(named: "WWW-Authenticate").compactMap(Challenge.init)
        guard
            let found = known.first(where: { $0.scheme == "bearer" }) ?? known.first(where: { $0.scheme == "basic" })
        else { return false }
        challenge = found
        return true
    }

    /// What the challenge asks for, from memory while it is good.
    private func authorization(_ scopes: [String], isRenewed: Bool) async throws(RegistryError) -> String? {
        if let token = credentials?.registryToken, !token.isEmpty { return "Bearer " + token }
        guard let challenge else { return nil }
        guard challenge.scheme == "bearer" else {
            guard let credentials, !credentials.username.isEmpty else { return nil }
            return "Basic " + credentials.basic
        }
        return "Bearer "
            + (try await token(challenge, scopes: scopes, isRenewed: isRenewed))
    }

    private func token(
        _ challenge: Challenge, scopes: [String], isRenewed: Bool
    ) async throws(RegistryError) -> String {
        var wanted = Set(scopes)
        // A registry that asks for more than we thought knows why.
        if isRenewed, let scope = challenge.parameters["scope"], !scope.isEmpty { wanted.insert(scope) }
        let realm = try tokenService(challenge)
        let key = TokenCache.Key(
            realm: realm.description, service: challenge.parameters["service"] ?? "", scopes: wanted.sorted(),
            credentials: credentials)
        if isRenewed {
            await client.tokens.drop(key)
        } else if let token = await client.tokens.value(key) {
            return token
        }
        let grant = try await TokenGrant.ask(realm, key, client, isBlind: endpoint.isInsecure)
        await client.tokens.keep(grant.token, for: key, seconds: grant.seconds)
        return grant.token
    }

    private func tokenService(_ challenge: Challenge) throws(RegistryError) -> Address {
        guard let realm = challenge.parameters["realm"].flatMap(Address.init) else {
            throw .invalid("registry \(authority) asks for a token without saying where")
        }
        if origin?.hasPrefix("https:") == true, realm.scheme == "http" {
            throw .invalid("registry \(authority) sends for its token to http://\(realm.authority), refused")
        }
        return realm
    }

    // MARK: Logging in

    /// Tries the credentials. Returns a refresh token when the registry has one to give, else "".
    package func logIn() async throws(RegistryError) -> String {
        let address = try await address("/v2/")
        guard let challenge else { return "" }
        var identity = ""
        var headers: [(String, String)] = []
        if challenge.scheme == "bearer" {
            let key = TokenCache.Key(
                realm: "", service: challenge.parameters["service"] ?? "", scopes: [], credentials: credentials)
            let grant = try await TokenGrant.ask(
                try tokenService(challenge), key, client, isBlind: endpoint.isInsecure, isOffline: true)
            identity = grant.identity
            headers = [("Authorization", "Bearer " + grant.token)]
        } else if let credentials {
            headers = [("Authorization", "Basic " + credentials.basic)]
        }
        let answer = try await client.send("GET", address, headers, isBlind: endpoint.isInsecure)
        await answer.discard()
        guard answer.status == 200 else {
            let word = answer.status == 401 ? " Unauthorized" : ""
            throw .unauthorized(message: "login attempt to \(address) failed with status: \(answer.status)\(word)")
        }
        return identity
    }

    // MARK: Time

    static func pause(_ attempt: Int) async throws(RegistryError) {
        try await sleep(.milliseconds(100 << min(attempt, 6)))
    }

    static func sleep(_ duration: Duration) async throws(RegistryError) {
        do {
            try await Task.sleep(for: duration)
        } catch {
            throw .cancelled
        }
    }
}
