/// A `WWW-Authenticate` header: the scheme and its parameters (RFC 9110, section 11).
struct Challenge: Equatable {
    let scheme: String
    let parameters: [String: String]

    init?(_ header: String) {
        let text = Array(header.utf8)
        var position = 0
        let word = text.prefix { $0 != 32 }
        scheme = String(decoding: word, as: UTF8.self).lowercased()
        position = word.count
        var parameters: [String: String] = [:]
        while position < text.count {
            while position < text.count, text[position] == 32 || text[position] == 44 { position += 1 }
            let name = text[position...].prefix { $0 != 61 && $0 != 44 && $0 != 32 }
            position += name.count
            guard position < text.count, text[position] == 61 else { break }
            position += 1
            var value: [UInt8] = []
            if position < text.count, text[position] == 34 {
                position += 1
                while position < text.count, text[position] != 34 {
                    if text[position] == 92, position + 1 < text.count { position += 1 }
                    value.append(text[position])
                    position += 1
                }
                position += 1
            } else {
                value = Array(text[position...].prefix { $0 != 44 && $0 != 32 })
                position += value.count
            }
            parameters[String(decoding: name, as: UTF8.self).lowercased()] = String(decoding: value, as: UTF8.self)
        }
        self.parameters = parameters
        if scheme.isEmpty { return nil }
    }
}
