internal import ByteText
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
        let dangling = try Self.flag("dangling", filters["dangling"])
        let parents = Set(records.compactMap(\.parent))
        if let dangling { records.removeAll { $0.isDangling != dangling } }
        // Docker calls nothing dangling that others stand on.
        if dangling == true || dangling == nil && !all {
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
        if let limit = try Self.moment(filters["until"]) { records.removeAll { $0.created >= limit } }
        for label in filters["label"] ?? [] { records.removeAll { !$0.has(label: label) } }
        for label in filters["label!"] ?? [] { records.removeAll { $0.has(label: label) } }
        if let patterns = filters["reference"], !patterns.isEmpty {
            if !patterns.allSatisfy(Glob.isValid) { throw .invalidArgument("syntax error in pattern") }
            records = records.compactMap { record in
                var record = record
                record.repoTags.removeAll { !Self.matches($0, patterns) }
                record.repoDigests.removeAll { !Self.matches($0, patterns) }
                return record.repoTags.isEmpty && record.repoDigests.isEmpty ? nil : record
            }
        }
        // Places instead of records: those are large, and sorting copies.
        let keys = records.map { ($0.created, $0.id.hex) }
        return records.indices.sorted { keys[$1] < keys[$0] }.map { records[$0] }
    }

    private static func flag(_ name: String, _ values: [String]?) throws(ImageError) -> Bool? {
        guard let values, !values.isEmpty else { return nil }
        if Set(values).isSubset(of: ["1", "true"]) { return true }
        if Set(values).isSubset(of: ["0", "false"]) { return false }
        throw .invalidArgument("invalid filter '\(name)=[\(values.sorted().joined(separator: " "))]'")
    }

    /// The earliest of several.
    private static func moment(_ values: [String]?) throws(ImageError) -> Timestamp? {
        var earliest: Timestamp?
        for text in values ?? [] {
            guard let moment = Timestamp(moment: text) else {
                throw .invalidArgument("failed to parse value as time or duration: \"\(text)\"")
            }
            earliest = min(earliest ?? moment, moment)
        }
        return earliest
    }

    /// Against the name with its tag and the name alone, as people write them and in full.
    private static func matches(_ text: String, _ patterns: [String]) -> Bool {
        guard let reference = try? Reference(text) else { return false }
        return patterns.contains {
            Glob.matches($0, reference.familiar) || Glob.matches($0, reference.familiarName)
                || Glob.matches($0, reference.description) || Glob.matches($0, reference.name)
        }
    }
}

extension ImageRecord {
    /// `key`, or `key=value`.
    func has(label: String) -> Bool {
        LabelCondition(label).admits(labels)
    }
}

/// Go's path.Match: `*` and `?` do not cross a slash, `[a-z]` and `[^a]` are classes, `\` takes the next as it is.
enum Glob {
    static func matches(_ pattern: String, _ text: String) -> Bool {
        matches(Array(pattern.unicodeScalars)[...], Array(text.unicodeScalars)[...])
    }

    /// Whether every class and every escape in it is complete.
    static func isValid(_ pattern: String) -> Bool {
        var rest = Array(pattern.unicodeScalars)[...]
        while let first = rest.popFirst() {
            if first == "\\", rest.popFirst() == nil { return false }
            guard first == "[" else { continue }
            if rest.first == "^" { rest = rest.dropFirst() }
            // text: a list of scalars
            guard let end = rest.dropFirst().firstIndex(of: "]") else { return false }
            // text: a list of scalars
            rest = rest[rest.index(after: end)...]
        }
        return true
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
