/// The header of one archive entry: ustar where everything fits, preceded by an extended header otherwise (pax(1), POSIX.1-2001).
/// Reproducible: the same entry always gives the same bytes.
struct TarHeader {
    enum Kind: UInt8 {
        case regular = 0x30
        case link = 0x31
        case symbolicLink = 0x32
        case character = 0x33
        case block = 0x34
        case directory = 0x35
        case fifo = 0x36
    }

    /// Relative; the name of a directory ends with a slash.
    var name: [UInt8]
    var kind = Kind.regular
    /// Permissions and set-id bits.
    var mode: UInt32 = 0o644
    var owner: UInt32 = 0
    var group: UInt32 = 0
    /// Size of the content in the archive.
    var size: Int64 = 0
    /// Size of the file itself, when it is written without its holes (GNU sparse format 1.0).
    var sparseSize: Int64?
    var seconds: Int64 = 0
    var nanoseconds = 0
    /// The target of a link.
    var target: [UInt8] = []
    var major: UInt32 = 0
    var minor: UInt32 = 0
    /// Extended attributes.
    var attributes: [(name: [UInt8], value: [UInt8])] = []

    static let blockSize = 512

    /// The number of zeros that fill the last block of `size` bytes.
    static func padding(_ size: Int64) -> Int { Int((512 - size % 512) % 512) }

    /// The header blocks.
    var bytes: [UInt8] {
        var shown = name
        var prefix: [UInt8] = []
        var records: [(key: [UInt8], value: [UInt8])] = []
        func record(_ key: String, _ value: [UInt8]) { records.append((Array(key.utf8), value)) }

        if let sparseSize {
            record("GNU.sparse.major", [0x31])
            record("GNU.sparse.minor", [0x30])
            record("GNU.sparse.name", name)
            record("GNU.sparse.realsize", Array(String(sparseSize).utf8))
            shown = Array("GNUSparseFile.0/".utf8) + Self.leaf(name)
        }
        if !Self.isPlain(shown) {
            if sparseSize == nil { record("path", shown) }
            shown = Self.cut(shown)
        } else if shown.count > 100 {
            if let slash = Self.splitPoint(shown) {
                prefix = Array(shown[..<slash])
                shown = Array(shown[(slash + 1)...])
            } else {
                if sparseSize == nil { record("path", shown) }
                shown = Self.cut(shown)
            }
        }
        var linked = target
        if target.count > 100 || !Self.isPlain(target) {
            record("linkpath", target)
            linked = Self.cut(target)
        }
        if owner > Self.largestID { record("uid", Array(String(owner).utf8)) }
        if group > Self.largestID { record("gid", Array(String(group).utf8)) }
        if size > Self.largestSize { record("size", Array(String(size).utf8)) }
        if nanoseconds != 0 || seconds < 0 || seconds > Self.largestSize {
            record("mtime", Self.time(seconds, nanoseconds))
        }
        for (name, value) in attributes { records.append((Array("SCHILY.xattr.".utf8) + name, value)) }

        var result: [UInt8] = []
        if !records.isEmpty {
            records.sort { $0.key.lexicographicallyPrecedes($1.key) }
            let body = records.flatMap { Self.line($0.key, $0.value) }
            var extended = TarHeader(name: Self.cut(Array("PaxHeaders.0/".utf8) + Self.leaf(name)))
            extended.size = Int64(body.count)
            result += extended.block([UInt8](extended.name), [], [], type: 0x78)
            result += body
            result += [UInt8](repeating: 0, count: Self.padding(extended.size))
        }
        return result + block(shown, prefix, linked, type: kind.rawValue)
    }

    private static let largestID: UInt32 = 0o7777777
    private static let largestSize: Int64 = 0o77777777777

