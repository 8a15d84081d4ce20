internal import ByteText

/// The value of a `label` filter: `key` asks for the label, `key=value` for its value, and `key=` for an empty value.
package struct LabelCondition: Sendable {
    private let key: String
    private let value: String?

    package init(_ text: String) {
        let (key, value) = text.cut(at: "=")
        self.key = String(key)
        self.value = value.map { String($0) }
    }

    package func admits(_ labels: [String: String]) -> Bool {
        guard let found = labels[key] else { return false }
        return value.map { $0.utf8.elementsEqual(found.utf8) } ?? true
    }
}
