internal import ByteText
internal import Flags
internal import JSON

/// Sizes, durations and fractions as they are typed behind flags.
package enum Quantities {
    /// Bytes: `64m`, `1.5g`, `512k`, `1024`, `10MiB`; powers of 1024 whatever the spelling, as `docker run -m` reads
    /// them. Nil when it is no size.
    package static func bytes(_ text: String) -> Int64? {
        var number = text[...]
        var multiplier = 1.0
        let lower = text.lowercased()
        var suffix = ""
        while let last = number.last, !(("0"..."9").contains(last) || last == ".") {
            suffix = String(last).lowercased() + suffix
            number = number.dropLast()
        }
        suffix = suffix.trimmed
        if lower.isEmpty || number.isEmpty { return nil }
        if !suffix.isEmpty {
            guard let index = ["b", "k", "m", "g", "t", "p"].firstIndex(of: String(suffix.prefix(1))) else {
                return nil
            }
            let rest = suffix.dropFirst()
            guard rest.isEmpty || (index > 0 && (rest == "b" || rest == "ib")) else { return nil }
            for _ in 0..<index { multiplier *= 1024 }
        }
        // Swift reads hexadecimal fractions too.
        guard !lower.contains("x"), let value = Double(String(number)), value >= 0, value.isFinite else { return nil }
        return Int64(whole: (value * multiplier).rounded(.down))
    }

    static func bytesRefusal(_ text: String) -> String? {
        bytes(text) == nil ? "invalid size: '\(text)'" : nil
    }

    /// Billionths of a CPU out of `1.5`; nil when it is no number.
    package static func nanoCPUs(_ text: String) -> Int64? {
        if let slash = text.firstIndex(ofByte: "/") {
            guard let above = Double(text[..<slash]), let below = Double(text[text.utf8.index(after: slash)...]),
                below != 0
            else { return nil }
            return Int64(whole: (above / below * 1e9).rounded(.towardZero))
        }
        return Double(text).flatMap { Int64(whole: ($0 * 1e9).rounded()) }
    }

    /// Nanoseconds out of Go's `1h2m3.5s`, `100ms`; nil when it is no duration.
    package static func duration(_ text: String) -> Int64? {
        var rest = text[...]
        var sign = 1.0
        if let first = rest.first, first == "-" || first == "+" {
            sign = first == "-" ? -1 : 1
            rest = rest.dropFirst()
        }
        if rest == "0" { return 0 }
        if rest.isEmpty { return nil }
        var total = 0.0
        while !rest.isEmpty {
            let number = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { !(("0"..."9").contains($0) || $0 == ".") }
            rest = rest.dropFirst(unit.count)
            guard let value = Double(number), let scale = units[String(unit)] else { return nil }
            total += value * scale
        }
        return Int64(whole: (sign * total).rounded())
    }

    static func durationRefusal(_ text: String) -> String? {
        if duration(text) != nil { return nil }
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }) {
            return "time: missing unit in duration \(quoted(text))"
        }
        return "time: invalid duration \(quoted(text))"
    }

    private static let units: [String: Double] = [
        "ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
    ]
}
