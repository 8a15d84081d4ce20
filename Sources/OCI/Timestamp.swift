internal import Glibc
internal import JSON

/// A moment: nanoseconds since 1970 in two parts, written as Go writes it (RFC3339Nano).
///
/// From the year 0 to the year 9999, which is what RFC 3339 can say; the arithmetic below holds for those.
package struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Since 1970-01-01T00:00:00Z; may be negative.
    package let seconds: Int64
    /// 0 to 999,999,999.
    package let nanoseconds: Int32

    private static let range: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

    /// What is out of range becomes the first or the last moment there is.
    package init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = min(max(seconds, Self.range.lowerBound), Self.range.upperBound)
        self.nanoseconds = min(max(nanoseconds, 0), 999_999_999)
    }

    /// Since 1970, or the bound that lies beyond: 64 bits reach from 1677 to 2262.
    package var unixNanoseconds: Int64 {
        seconds.saturatingMultiply(1_000_000_000).saturatingAdd(Int64(nanoseconds))
    }

    /// Go's zero time, which Docker writes for "never": 0001-01-01T00:00:00Z.
    package static let zero = Timestamp(seconds: -62_135_596_800)

    package var isZero: Bool { self == .zero }

    /// The wall clock.
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: Int32(time.tv_nsec))
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// `2026-01-02T03:04:05.123456789Z`, without trailing zeros in the fraction.
    package var description: String { text(nanoseconds: .shortest) }

    package enum Fraction: Sendable {
        /// As many digits as needed: RFC3339Nano.
        case shortest
        /// Always nine digits: Docker's log format.
        case nine
        /// Always six: the daemon's own log.
        case six
    }

    /// In UTC.
    package func text(nanoseconds fraction: Fraction) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(30)
        let days = Self.floorDivide(seconds, 86400)
        let rest = Int(seconds - days * 86400)
        let (year, month, day) = Self.civil(days)
        Self.append(Int(year), width: 4, to: &out)
        out.append(45)
        Self.append(month, width: 2, to: &out)
        out.append(45)
        Self.append(day, width: 2, to: &out)
        out.append(84)
        Self.append(rest / 3600, width: 2, to: &out)
        out.append(58)
        Self.append(rest / 60 % 60, width: 2, to: &out)
        out.append(58)
        Self.append(rest % 60, width: 2, to: &out)
        if nanoseconds != 0 || fraction != .shortest {
            out.append(46)
            Self.append(Int(nanoseconds), width: 9, to: &out)
            if fraction == .six { out.removeLast(3) }
            while fraction == .shortest, out.last == 48 { out.removeLast() }
        }
        out.append(90)
        return String(decoding: out, as: UTF8.self)
    }

    /// RFC 3339 with any offset and any number of fraction digits (beyond nine they are dropped).
    package init(_ text: String) throws(OCIError) {
        var scanner = Scanner(bytes: Array(text.utf8))
        guard let year = scanner.number(4), scanner.skip(45), let month = scanner.number(2), scanner.skip(45),
            let day = scanner.number(2), scanner.skip(84) || scanner.skip(116) || scanner.skip(32),
            let hour = scanner.number(2), scanner.skip(58), let minute = scanner.number(2), scanner.skip(58),
            let second = scanner.number(2),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { throw .invalidTimestamp(text) }
        var nanoseconds: Int32 = 0
        if scanner.skip(46) {
            var digits = 0
            while let digit = scanner.number(1) {
                digits += 1
                if digits <= 9 { nanoseconds = nanoseconds * 10 + Int32(digit) }
            }
            guard digits > 0 else { throw .invalidTimestamp(text) }
            while digits < 9 {
                nanoseconds *= 10
                digits += 1
            }
        }
        var offset = 0
        if !(scanner.skip(90) || scanner.skip(122)) {
            let sign = scanner.skip(43) ? 1 : scanner.skip(45) ? -1 : 0
            guard sign != 0, let hours = scanner.number(2), scanner.skip(58), let minutes = scanner.number(2),
                hours <= 24, minutes < 60
            else { throw .invalidTimestamp(text) }
            offset = sign * (hours * 3600 + minutes * 60)
        }
        guard scanner.isAtEnd else { throw .invalidTimestamp(text) }
        let days = Self.days(year: Int64(year), month: month, day: day)
        self.init(
            seconds: days * 86400 + Int64(hour * 3600 + minute * 60 + second - offset), nanoseconds: nanoseconds)
    }

    private struct Scanner {
        let bytes: [UInt8]
        var position = 0
        var isAtEnd: Bool { position == bytes.count }

        mutating func number(_ width: Int) -> Int? {
            guard position + width <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[position..<(position + width)] {
                guard (48...57).contains(byte) else { return nil }
                value = value * 10 + Int(byte) - 48
            }
            position += width
            return value
        }

        mutating func skip(_ byte: UInt8) -> Bool {
            guard position < bytes.count, bytes[position] == byte else { return false }
            position += 1
            return true
        }
    }

    /// By arithmetic alone: every line of a log has its time.
    private static func append(_ value: Int, width: Int, to out: inout [UInt8]) {
        var divisor = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            out.append(UInt8(48 + value / divisor % 10))
            divisor /= 10
        }
    }

    private static func floorDivide(_ value: Int64, _ by: Int64) -> Int64 {
        value >= 0 ? value / by : -((-value + by - 1) / by)
    }

    /// Days since 1970 to a date of the proleptic Gregorian calendar, counted in 400-year cycles from March.
    private static func civil(_ days: Int64) -> (year: Int64, month: Int, day: Int) {
        let shifted = days + 719_468
        let cycle = floorDivide(shifted, 146_097)
        let dayOfCycle = shifted - cycle * 146_097
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let march = (5 * dayOfYear + 2) / 153
        let day = Int(dayOfYear - (153 * march + 2) / 5 + 1)
        let month = Int(march < 10 ? march + 3 : march - 9)
        return (yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func days(year: Int64, month: Int, day: Int) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let cycle = floorDivide(shifted, 400)
        let yearOfCycle = shifted - cycle * 400
        let dayOfYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
        return cycle * 146_097 + yearOfCycle * 365 + yearOfCycle / 4 - yearOfCycle / 100 + dayOfYear - 719_468
    }
}
