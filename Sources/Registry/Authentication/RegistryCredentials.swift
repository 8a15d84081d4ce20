package import JSON

/// A user's credentials for one registry.
package struct RegistryCredentials: Sendable, Hashable {
    package var username: String
    package var password: String
    /// An OAuth2 refresh token in place of a password.
    package var identityToken: String
    /// A bearer token to send as it is.
    package var registryToken: String

    package init(username: String = "", password: String = "", identityToken: String = "", registryToken: String = "") {
        self.username = username
        self.password = password
        self.identityToken = identityToken
        self.registryToken = registryToken
    }

    /// Decodes the `X-Registry-Auth` header of the Engine API: base64url of a JSON object. Nil when it is malformed or empty.
    package init?(header: String) {
        guard let bytes = Base64.decode(header), let json = try? JSON.parse(bytes) else { return nil }
        self.init(json)
    }

    /// Decodes the `X-Registry-Config` header, which has such objects by registry, and selects the one for `domain`.
    package init?(configuration header: String, domain: String) {
        guard let bytes = Base64.decode(header), let object = (try? JSON.parse(bytes))?.objectValue else { return nil }
        let names = domain == "docker.io" ? ["https://index.docker.io/v1/", "index.docker.io", "docker.io"] : [domain]
        guard let json = names.lazy.compactMap({ object[$0] }).first else { return nil }
        self.init(json)
    }

    /// An `AuthConfig` of the Engine API. Nil when it is empty.
    package init?(_ json: JSON) {
        self.init(
            username: json["username"]?.stringValue ?? "", password: json["password"]?.stringValue ?? "",
            identityToken: json["identitytoken"]?.stringValue ?? "",
            registryToken: json["registrytoken"]?.stringValue ?? "")
        if username.isEmpty, let auth = json["auth"]?.stringValue, let pair = Base64.decode(auth),
            let colon = pair.firstIndex(of: 58)
        {
            username = String(decoding: pair[..<colon], as: UTF8.self)
            password = String(decoding: pair[(colon + 1)...], as: UTF8.self)
        }
        if username.isEmpty, identityToken.isEmpty, registryToken.isEmpty { return nil }
    }

    /// The value for `Authorization: Basic`.
    var basic: String { Base64.encode(Array("\(username):\(password)".utf8)) }
}
