/// Writes tar archives, including invalid ones.
struct TarArchive {
    private(set) var bytes: [UInt8] = []

    /// `pax` are records of an extended header before the entry.
    mutating func add(
        _ name: String, _ type: Character = "0", content: [UInt8] = [], mode: Int = 0o644, uid: Int = 0, gid: Int = 0,
        time: Int = 1_700_000_000, link: String = "", device: (Int, Int) = (0, 0), pax: [(String, [UInt8])] = []
    ) {
        if !pax.isEmpty {
            var records: [UInt8] = []
            for (key, value) in pax {
                let body = Array(" \(key)=".utf8) + value + [10]
                var length = body.count + 1
                while String(length).utf8.count + body.count != length {
                    length = String(length).utf8.count + body.count
                }
                records += Array(String(length).utf8) + body
            }
            add("pax", "x", content: records)
        }
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ at: Int) {
            header.replaceSubrange(at..<(at + text.utf8.count), with: Array(text.utf8))
        }
        func octal(_ value: Int, _ width: Int) -> String {
            let digits = String(value, radix: 8)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        put(name, 0)
        put(octal(mode, 7), 100)
        put(octal(uid, 7), 108)
        put(octal(gid, 7), 116)
        put(octal(content.count, 11), 124)
        put(octal(time, 11), 136)
        put("        ", 148)
        put(String(type), 156)
        put(link, 157)
        put("ustar\u{0}00", 257)
        put(octal(device.0, 7), 329)
        put(octal(device.1, 7), 337)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\u{0} ", 148)
        bytes += header + content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    /// With the two zero blocks at the end.
    var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}
