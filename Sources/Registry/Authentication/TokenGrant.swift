internal import JSON

/// The response of a token service (distribution, token authentication specification).
struct TokenGrant: Sendable {
    let token: String
    /// The lifetime, if stated.
    let seconds: Int64?
    /// A refresh token, when one was requested; "" otherwise.
    let identity: String

    /// Requests a token: with a refresh token by POST, otherwise with a password or anonymously by GET.
    static func ask(
        _ realm: Address, _ key: TokenCache.Key, _ client: RegistryClient, acceptsAnyCertificate: Bool,
        isOffline: Bool = false
    ) async throws(RegistryError) -> TokenGrant {
        let credentials = key.credentials
        let answer: Answer
        if let refresh = credentials?.identityToken, !refresh.isEmpty {
            let fields = [
                ("grant_type", "refresh_token"), ("service", key.service), ("client_id", "gantry"),
                ("scope", key.scopes.joined(separator: " ")), ("refresh_token", refresh),
            ]
            let form = fields.map { "\($0)=\(Address.escaped($1))" }.joined(separator: "&")
            answer = try await client.send(
                "POST", realm, [("Content-Type", "application/x-www-form-urlencoded")], .bytes(Array(form.utf8)),
                acceptsAnyCertificate: acceptsAnyCertificate)
        } else {
            var address: Address? = realm
            func add(_ name: String, _ value: String) { address = address?.adding(name, value) }
            if !key.service.isEmpty { add("service", key.service) }
            for scope in key.scopes { add("scope", scope) }
            if isOffline {
                add("offline_token", "true")
                add("client_id", "gantry")
            }
            var headers: [(String, String)] = []
            if let credentials, !credentials.username.isEmpty {
                add("account", credentials.username)
                headers.append(("Authorization", "Basic " + credentials.basic))
            }
            guard let address else { throw .invalid("invalid token address \(realm)") }
            answer = try await client.send("GET", address, headers, acceptsAnyCertificate: acceptsAnyCertificate)
        }
        guard answer.status == 200 else { throw await answer.refusal() }
        let json = try? JSON.parse(try await answer.collect(limit: 1 << 20))
        let texts = ["token", "access_token"].compactMap { json?[$0]?.stringValue }
        guard let token = texts.first(where: { !$0.isEmpty }), token.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
            throw .invalid("the token service at \(realm.authority) gave no token")
        }
        return TokenGrant(
            token: token, seconds: json?["expires_in"]?.intValue, identity: json?["refresh_token"]?.stringValue ?? "")
    }
}
