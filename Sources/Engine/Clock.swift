internal import OCI

/// The time of day, as the API writes it.
enum Clock {
    /// Nanoseconds since 1970.
    static func nanoseconds() -> Int64 { Timestamp.now().unixNanoseconds }

    /// A time to wait that clients may choose as they like; nil, which is for ever, when it is longer than ten years: sleeping
    /// for 2⁶³ seconds traps.
    static func wait(seconds: Double) -> Duration? {
        seconds < 315_576_000 ? .seconds(max(0, seconds)) : nil
    }

    /// RFC 3339 with nanoseconds, UTC.
    static func text() -> String { Timestamp.now().description }
}

/// `5 minutes`, `About an hour`: as Docker words a span of time.
func humanDuration(seconds: Int64) -> String {
    let minutes = seconds / 60
    let hours = (seconds + 1800) / 3600
    return switch seconds {
    case ..<1: "Less than a second"
    case 1: "1 second"
    case ..<60: "\(seconds) seconds"
    case ..<120: "About a minute"
    case ..<3600: "\(minutes) minutes"
    default:
        switch hours {
        case ..<2: "About an hour"
        case ..<48: "\(hours) hours"
        case ..<(24 * 7 * 2): "\(hours / 24) days"
        case ..<(24 * 30 * 2): "\(hours / 24 / 7) weeks"
        case ..<(24 * 365 * 2): "\(hours / 24 / 30) months"
        default: "\(hours / 24 / 365) years"
        }
    }
}
