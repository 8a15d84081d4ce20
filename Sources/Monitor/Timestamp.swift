internal import Glibc

/// Points in time as Go writes them (RFC3339Nano, UTC): fractions without trailing zeros.
package enum Timestamp {
    package static func now() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return text(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
    }

    package static func text(seconds: Int64, nanoseconds: Int64) -> String {
        String(decoding: bytes(seconds: seconds, nanoseconds: nanoseconds), as: UTF8.self)
    }

    static func bytes(seconds: Int64, nanoseconds: Int64) -> [UInt8] {
        let days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let rest = seconds - days * 86400
        // Days to a civil date: eras of 400 years that begin on 1 March.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        var result: [UInt8] = []
        result.reserveCapacity(32)
        func put(_ value: Int64, _ width: Int) {
            var divisor: Int64 = 1
            for _ in 1..<width { divisor *= 10 }
            while divisor > 0 {
                result.append(UInt8(0x30 + value / divisor % 10))
                divisor /= 10
            }
        }
        put(year, 4)
        result.append(0x2d)
        put(month, 2)
        result.append(0x2d)
        put(day, 2)
        result.append(0x54)
        put(rest / 3600, 2)
        result.append(0x3a)
        put(rest / 60 % 60, 2)
        result.append(0x3a)
        put(rest % 60, 2)
        if nanoseconds > 0 {
            result.append(0x2e)
            put(nanoseconds, 9)
            while result.last == 0x30 { result.removeLast() }
        }
        result.append(0x5a)
        return result
    }
}
