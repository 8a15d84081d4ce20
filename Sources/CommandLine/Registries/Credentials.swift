internal import ByteText
internal import JSON

/// What a registry is told about who asks.
struct Credentials: Equatable {
    var username = ""
    var password = ""
    /// A refresh token in place of a password.
    var identityToken = ""
    /// A bearer token to be sent as it is.
    var registryToken = ""

    init() {}

    /// An entry of `auths`: `auth` is base64 of `user:password`.
    init(entry: JSON) {
        username = entry["username"]?.stringValue ?? ""
        password = entry["password"]?.stringValue ?? ""
        identityToken = entry["identitytoken"]?.stringValue ?? ""
        registryToken = entry["registrytoken"]?.stringValue ?? ""
        if let auth = entry["auth"]?.stringValue, let pair = Base64.decode(auth),
            let colon = pair.firstIndex(of: 0x3a)
        {
            username = String(decoding: pair[..<colon], as: UTF8.self)
            // Files of Docker's first years are padded with NUL.
            let secret = pair[pair.index(after: colon)...]
            password = String(decoding: secret.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// As it stands in `auths`.
    var entry: JSON {
        var object = JSONObject()
        object["auth"] = .string(Base64.encode(Array("\(username):\(password)".utf8)))
        if !identityToken.isEmpty {
            object["auth"] = .string(Base64.encode(Array("\(username):".utf8)))
            object["identitytoken"] = .string(identityToken)
        }
        if !registryToken.isEmpty { object["registrytoken"] = .string(registryToken) }
        return .object(object)
    }

    var isEmpty: Bool { self == Credentials() }

    /// An `AuthConfig` of the Engine API.
    func document(server: String) -> JSON {
        var object = JSONObject()
        for (key, value) in [
            ("username", username), ("password", password), ("identitytoken", identityToken),
            ("registrytoken", registryToken), ("serveraddress", server),
        ] where !value.isEmpty { object[key] = .string(value) }
        return .object(object)
    }

    /// The header `X-Registry-Auth`: base64 for addresses, of the document.
    func header(server: String) -> String {
        String(
            Base64.encode(document(server: server).serialized()).map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }
}

/// How registries are called in the configuration.
package enum RegistryName {
    package static let hub = "https://index.docker.io/v1/"

    /// Of an image: `registry.example:5000`, or the long name of Docker Hub.
    package static func key(forImage name: String) -> String {
        guard let first = firstPart(name) else { return hub }
        // No repository has upper-case letters (distribution/reference): the daemon asks the registry of that name, which
        // is not to see what Docker Hub knows the user by.
        let isRegistry = isHost(first) || first.lowercased() != first
        return isRegistry ? key(forServer: first) : hub
    }

    /// Of what to search for: `registry.example:5000/word`, else the long name of Docker Hub.
    package static func key(forSearch term: String) -> String {
        guard let first = firstPart(term), isHost(first) else { return hub }
        return key(forServer: first)
    }

    private static func firstPart(_ name: String) -> String? {
        name.firstIndex(ofByte: "/").map { String(name[..<$0]) }
    }

    private static func isHost(_ part: String) -> Bool {
        part == "localhost" || part.contains(byte: ".") || part.contains(byte: ":")
    }

    /// What a user calls a registry.
    static func key(forServer text: String) -> String {
        let host = hostname(text)
        return ["", "docker.io", "index.docker.io", "registry-1.docker.io"].contains(host) ? hub : host
    }

    /// Without scheme and path.
    static func hostname(_ text: String) -> String {
        var rest = text[...]
        for scheme in ["https://", "http://"] where rest.hasBytePrefix(scheme) {
            rest = rest.dropFirst(bytes: scheme.utf8.count)
        }
        return String(rest.prefix(untilByte: "/"))
    }
}