    private func block(_ name: [UInt8], _ prefix: [UInt8], _ target: [UInt8], type: UInt8) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: Self.blockSize)
        func put(_ bytes: [UInt8], at offset: Int) {
            block.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
        }
        func number(_ value: Int64, at offset: Int, digits: Int) {
            let text = String(value, radix: 8)
            put(Array((String(repeating: "0", count: max(0, digits - text.count)) + text).utf8), at: offset)
        }
        put(name, at: 0)
        number(Int64(mode & 0o7777), at: 100, digits: 7)
        number(owner > Self.largestID ? 0 : Int64(owner), at: 108, digits: 7)
        number(group > Self.largestID ? 0 : Int64(group), at: 116, digits: 7)
        number(size > Self.largestSize ? 0 : size, at: 124, digits: 11)
        number(min(max(0, seconds), Self.largestSize), at: 136, digits: 11)
        put([UInt8](repeating: 0x20, count: 8), at: 148)
        block[156] = type
        put(target, at: 157)
        put(Array("ustar\u{0}00".utf8), at: 257)
        number(Int64(major), at: 329, digits: 7)
        number(Int64(minor), at: 337, digits: 7)
        put(prefix, at: 345)
        let sum = block.reduce(0) { $0 + Int64($1) }
        number(sum, at: 148, digits: 6)
        block[154] = 0
        return block
    }

    /// `LENGTH KEY=VALUE\n`; the length includes its own digits.
    private static func line(_ key: [UInt8], _ value: [UInt8]) -> [UInt8] {
        let rest = key.count + value.count + 3
        var length = rest + String(rest).utf8.count
        if String(length).utf8.count != String(rest).utf8.count { length = rest + String(length).utf8.count }
        return Array("\(length) ".utf8) + key + [0x3d] + value + [0x0a]
    }

    /// Seconds with the shortest possible fraction; before 1970 the fraction is negative too.
    private static func time(_ seconds: Int64, _ nanoseconds: Int) -> [UInt8] {
        if nanoseconds == 0 { return Array(String(seconds).utf8) }
        let isBefore = seconds < 0
        let whole = isBefore ? -(seconds + 1) : seconds
        var digits = String((isBefore ? 1_000_000_000 - nanoseconds : nanoseconds) + 1_000_000_000).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return Array("\(isBefore ? "-" : "")\(whole).\(digits)".utf8)
    }

    /// ustar defines no encoding for bytes that are not ASCII.
    private static func isPlain(_ text: [UInt8]) -> Bool { text.allSatisfy { $0 < 0x80 } }

    private static func leaf(_ name: [UInt8]) -> [UInt8] {
        Array(name.split(separator: 0x2f).last ?? [])
    }

    /// A shortened name for readers that do not know extended headers.
    private static func cut(_ name: [UInt8]) -> [UInt8] { Array(name.filter { $0 < 0x80 }.prefix(100)) }

    /// Where the name can be split into a prefix of at most 155 bytes and a name of at most 100.
    private static func splitPoint(_ name: [UInt8]) -> Int? {
        guard name.count <= 256 else { return nil }
        let slash = name.indices.prefix(156).last { $0 > 0 && name[$0] == 0x2f && $0 < name.count - 1 }
        guard let slash, name.count - slash - 1 <= 100 else { return nil }
        return slash
    }
}

/// Headers for archives assembled by other modules: owner root, time 1970.
package enum ArchiveHeader {
    package static func file(_ name: String, size: Int64) -> [UInt8] {
        var header = TarHeader(name: Array(name.utf8))
        header.size = size
        return header.bytes
    }

    package static func directory(_ name: String) -> [UInt8] {
        var header = TarHeader(name: Array(name.utf8), kind: .directory)
        header.mode = 0o755
        return header.bytes
    }

    /// The number of zeros that fill the last block of `size` bytes.
    package static func padding(_ size: Int64) -> Int { TarHeader.padding(size) }

    package static let end = [UInt8](repeating: 0, count: 2 * TarHeader.blockSize)
}
