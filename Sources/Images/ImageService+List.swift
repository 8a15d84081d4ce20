internal import OCI
internal import Synchronization

extension ImageService {
    /// The images that pass every filter, newest first.
    ///
    /// - Parameters:
    ///   - all: intermediate images of builds, too.
    ///   - filters: `reference`, `dangling`, `label`, `before`, `since`, `until`; values of one filter are alternatives,
    ///     except labels, which must all be there.
    package func list(all: Bool = false, filters: [String: [String]] = [:]) throws(ImageError) -> [ImageRecord] {
        let known: Set<String> = ["reference", "dangling", "label", "label!", "before", "since", "until"]
        for name in filters.keys.sorted() where !known.contains(name) {
            throw .invalidArgument("invalid filter '\(name)'")
        }
        var records = table.withLock { table in table.images.keys.compactMap(table.record) }
        if let dangling = try Self.flag("dangling", filters["dangling"]) {
            records.removeAll { $0.isDangling != dangling }
        } else if !all {
            let parents = Set(records.compactMap(\.parent))
            records.removeAll { $0.isDangling && $0.repoDigests.isEmpty && parents.contains($0.id) }
        }
        for name in filters["before"] ?? [] {
            let limit = try resolve(name).created
            records.removeAll { $0.created >= limit }
        }
        for name in filters["since"] ?? [] {
            let limit = try resolve(name).created
            records.removeAll { $0.created <= limit }
        }
        for text in filters["until"] ?? [] {
            guard let limit = Self.moment(text) else { throw .invalidArgument("invalid filter 'until=\(text)'") }
            records.removeAll { $0.created >= limit }
        }
        for label in filters["label"] ?? [] { records.removeAll { !$0.has(label: label) } }
        for label in filters["label!"] ?? [] { records.removeAll { $0.has(label: label) } }
        if let patterns = filters["reference"], !patterns.isEmpty {
            records = records.compactMap { record in
                var record = record
                record.repoTags.removeAll { !Self.matches($0, patterns) }
                record.repoDigests.removeAll { !Self.matches($0, patterns) }
                return record.repoTags.isEmpty && record.repoDigests.isEmpty ? nil : record
            }
        }
        // Places instead of records: those are large, and sorting copies.
        let order = records.indices.sorted { one, two in
            (records[two].created, records[two].id.hex) < (records[one].created, records[one].id.hex)
        }
        return order.map { records[$0] }
    }

    private static func flag(_ name: String, _ values: [String]?) throws(ImageError) -> Bool? {
        guard let value = values?.first else { return nil }
        switch value.lowercased() {
        case "1", "t", "true": return true
        case "0", "f", "false": return false
        default: throw .invalidArgument("invalid filter '\(name)=[\(value)]'")
        }
    }

    /// A time, seconds since 1970, or how long ago.
    private static func moment(_ text: String) -> Timestamp? {
        if let time = try? Timestamp(text) { return time }
        if let seconds = Double(text) { return Timestamp(seconds: Int64(seconds)) }
        guard let ago = GoDuration.nanoseconds(text) else { return nil }
        return Timestamp(seconds: Timestamp.now().seconds - ago / 1_000_000_000)
    }

    /// Against the name with its tag, and against the name alone.
    private static func matches(_ text: String, _ patterns: [String]) -> Bool {
        guard let reference = try? Reference(text) else { return false }
        return patterns.contains {
            Glob.matches($0, reference.familiar) || Glob.matches($0, reference.familiarName)
        }
    }
}

extension ImageRecord {
    /// `key`, or `key=value`.
    func has(label: String) -> Bool {
        guard let equals = label.firstIndex(of: "=") else { return labels[label] != nil }
        return labels[String(label[..<equals])] == String(label[label.index(after: equals)...])
    }
}

/// Go's path.Match: `*` and `?` do not cross a slash, `[a-z]` and `[^a]` are classes, `\` takes the next as it is.
enum Glob {
    static func matches(_ pattern: String, _ text: String) -> Bool {
        matches(Array(pattern.unicodeScalars)[...], Array(text.unicodeScalars)[...])
    }

    private static func matches(_ pattern: ArraySlice<Unicode.Scalar>, _ text: ArraySlice<Unicode.Scalar>) -> Bool {
        var (pattern, text) = (pattern, text)
        // Where to go on if the last star has to take one more: linear in memory, never exponential.
        var star: (pattern: ArraySlice<Unicode.Scalar>, text: ArraySlice<Unicode.Scalar>)?
        while true {
            if pattern.isEmpty, text.isEmpty { return true }
            if pattern.first == "*" {
                star = (pattern.dropFirst(), text)
                pattern = pattern.dropFirst()
                continue
            }
            if let first = text.first, let rest = step(pattern, first) {
                pattern = rest
                text = text.dropFirst()
                continue
            }
            guard let last = star, let skipped = last.text.first, skipped != "/" else { return false }
            star = (last.pattern, last.text.dropFirst())
            pattern = last.pattern
            text = last.text.dropFirst()
        }
    }

    /// What is left of the pattern if its first element takes `scalar`.
    private static func step(
        _ pattern: ArraySlice<Unicode.Scalar>, _ scalar: Unicode.Scalar
    ) -> ArraySlice<Unicode.Scalar>? {
        guard let first = pattern.first else { return nil }
        var rest = pattern.dropFirst()
        switch first {
        case "?": return scalar == "/" ? nil : rest
        case "\\": return rest.first == scalar ? rest.dropFirst() : nil
        case "[":
            let isNegated = rest.first == "^"
            if isNegated { rest = rest.dropFirst() }
            var isIn = false
            var isFirst = true
            while let low = rest.first, low != "]" || isFirst {
                isFirst = false
                rest = rest.dropFirst()
                var high = low
                if rest.first == "-", let end = rest.dropFirst().first, end != "]" {
                    high = end
                    rest = rest.dropFirst(2)
                }
                if low.value <= scalar.value, scalar.value <= high.value { isIn = true }
            }
            guard rest.first == "]", scalar != "/" else { return nil }
            return isIn != isNegated ? rest.dropFirst() : nil
        default: return first == scalar ? rest : nil
        }
    }
}
