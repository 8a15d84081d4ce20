internal import ByteText
internal import JSON

/// `--filter` conditions.
enum Filters {
    static func refusal(_ text: String) -> String? {
        text.isEmpty || text.contains(byte: "=")
            ? nil : "bad format of filter (expected name=value)"
    }

    /// The parameter `filters`: a map of names to sets of values. Nil when there is no condition.
    static func query(_ words: [String]) -> String? {
        var filters = JSONObject()
        for word in words where !word.isEmpty {
            let (name, value) = Pairs.split(word)
            let key = name.lowercased().trimmed
            var values = filters[key]?.objectValue ?? JSONObject()
            values[value.trimmed] = true
            filters[key] = .object(values)
        }
        return filters.isEmpty ? nil : JSON.object(filters).text()
    }
}
