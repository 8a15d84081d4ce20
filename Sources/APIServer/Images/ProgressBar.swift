internal import Glibc
internal import JSON

/// `[===>    ]  1.2MB/3.4MB`: the member `progress` of a message, for programs that show it as it is.
enum ProgressBar {
    /// Nil when there is nothing to count.
    static func text(_ current: Int64, of total: Int64) -> String? {
        if current <= 0, total <= 0 { return nil }
        let done = size(current)
        let padded = String(repeating: " ", count: max(0, 8 - done.utf8.count)) + done
        if total <= 0 { return padded }
        let filled = max(0, min(50, Int(saturating: Double(current) / Double(total) * 100) / 2))
        let bar = String(repeating: "=", count: filled) + ">" + String(repeating: " ", count: 50 - filled)
        return "[\(bar)] \(padded)" + (current > total ? "" : "/" + size(total))
    }

    /// Four digits and a power of 1000.
    private static func size(_ bytes: Int64) -> String {
        let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        var buffer = [CChar](repeating: 0, count: 32)
        withVaList([value]) { _ = vsnprintf(&buffer, buffer.count, "%.4g", $0) }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) + units[unit]
    }
}
