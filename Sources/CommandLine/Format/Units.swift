internal import Glibc
internal import JSON

/// Sizes and spans of time as people read them, in the words and roundings `docker` uses.
package enum Units {
    /// `1.23MB`: powers of 1000 and `precision` significant digits.
    package static func size(_ bytes: Double, precision: Int = 4) -> String {
        scaled(bytes, 1000, ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"], precision)
    }

    /// `1.234MiB`: powers of 1024.
    static func binarySize(_ bytes: Double) -> String {
        scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"], 4)
    }

    private static func scaled(_ bytes: Double, _ base: Double, _ names: [String], _ precision: Int) -> String {
        var value = bytes
        var index = 0
        while value >= base, index < names.count - 1 {
            value /= base
            index += 1
        }
        return significant(value, precision) + names[index]
    }

    /// printf's %.Ng, which is Go's as well.
    static func significant(_ value: Double, _ digits: Int) -> String {
        var buffer = [CChar](repeating: 0, count: 64)
        gcvt(value, Int32(digits), &buffer)
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// `About an hour`, `3 weeks`; `seconds` is how long.
    package static func span(_ seconds: Double) -> String {
        let seconds = min(max(0, seconds), 1e15)
        let whole = Int(seconds)
        if whole < 1 { return "Less than a second" }
        if whole == 1 { return "1 second" }
        if whole < 60 { return "\(whole) seconds" }
        let minutes = Int(seconds / 60)
        if minutes == 1 { return "About a minute" }
        if minutes < 60 { return "\(minutes) minutes" }
        let hours = Int(seconds / 3600 + 0.5)
        if hours == 1 { return "About an hour" }
        if hours < 48 { return "\(hours) hours" }
        if hours < 24 * 7 * 2 { return "\(hours / 24) days" }
        if hours < 24 * 30 * 2 { return "\(hours / 24 / 7) weeks" }
        if hours < 24 * 365 * 2 { return "\(hours / 24 / 30) months" }
        return "\(Int(seconds / 3600) / 24 / 365) years"
    }

    /// `2 hours ago` for a Unix time; empty for none.
    static func ago(_ time: Int64) -> String {
        time <= 0 ? "N/A" : span(Double(Int64(Glibc.time(nil)).saturatingSubtract(time))) + " ago"
    }

    /// `2026-11-21 12:55:04 +0000 UTC`, in the local time zone, as Go prints a time.
    static func timestamp(_ time: Int64) -> String {
        var seconds = time_t(time)
        var parts = tm()
        localtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, 64, "%04Y-%m-%d %H:%M:%S %z %Z", &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension Units {
    /// RFC 3339 with nine digits of a second, in the local time zone.
    static func preciseTimestamp(_ nanoseconds: Int64) -> String {
        let fraction = String(nanoseconds % 1_000_000_000)
        return formatted(nanoseconds / 1_000_000_000, "%04Y-%m-%dT%H:%M:%S")
            + "." + String(repeating: "0", count: max(0, 9 - fraction.count)) + fraction
            + zone(nanoseconds / 1_000_000_000)
    }

    /// RFC 3339 without fractions, in the local time zone.
    static func shortTimestamp(_ time: Int64) -> String { formatted(time, "%04Y-%m-%dT%H:%M:%S") + zone(time) }

    private static func zone(_ time: Int64) -> String {
        let offset = formatted(time, "%z")
        return offset == "+0000" ? "Z" : "\(offset.prefix(3)):\(offset.suffix(2))"
    }

    static func formatted(_ time: Int64, _ format: String) -> String {
        var seconds = time_t(time)
        var parts = tm()
        localtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, 64, format, &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
