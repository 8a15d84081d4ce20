/// Decides who receives the user's credentials and which token is sent instead.
extension RegistrySession {
    /// The Authorization header for the registry's challenge; a cached token while it is valid.
    func authorization(_ scopes: [String], isRenewed: Bool) async throws(RegistryError) -> String? {
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
        // The registry may require more scopes than expected.
        if isRenewed, let scope = challenge.parameters["scope"], !scope.isEmpty { wanted.insert(scope) }
        let realm = try await tokenService(challenge)
        let key = TokenCache.Key(
            registry: origin?.description ?? "", realm: realm.description,
            service: challenge.parameters["service"] ?? "", scopes: wanted.sorted(), credentials: credentials)
        if isRenewed {
            await client.tokens.drop(key)
        } else if let token = await client.tokens.value(key) {
            return token
        }
        let grant = try await TokenGrant.ask(
            realm, key, client, acceptsAnyCertificate: acceptsAnyCertificate(for: realm))
        await client.tokens.keep(grant.token, for: key, seconds: grant.seconds)
        return grant.token
    }

    /// The token service named by the registry's challenge. It receives the user's credentials, so a hostile registry must not
    /// direct them to plain HTTP or to a service on this machine (CVE-2026-48978).
    private func tokenService(_ challenge: Challenge) async throws(RegistryError) -> Address {
        guard let realm = challenge.parameters["realm"].flatMap(Address.init) else {
            throw .invalid("registry \(authority) asks for a token without saying where")
        }
        let host = Address.split(authority)?.host ?? ""
        if realm.host == host {
            if origin?.scheme == "https", realm.scheme == "http" { throw refusal(of: realm, "a token needs TLS") }
            return realm
        }
        // Plain HTTP only if the registry itself uses it and the token host is listed as insecure.
        if realm.scheme == "http", origin?.scheme != "http" || !client.isNamedInsecure(realm.authority) {
            throw refusal(of: realm, "a token needs TLS")
        }
        let addresses = await client.addresses(of: realm.host)
        let own = await client.addresses(of: host)
        for reach in Network.Reach.allCases
        where addresses.contains(where: reach.includes) && !own.contains(where: reach.includes) {
            throw refusal(of: realm, reach == .machine ? "that is this machine" : "that is no address for a registry")
        }
        return realm
    }

    private nonisolated func refusal(of realm: Address, _ reason: String) -> RegistryError {
        let place = "\(realm.scheme)://\(realm.authority)"
        return .invalid("registry \(authority) names the token service \(place), which is refused: \(reason)")
    }

    /// Checks the credentials. Returns a refresh token if the registry issues one, else "".
    package func logIn() async throws(RegistryError) -> String {
        let address = try await findOrigin()
        guard let challenge else { return "" }
        var identity = ""
        var headers: [(String, String)] = []
        if challenge.scheme == "bearer" {
            let realm = try await tokenService(challenge)
            let key = TokenCache.Key(
                registry: address.description, realm: "", service: challenge.parameters["service"] ?? "", scopes: [],
                credentials: credentials)
            let grant = try await TokenGrant.ask(
                realm, key, client, acceptsAnyCertificate: acceptsAnyCertificate(for: realm), isOffline: true)
            identity = grant.identity
            headers = [("Authorization", "Bearer " + grant.token)]
        } else if let credentials {
            headers = [("Authorization", "Basic " + credentials.basic)]
        }
        let answer = try await client.send(
            "GET", address, headers, acceptsAnyCertificate: acceptsAnyCertificate(for: address))
        await answer.discard()
        guard answer.status == 200 else {
            let word = answer.status == 401 ? " Unauthorized" : ""
            throw .unauthorized(message: "login attempt to \(address) failed with status: \(answer.status)\(word)")
        }
        return identity
    }
}
