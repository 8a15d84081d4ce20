internal import ByteText
internal import Glibc
internal import JSON
internal import OCI

/// `since` and `until`: seconds since 1970, with a fraction of up to nine digits.
package enum TimeParameter {
    /// Nanoseconds since 1970, or the first or last moment that 64 bits of them can name; nil when the parameter is absent
    /// or 0.
    package static func nanoseconds(_ text: String?) throws(APIError) -> Int64? {
        guard let text, text != "0" else { return nil }
        let pieces = text.split(byte: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let seconds = Int64(pieces[0]) else { throw invalid(text) }
        let high = seconds.saturatingMultiply(1_000_000_000)
        var low: Int64 = 0
        if pieces.count == 2 {
            let digits = pieces[1].utf8.prefix(9)
            guard pieces[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { throw invalid(text) }
            for place in 0..<9 {
                let index = digits.index(digits.startIndex, offsetBy: place, limitedBy: digits.endIndex)
                let digit = index.flatMap { $0 < digits.endIndex ? Int64(digits[$0]) - 0x30 : nil } ?? 0
                low = low * 10 + digit
            }
        }
        let total = text.hasBytePrefix("-") ? high.saturatingSubtract(low) : high.saturatingAdd(low)
        return total == 0 ? nil : total
    }

    /// Nanoseconds since 1970.
    static func now() -> Int64 {
        Timestamp.now().unixNanoseconds
    }

    private static func invalid(_ text: String) -> APIError {
        .badRequest("invalid time \"\(text)\": it must be seconds since 1970")
    }
}
