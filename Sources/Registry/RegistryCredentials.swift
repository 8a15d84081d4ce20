internal import JSON

/// Who asks.
package struct RegistryCredentials: Sendable, Equatable {
    package var username: String
    package var password: String
    /// An OAuth2 refresh token in place of a password.
    package var identityToken: String
    /// A bearer token to be sent as it is.
    package var registryToken: String

    package init(username: String = "", password: String = "", identityToken: String = "", registryToken: String = "") {
        self.username = username
        self.password = password
        self.identityToken = identityToken
        self.registryToken = registryToken
    }

    /// The `X-Registry-Auth` header of the Engine API: base64url of a JSON object. Nil when it is malformed or says
    /// nothing.
    package init?(header: String) {
        guard let bytes = Base64.decode(header), let json = try? JSON.parse(bytes) else { return nil }
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

    /// For `Authorization: Basic`.
    var basic: String { Base64.encode(Array("\(username):\(password)".utf8)) }
}

/// RFC 4648, both alphabets when reading, padding optional.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var word: UInt32 = 0
            for offset in 0..<3 { word = word << 8 | UInt32(offset < group.count ? group[start + offset] : 0) }
            for digit in 0..<4 {
                text.append(digit <= group.count ? alphabet[Int(word >> UInt32(18 - 6 * digit) & 63)] : 61)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    package static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var word: UInt32 = 0
        var bits = 0
        for byte in text.utf8 where byte != 61 && byte != 10 && byte != 13 {
            let value: UInt8
            switch byte {
            case 65...90: value = byte - 65
            case 97...122: value = byte - 71
            case 48...57: value = byte + 4
            case 43, 45: value = 62
            case 47, 95: value = 63
            default: return nil
            }
            word = word << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
            }
        }
        return bytes
    }
}
