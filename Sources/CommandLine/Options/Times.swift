internal import ByteText
internal import Glibc
internal import JSON

/// Points in time as they are typed behind `--since` and `--until`.
package enum Times {
    /// The value the API takes: seconds since 1970, with a fraction where one was given. Takes `42m` (that long ago),
    /// a Unix time, and RFC 3339 with or without seconds, time and zone (then the local one).
    package static func parameter(_ text: String, now: Int64 = Int64(time(nil))) throws(CommandError) -> String {
        if text.isEmpty { return "" }
        if let span = Quantities.duration(text), text != "0" {
            return String(now.saturatingSubtract(span / 1_000_000_000))
        }
        if text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }),
            text.utf8.contains(where: { $0 != 0x2E }), !text.hasBytePrefix(".")
        {
            return text
        }
        guard let parsed = parse(text) else {
            throw CommandError(
                "invalid value for \"since\" or \"until\": failed to parse value as time or duration: \(quoted(text))")
        }
        return parsed
    }

    private static func parse(_ text: String) -> String? {
        let parts = text.split(byte: "T", maxSplits: 1)
        let day = parts[0].split(byte: "-").map(String.init)
        guard day.count == 3, let year = UInt16(digits: day[0]), year <= 9999,
            let month = UInt8(digits: day[1]), let date = UInt8(digits: day[2])
        else { return nil }
        var fields = tm()
        (fields.tm_year, fields.tm_mon, fields.tm_mday) = (Int32(year) - 1900, Int32(month) - 1, Int32(date))
        fields.tm_isdst = -1
        var fraction = ""
        var offset: Int?
        if parts.count == 2 {
            var clock = parts[1]
            if clock.hasByteSuffix("Z") {
                clock = clock.dropLast()
                offset = 0
            } else if let sign = clock.lastIndex(where: { $0 == "+" || $0 == "-" }) {
                let zone = clock[clock.utf8.index(after: sign)...].split(byte: ":").compactMap { UInt8(digits: $0) }
                guard zone.count == 2 else { return nil }
                offset = (Int(zone[0]) * 3600 + Int(zone[1]) * 60) * (clock[sign] == "-" ? -1 : 1)
                clock = clock[..<sign]
            }
            let halves = clock.split(byte: ".", maxSplits: 1)
            if halves.count == 2 { fraction = String(halves[1]) }
            let numbers = (halves.first ?? "").split(byte: ":").map { UInt8(digits: $0).map { Int32($0) } }
            guard !numbers.contains(nil), (1...3).contains(numbers.count) else { return nil }
            fields.tm_hour = numbers[0] ?? 0
            fields.tm_min = numbers.count > 1 ? numbers[1] ?? 0 : 0
            fields.tm_sec = numbers.count > 2 ? numbers[2] ?? 0 : 0
        } else if text.hasByteSuffix("Z") {
            offset = 0
        }
        let seconds = offset.map { Int(timegm(&fields)) - $0 } ?? Int(mktime(&fields))
        guard fraction.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return "\(seconds)." + String((fraction + "000000000").prefix(9))
    }
}
