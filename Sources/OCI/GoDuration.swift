internal import ByteText
internal import JSON

/// Go's way of writing how long: `1h30m`, `1.5s`, `300ms`.
package enum GoDuration {
    /// In nanoseconds; nil when the text is not a duration or does not fit.
    package static func nanoseconds(_ text: String) -> Int64? {
        var rest = Substring(text)
        var sign: Double = 1
        if rest.hasBytePrefix("-") || rest.hasBytePrefix("+") {
            sign = rest.hasBytePrefix("-") ? -1 : 1
            rest = rest.dropFirst()
        }
        if rest == "0" { return 0 }
        if rest.isEmpty { return nil }
        var total: Double = 0
        while !rest.isEmpty {
            let number = rest.prefix { $0 == "." || ("0"..."9").contains($0) }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { $0 != "." && !("0"..."9").contains($0) }
            rest = rest.dropFirst(unit.count)
            let text = number.hasBytePrefix(".") ? "0" + number : number
            guard let value = Double(text), let scale = units[String(unit)] else { return nil }
            total += value * scale
        }
        return Int64(whole: (total * sign).rounded())
    }

    private static let units: [String: Double] = [
        "ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
    ]
}
