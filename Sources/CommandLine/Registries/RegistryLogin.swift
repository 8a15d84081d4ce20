internal import JSON

extension ClientSession {
    /// The client's configuration with what it knows about registries; read when first asked for.
    func credentialStore() throws(CommandError) -> CredentialStore {
        CredentialStore(
            configuration: try ClientConfiguration(environment: environment, directory: configurationDirectory))
    }

    /// The header that tells the registry of an image who asks; none when nothing is known.
    func registryHeaders(for image: String) throws(CommandError) -> Client.Query {
        try registryHeaders(key: RegistryName.key(forImage: image))
    }

    /// The same for whom a search asks.
    func registryHeaders(forSearch term: String) throws(CommandError) -> Client.Query {
        try registryHeaders(key: RegistryName.key(forSearch: term))
    }

    private func registryHeaders(key: String) throws(CommandError) -> Client.Query {
        let credentials = try credentialStore().credentials(for: key)
        return credentials.isEmpty ? [] : [("X-Registry-Auth", credentials.header(server: key))]
    }
}
