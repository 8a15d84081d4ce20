internal import ByteText
internal import Glibc
internal import JSON
internal import OCI

/// Points in time as they are typed behind `--since` and `--until`.
package enum Times {
    /// The value the API takes: seconds since 1970, with a fraction where one was given. Takes `42m` (that long ago),
    /// a Unix time, and RFC 3339 with or without seconds, time and zone (then the local one).
    package static func parameter(_ text: String, now: Int64 = Int64(time(nil))) throws(CommandError) -> String {
        if text.isEmpty { return "" }
        if let span = GoDuration.nanoseconds(text), text != "0" {
            return String(now.saturatingSubtract(span / 1_000_000_000))
        }
        if text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }),
            text.utf8.contains(where: { $0 != 0x2E }), !text.hasBytePrefix(".")
        {
            return text
        }
        guard let time = Timestamp(moment: text) else {
            throw CommandError(
                "invalid value for \"since\" or \"until\": failed to parse value as time or duration: \(quoted(text))")
        }
        let digits = String(time.nanoseconds)
        return "\(time.seconds)." + String(repeating: "0", count: 9 - digits.utf8.count) + digits
    }
}
