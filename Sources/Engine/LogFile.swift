internal import Glibc
internal import JSON
internal import Linux

/// A json-file log read in pieces: one JSON object a line.
struct LogFile: ~Copyable {
    private let file: Descriptor
    private var pending: [UInt8] = []
    private var offset: Int64 = 0

    private static let chunk = 64 << 10

    init(_ path: String) throws(SystemError) {
        file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW)
    }

    /// Moves to where the last `count` lines begin, reading from the end backwards.
    mutating func seek(lastLines count: Int) throws(SystemError) {
        var status = stat()
        guard fstat(file.raw, &status) == 0 else { throw SystemError("fstat", code: errno) }
        var position = Int64(status.st_size)
        offset = position
        if count == 0 { return }
        var found = 0
        var buffer = [UInt8](repeating: 0, count: Self.chunk)
        while position > 0 {
            let length = min(Int64(Self.chunk), position)
            position -= length
            let raw = file.raw
            let read = buffer.withUnsafeMutableBytes { pread(raw, $0.baseAddress, Int(length), Int(position)) }
            guard read == Int(length) else { throw SystemError("pread", code: read < 0 ? errno : EIO) }
            for index in stride(from: Int(length) - 1, through: 0, by: -1) where buffer[index] == 0x0A {
                let after = position + Int64(index) + 1
                // The newline at the very end closes the last line.
                if after == Int64(status.st_size) { continue }
                found += 1
                if found == count {
                    offset = after
                    return
                }
            }
        }
        offset = 0
    }

    /// The whole lines that are there now; empty at the end of the file.
    mutating func read() throws(SystemError) -> [LogEntry] {
        var entries: [LogEntry] = []
        var buffer = [UInt8](repeating: 0, count: Self.chunk)
        while entries.isEmpty {
            let raw = file.raw
            let position = offset
            let count = buffer.withUnsafeMutableBytes { pread(raw, $0.baseAddress, $0.count, Int(position)) }
            if count < 0 { throw SystemError("pread", code: errno) }
            if count == 0 { return entries }
            offset += Int64(count)
            pending += buffer[..<count]
            var start = 0
            while let end = pending[start...].firstIndex(of: 0x0A) {
                if let entry = Self.entry(Array(pending[start..<end])) { entries.append(entry) }
                start = end + 1
            }
            pending.removeFirst(start)
        }
        return entries
    }

    private static func entry(_ bytes: [UInt8]) -> LogEntry? {
        guard let line = try? JSON.parse(bytes), let text = line["log"]?.stringValue else { return nil }
        return LogEntry(
            source: line["stream"]?.stringValue == "stderr" ? .stderr : .stdout,
            time: line["time"]?.stringValue ?? "", line: Array(text.utf8))
    }
}
