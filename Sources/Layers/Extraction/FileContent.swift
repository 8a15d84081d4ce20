internal import CLinux
internal import Glibc
internal import Linux

/// Reads a regular file for an archive, exactly as many bytes as its header announces: a file that shrinks meanwhile is padded
/// with zeros, one that grows is truncated.
final class FileContent {
    private struct Part {
        var offset: Int64
        var count: Int64
    }

    private let file: Descriptor
    private var parts: ArraySlice<Part>
    private var map: [UInt8]
    private var padding: Int
    /// Up to this many bytes holes are written as zeros (they become holes again on unpacking), because Docker 20 and Podman read
    /// sparse entries but cannot write such a layer out again. Above it the entry is sparse.
    private static let zerosLimit: Int64 = 1 << 30
    /// Whether the entry is written in GNU sparse format, without its holes.
    let isSparse: Bool
    /// The entry's size in the archive.
    let archivedSize: Int64

    init(_ file: consuming Descriptor, size: Int64, blocks: Int64) throws(LayerError) {
        let parts = blocks * 512 < size - Self.zerosLimit ? Self.parts(of: file.raw, size) : nil
        if let parts {
            isSparse = true
            let lines = [Int64(parts.count)] + parts.flatMap { [$0.offset, $0.count] }
            var map = Array(lines.map { "\($0)\n" }.joined().utf8)
            map += [UInt8](repeating: 0, count: TarHeader.padding(Int64(map.count)))
            archivedSize = Int64(map.count) + parts.reduce(0) { $0 + $1.count }
            self.map = map
        } else {
            isSparse = false
            archivedSize = size
            map = []
        }
        padding = TarHeader.padding(archivedSize)
        self.parts = (parts ?? [Part(offset: 0, count: size)])[...]
        self.file = file
    }

    /// The data segments of the file; a final segment of length 0 marks its end. Nil when the file system does not report holes.
    private static func parts(of file: Int32, _ size: Int64) -> [Part]? {
        var parts: [Part] = []
        var offset: Int64 = 0
        while offset < size {
            let start = linux_fs_seek_data(file, offset)
            if start == -Int(ENXIO) { break }
            guard start >= 0 else { return nil }
            let end = linux_fs_seek_hole(file, Int64(start))
            guard end > start else { return nil }
            let last = min(Int64(end), size)
            if Int64(start) >= size { break }
            parts.append(Part(offset: Int64(start), count: last - Int64(start)))
            offset = last
            // A sparse map of that many entries saves nothing.
            if parts.count > 10_000 { return nil }
        }
        if size - parts.reduce(0, { $0 + $1.count }) < zerosLimit { return nil }
        if (parts.last.map { $0.offset + $0.count } ?? 0) < size { parts.append(Part(offset: size, count: 0)) }
        return parts
    }

    /// Appends the next bytes; false at the end.
    func append(to buffer: inout [UInt8], upTo capacity: Int) throws(LayerError) -> Bool {
        if !map.isEmpty {
            buffer += map
            map = []
        }
        while let part = parts.first {
            let room = capacity - buffer.count
            if room <= 0 { return true }
            let wanted = Int(min(Int64(room), part.count))
            if wanted > 0 { try read(wanted, at: part.offset, into: &buffer) }
            if Int64(wanted) == part.count {
                parts.removeFirst()
            } else {
                parts[parts.startIndex].offset += Int64(wanted)
                parts[parts.startIndex].count -= Int64(wanted)
            }
        }
        buffer += [UInt8](repeating: 0, count: padding)
        padding = 0
        return false
    }

    private func read(_ count: Int, at offset: Int64, into buffer: inout [UInt8]) throws(LayerError) {
        var failure: SystemError?
        let number = file.raw
        let piece = [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
            while filled < count {
                let result = pread(number, bytes.baseAddress.map { $0 + filled }, count - filled, Int(offset) + filled)
                if result > 0 {
                    filled += result
                } else if result == 0 {
                    bytes[filled..<count].initialize(repeating: 0)
                    filled = count
                } else if errno != EINTR {
                    failure = SystemError("read", code: errno)
                    return
                }
            }
        }
        if let failure { throw .system(failure) }
        buffer += piece
    }
}
