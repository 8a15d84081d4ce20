internal import Glibc

/// The header of that name: seconds, or a date (RFC 9110, section 10.2.3).
enum RetryAfter {
    static func seconds(_ text: String, now: Int = time(nil)) -> Int? {
        if let seconds = Int(text) { return max(0, seconds) }
        // `Sun, 06 Nov 1994 08:49:37 GMT`
        let words = text.split { " ,:".contains($0) }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let numbers = [1, 3, 4, 5, 6].map { $0 < words.count ? Int32(words[$0]) : nil }
        guard words.count == 8, let day = numbers[0], let month = months.firstIndex(of: String(words[2])),
            let year = numbers[1], let hour = numbers[2], let minute = numbers[3], let second = numbers[4]
        else { return nil }
        var parts = tm()
        parts.tm_mday = day
        parts.tm_mon = Int32(month)
        parts.tm_year = year - 1900
        parts.tm_hour = hour
        parts.tm_min = minute
        parts.tm_sec = second
        return max(0, timegm(&parts) - now)
    }

    /// `90 seconds`, `2 hours`.
    static func words(_ seconds: Int) -> String {
        switch seconds {
        case ..<120: seconds == 1 ? "1 second" : "\(seconds) seconds"
        case ..<7200: "\(seconds / 60) minutes"
        default: "\(seconds / 3600) hours"
        }
    }
}
