internal import ByteText

/// Header fields in their original order, with case-insensitive look-up.
package struct HTTPHeaders: Sendable, ExpressibleByDictionaryLiteral {
    package private(set) var fields: [(name: String, value: String)] = []

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { (name: $0.0, value: $0.1) }
    }

    /// The first value of `name`.
    package subscript(name: String) -> String? {
        fields.first { equalIgnoringCase($0.name, name) }?.value
    }

    /// Every value of `name`, in order.
    package func values(_ name: String) -> [String] {
        fields.filter { equalIgnoringCase($0.name, name) }.map(\.value)
    }

    package func contains(_ name: String) -> Bool {
        fields.contains { equalIgnoringCase($0.name, name) }
    }

    /// Appends a field, keeping others of the same name.
    package mutating func add(_ name: String, _ value: String) {
        fields.append((name: name, value: value))
    }

    /// Replaces every field of that name.
    package mutating func set(_ name: String, _ value: String) {
        fields.removeAll { equalIgnoringCase($0.name, name) }
        fields.append((name: name, value: value))
    }

    /// The comma-separated members of every `name` field, lower case.
    package func tokens(_ name: String) -> [String] {
        var found: [String] = []
        for value in values(name) {
            for piece in value.split(byte: ",") {
                found.append(trimmed(piece).lowercased())
            }
        }
        return found
    }
}

private func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return text
}

/// Case-insensitive ASCII comparison.
func equalIgnoringCase(_ one: String, _ other: String) -> Bool {
    let one = one.utf8
    let other = other.utf8
    guard one.count == other.count else { return false }
    return zip(one, other).allSatisfy { $0 == $1 || lowered($0) == lowered($1) }
}

private func lowered(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
}
