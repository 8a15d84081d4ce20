internal import ByteText
internal import OCI

/// The `filters` of one request and the ways Docker compares their values: which filter uses which is part of the API.
struct FilterValues: Sendable {
    private let filters: [String: [String]]

    init(_ filters: [String: [String]]) { self.filters = filters }

    subscript(name: String) -> [String] { filters[name] ?? [] }

    func contains(_ name: String) -> Bool { !self[name].isEmpty }

    func refuseAllBut(_ known: Set<String>) throws(EngineError) {
        for name in filters.keys.sorted() where !known.contains(name) { throw .invalid("invalid filter '\(name)'") }
    }

    /// One of the values is the text; a filter without values admits everything, here and below.
    func equals(_ name: String, _ text: String) -> Bool { self[name].isEmpty || self[name].contains(text) }

    /// The text begins with one of the values.
    func begins(_ name: String, _ text: String) -> Bool {
        self[name].isEmpty || self[name].contains { text.hasBytePrefix($0) }
    }

    /// One of the values, a regular expression, is found in the text. One that is none is compared as it is.
    func matches(_ name: String, _ text: String) -> Bool {
        equals(name, text)
            || self[name].contains { value in
                guard let pattern = try? Regex(value) else { return false }
                return text.contains(pattern)
            }
    }

    /// All values are labels that are there.
    func labels(_ name: String, _ labels: [String: String]) -> Bool {
        self[name].allSatisfy { LabelCondition($0).admits(labels) }
    }

    /// `true`, `1`, `false` or `0`; nil where the filter is not given.
    func flag(_ name: String) throws(EngineError) -> Bool? {
        let values = Set(self[name])
        if values.isEmpty { return nil }
        if values.isSubset(of: ["1", "true"]) { return true }
        if values.isSubset(of: ["0", "false"]) { return false }
        throw .invalid("invalid filter '\(name)=[\(values.sorted().joined(separator: " "))]'")
    }
}
