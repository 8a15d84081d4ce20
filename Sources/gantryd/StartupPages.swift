internal import ByteText
internal import Glibc
internal import Linux

/// Program code that only starting has needed.
enum StartupPages {
    /// Lets go of every page of executable mappings: what is still used comes back from the page cache at the next
    /// touch, 64 KB at once. Starting touches most of the program, serving a small part of it (20 of 33 MB resident).
    /// Executable mappings are never written, so nothing can be lost.
    static func release() {
        guard let bytes = try? Descriptor.open("/proc/self/maps", O_RDONLY).readAll(limit: 1 << 22) else { return }
        for line in String(decoding: bytes, as: UTF8.self).split(byte: "\n") {
            let fields = line.split(byte: " ", omittingEmptySubsequences: true)
            guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasBytePrefix("/") else { continue }
            let ends = fields[0].split(byte: "-").compactMap { UInt(String($0), radix: 16) }
            guard ends.count == 2, let start = UnsafeMutableRawPointer(bitPattern: ends[0]) else { continue }
            madvise(start, Int(ends[1] - ends[0]), MADV_DONTNEED)
        }
        malloc_trim(0)
    }
}
