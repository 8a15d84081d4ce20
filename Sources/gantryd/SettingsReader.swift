internal import JSON

/// Settings by key, each as the type it must have.
struct SettingsReader {
    private let settings: [String: JSON]

    init(_ settings: [String: JSON]) {
        self.settings = settings
    }

    func text(_ key: String) throws(DaemonError) -> String? {
        guard let value = present(key) else { return nil }
        if let text = value.stringValue { return text.isEmpty ? nil : text }
        throw mismatch(key, "a string")
    }

    func flag(_ key: String) throws(DaemonError) -> Bool? {
        guard let value = present(key) else { return nil }
        guard let flag = value.boolValue else { throw mismatch(key, "true or false") }
        return flag
    }

    func number(_ key: String) throws(DaemonError) -> Int? {
        guard let value = present(key) else { return nil }
        guard let number = value.intValue else { throw mismatch(key, "a whole number") }
        return Int(clamping: number)
    }

    func list(_ key: String) throws(DaemonError) -> [String]? {
        guard let value = present(key) else { return nil }
        guard let list = value.arrayValue else { throw mismatch(key, "a list of strings") }
        let texts = list.compactMap(\.stringValue)
        guard texts.count == list.count else { throw mismatch(key, "a list of strings") }
        return texts
    }

    func object(_ key: String) throws(DaemonError) -> [String: JSON] {
        guard let value = present(key) else { return [:] }
        guard let object = value.objectValue else { throw mismatch(key, "an object") }
        var members: [String: JSON] = [:]
        for (name, member) in object { members[name] = member }
        return members
    }

    /// An object of strings.
    func texts(_ key: String) throws(DaemonError) -> [String: String]? {
        guard let value = present(key) else { return nil }
        guard let object = value.objectValue else { throw mismatch(key, "an object of strings") }
        var texts: [String: String] = [:]
        for (name, value) in object {
            guard let text = value.stringValue else { throw mismatch(key, "an object of strings") }
            texts[name] = text
        }
        return texts
    }

    /// An object of lists of strings.
    func lists(_ key: String) throws(DaemonError) -> [String: [String]]? {
        guard let value = present(key) else { return nil }
        guard let object = value.objectValue else { throw mismatch(key, "an object of lists of strings") }
        var lists: [String: [String]] = [:]
        for (name, value) in object {
            guard let list = value.arrayValue?.map(\.stringValue), !list.contains(nil) else {
                throw mismatch(key, "an object of lists of strings")
            }
            lists[name] = list.compactMap { $0 }
        }
        return lists
    }

    private func present(_ key: String) -> JSON? {
        guard let value = settings[key], !value.isNull else { return nil }
        return value
    }

    private func mismatch(_ key: String, _ wanted: String) -> DaemonError {
        DaemonError("\(key) must be \(wanted), not \(settings[key]?.text() ?? "null")")
    }
}
