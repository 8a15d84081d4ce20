internal import Glibc
internal import JSON
internal import OCI

/// The Retry-After header: seconds, or a date (RFC 9110, section 10.2.3).
enum RetryAfter {
    /// A year, the upper bound for what a server may ask.
    static let limit = 366 * 86400

    static func seconds(_ text: String, now: Int64 = Int64(time(nil))) -> Int? {
        if !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) {
            return min(Int(digits: text) ?? limit, limit)
        }
        // `Sun, 06 Nov 1994 08:49:37 GMT`
        let words = text.split { " ,:".contains($0) }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard words.count == 8, let month = months.firstIndex(of: String(words[2])) else { return nil }
        let number = (month < 9 ? "0" : "") + String(month + 1)
        guard let date = try? Timestamp("\(words[3])-\(number)-\(words[1])T\(words[4]):\(words[5]):\(words[6])Z")
        else { return nil }
        return Int(min(max(0, date.seconds.saturatingSubtract(now)), Int64(limit)))
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
