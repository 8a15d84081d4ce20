/// Valid tokens, shared by all sessions with the same registry.
actor TokenCache {
    struct Key: Hashable {
        /// The registry that named the token service: its tokens are not used for other registries that name the same one.
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

    /// Without an expiry a token lives a minute (distribution, token specification).
    func keep(_ value: String, for key: Key, seconds: Int64?) {
        let now = ContinuousClock.now
        tokens = tokens.filter { $0.value.expires > now }
        // At most a day, and five seconds less than stated, so that it does not expire on its way.
        let life = max(5, min(seconds ?? 60, 86400)) - 5
        tokens[key] = (value, now.advanced(by: .seconds(life)))
    }

    func drop(_ key: Key) { tokens[key] = nil }
}
