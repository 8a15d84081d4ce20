internal import ByteText
internal import Flags
internal import JSON
internal import OCI

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

    static func durationRefusal(_ text: String) -> String? {
        if GoDuration.nanoseconds(text) != nil { return nil }
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }) {
            return "time: missing unit in duration \(quoted(text))"
        }
        return "time: invalid duration \(quoted(text))"
    }
}
