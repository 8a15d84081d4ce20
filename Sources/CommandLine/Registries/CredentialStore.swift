internal import JSON
internal import Glibc

/// Where the credentials for a registry are: in a helper's keeping, or in the configuration itself.
struct CredentialStore {
    var configuration: ClientConfiguration

    /// What is known about a registry; empty when that is nothing.
    func credentials(for key: String) throws(CommandError) -> Credentials {
        if let helper = helper(for: key) { return try helper.get(key) }
        let auths = configuration.document["auths"]?.objectValue ?? JSONObject()
        if let entry = auths[key] { return Credentials(entry: entry) }
        // Older files have addresses for names.
        for (name, entry) in auths where RegistryName.key(forServer: name) == key { return Credentials(entry: entry) }
        return Credentials()
    }

    /// The name of the file that holds the secret in the clear, or nil when a helper has it.
    mutating func save(_ credentials: Credentials, for key: String) throws(CommandError) -> String? {
        var auths = configuration.document["auths"]?.objectValue ?? JSONObject()
        if auths.isEmpty, configuration.document["credsStore"] == nil, let name = CredentialHelper.standard {
            configuration.document["credsStore"] = .string(name)
        }
        let helper = helper(for: key)
        if let helper {
            try helper.store(credentials, for: key)
            // The entry says that there is something, as Docker's does.
            auths[key] = [:]
        } else {
            // Nothing new: nothing to write, nothing to warn of.
            if auths[key] == credentials.entry { return nil }
            auths[key] = credentials.entry
        }
        configuration.document["auths"] = .object(auths)
        try configuration.save()
        return helper == nil ? configuration.path : nil
    }

    /// Returns false when there was nothing.
    mutating func erase(_ key: String) throws(CommandError) -> Bool {
        let auths = configuration.document["auths"]?.objectValue ?? JSONObject()
        let names = auths.keys.filter { $0 == key || RegistryName.key(forServer: $0) == key }
        let helper = helper(for: key)
        if names.isEmpty, helper == nil { return false }
        if let helper { try helper.erase(key) }
        var left = auths
        for name in names { left[name] = nil }
        configuration.document["auths"] = .object(left)
        try configuration.save()
        return true
    }

    private func helper(for key: String) -> CredentialHelper? {
        let own = configuration.document["credHelpers"]?.objectValue?[key]?.stringValue
        let name = own ?? configuration.document["credsStore"]?.stringValue ?? ""
        return name.isEmpty ? nil : CredentialHelper(name: name)
    }
}
