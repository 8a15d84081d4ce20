internal import Glibc
internal import Linux

/// The path of an archive entry, normalized. Bytes, because file names are not always UTF-8.
struct EntryPath {
    /// Without empty and `.` components; `..` has been resolved.
    private(set) var components: [[UInt8]]

    /// Nil for a path above the root (CVE-2025-47290) or with a component longer than 255 bytes.
    init?(_ name: UnsafePointer<CChar>) {
        components = []
        var component: [UInt8] = []
        var cursor = name
        while true {
            let byte = UInt8(bitPattern: cursor.pointee)
            if byte == 0x2f || byte == 0 {
                if component == [0x2e, 0x2e] {
                    if components.isEmpty { return nil }
                    components.removeLast()
                } else if !component.isEmpty, component != [0x2e] {
                    if component.count > 255 { return nil }
                    components.append(component)
                }
                component.removeAll(keepingCapacity: true)
                if byte == 0 { break }
            } else {
                component.append(byte)
            }
            cursor += 1
        }
    }

    /// True for the root directory itself.
    var isRoot: Bool { components.isEmpty }

    /// Joined with `/` and NUL-terminated; `.` for the empty path.
    static func joined(_ components: some Collection<[UInt8]>) -> [CChar] {
        if components.isEmpty { return [0x2e, 0] }
        var path: [CChar] = []
        for component in components {
            if !path.isEmpty { path.append(0x2f) }
            for byte in component { path.append(CChar(bitPattern: byte)) }
        }
        path.append(0)
        return path
    }

    var parent: [CChar] { Self.joined(components.dropLast()) }

    var leaf: [CChar] { Self.joined(components.suffix(1)) }

    var path: [CChar] { Self.joined(components) }

    /// Refuses paths longer than PATH_MAX, which no program could open. A container can nest directories so deeply that a listing
    /// of their full paths would grow with the square of their number.
    static func checkLength(_ path: [UInt8]) throws(SystemError) {
        if path.count < 4096 { return }
        let start = String(decoding: path.prefix(60), as: UTF8.self)
        throw SystemError("read", "\(start)…, which is nested too deeply", code: ENAMETOOLONG)
    }

    static func text(_ path: [CChar]) -> String {
        String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
