/// Tokens that are still good, shared by everything that goes to the same registry.
actor TokenCache {
    struct Key: Hashable {
        /// The registry that sent us to the realm: a token is for nobody else, whatever another one says of its realm.
        let registry: String
        let realm: String
        let service: String
        /// Sorted.
        let scopes: [String]
        let credentials: RegistryCredentials?
    }

    private var tokens: [Key: (value: String, expires: ContinuousClock.Instant)] = [:]

    func value(_ key: Key) -> String? {
        guard let token = tokens[key], token.expires > .now else { return nil }
        return token.value
    }

    /// Without a time a token lives a minute (distribution, token specification).
    func keep(_ value: String, for key: Key, seconds: Int64?) {
        let now = ContinuousClock.now
        tokens = tokens.filter { $0.value.expires > now }
        // A day at most, whatever the service says; one that runs out on its way is of no use.
        let life = max(5, min(seconds ?? 60, 86400)) - 5
        tokens[key] = (value, now.advanced(by: .seconds(life)))
    }

    func drop(_ key: Key) { tokens[key] = nil }
}
