internal import ByteText
internal import Glibc
internal import JSON

extension Timestamp {
    /// A moment as Docker's filters take it: seconds since 1970, how long ago (`42m`), or RFC 3339, of which time, seconds
    /// and zone may be missing (then the local one). Nil for anything else.
    package init?(moment text: String) {
        let parts = text.split(byte: ".", maxSplits: 1, omittingEmptySubsequences: false)
        if let seconds = Int64(parts[0]), parts.count < 2 || parts[1].allSatisfy({ ("0"..."9").contains($0) }) {
            let fraction = parts.count < 2 ? "" : parts[1].prefix(9)
            let digits = fraction + String(repeating: "0", count: 9 - fraction.count)
            self.init(seconds: seconds, nanoseconds: Int32(digits) ?? 0)
        } else if let ago = GoDuration.nanoseconds(text) {
            self.init(seconds: Timestamp.now().seconds.saturatingSubtract(ago / 1_000_000_000))
        } else if let whole = Self.completed(text), let time = try? Timestamp(whole) {
            self = time
        } else {
            return nil
        }
    }

    private static func completed(_ text: String) -> String? {
        var day = text.prefix(untilByte: "T")
        var clock = text.dropFirst(day.count + 1)
        var zone = ""
        if text.hasByteSuffix("Z") {
            zone = "Z"
            if clock.isEmpty { day = day.dropLast() } else { clock = clock.dropLast() }
        } else if let sign = clock.lastIndex(where: { $0 == "+" || $0 == "-" }) {
            zone = String(clock[sign...])
            clock = clock[..<sign]
        }
        if clock.isEmpty { clock = "00" }
        for _ in clock.split(byte: ":").count..<3 { clock += ":00" }
        guard zone.isEmpty else { return "\(day)T\(clock)\(zone)" }
        guard let time = try? Timestamp("\(day)T\(clock)Z") else { return nil }
        return "\(day)T\(clock)\(localZone(time.seconds))"
    }

    /// Of this machine when its clocks show this time: `+02:00`.
    private static func localZone(_ shown: Int64) -> String {
        var seconds = time_t(shown)
        var fields = tm()
        gmtime_r(&seconds, &fields)
        fields.tm_isdst = -1
        let minutes = (Int(shown) - mktime(&fields)) / 60
        func two(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
        return (minutes < 0 ? "-" : "+") + two(abs(minutes) / 60) + ":" + two(abs(minutes) % 60)
    }
}
