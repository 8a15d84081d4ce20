internal import Glibc
internal import OCI

/// Turns output into lines of Docker's `json-file` log.
///
/// A line goes out when its end is there, or when 16 KiB are: then in pieces of that size without an end, as Docker
/// splits them, so that `docker logs` and every shipper joins them again. A piece is up to three bytes smaller where it would end
/// inside a character.
package struct LogFormatter: Sendable {
    private static let limit = 16384
    private static let streams: [[UInt8]] = [Array("stdout".utf8), Array("stderr".utf8)]

    private var pending: [[UInt8]] = [[], []]

    package init() {}

    /// The records that `chunk` completes; `stream` is 1 or 2, `time` the record's time.
    package mutating func format(_ chunk: UnsafeRawBufferPointer, stream: Int, time: String) -> [UInt8] {
        var result: [UInt8] = []
        let index = stream == 2 ? 1 : 0
        let timeBytes = Array(time.utf8)
        var start = 0
        while start < chunk.count {
            let room = Self.limit - pending[index].count
            let window = UnsafeRawBufferPointer(rebasing: chunk[start..<min(chunk.count, start + room)])
            let end = window.firstIndex(of: 0x0a)
            let count = end.map { $0 + 1 } ?? window.count
            pending[index].append(contentsOf: window[..<count])
            start += count
            if end != nil || pending[index].count >= Self.limit {
                let rest = end == nil ? Self.unfinished(pending[index]) : 0
                Self.append(Array(pending[index].dropLast(rest)), Self.streams[index], timeBytes, to: &result)
                if rest == 0 {
                    pending[index].removeAll(keepingCapacity: pending[index].count <= 4096)
                } else {
                    pending[index] = Array(pending[index].suffix(rest))
                }
            }
        }
        return result
    }

    /// How many bytes at the end begin a character that is not whole: they wait for the rest of it, since a record is text and each
    /// half of a character would become U+FFFD.
    private static func unfinished(_ bytes: [UInt8]) -> Int {
        for count in 1...3 where count < bytes.count {
            let byte = bytes[bytes.count - count]
            if byte & 0xc0 == 0x80 { continue }
            let length = byte < 0xc2 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 1
            return length > count ? count : 0
        }
        return 0
    }

    /// What is left without a line's end, when the stream ends.
    package mutating func finish(time: String) -> [UInt8] {
        var result: [UInt8] = []
        for index in 0...1 where !pending[index].isEmpty {
            Self.append(pending[index], Self.streams[index], Array(time.utf8), to: &result)
            pending[index] = []
        }
        return result
    }

    private static func append(_ line: [UInt8], _ stream: [UInt8], _ time: [UInt8], to result: inout [UInt8]) {
        result.append(contentsOf: #"{"log":""#.utf8)
        escape(line, to: &result)
        result.append(contentsOf: #"","stream":""#.utf8)
        result.append(contentsOf: stream)
        result.append(contentsOf: #"","time":""#.utf8)
        result.append(contentsOf: time)
        result.append(contentsOf: "\"}\n".utf8)
    }

    /// As Docker's writer: Go's escapes for HTML, `\ufffd` for what is not UTF-8, `\u0009` for a tab.
    static func escape(_ bytes: [UInt8], to result: inout [UInt8]) {
        let hex = Array("0123456789abcdef".utf8)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x80 {
                index += 1
                switch byte {
                case 0x22, 0x5c:
                    result.append(0x5c)
                    result.append(byte)
                case 0x0a: result.append(contentsOf: #"\n"#.utf8)
                case 0x0d: result.append(contentsOf: #"\r"#.utf8)
                case 0..<0x20, 0x3c, 0x3e, 0x26:
                    result.append(contentsOf: #"\u00"#.utf8)
                    result.append(hex[Int(byte >> 4)])
                    result.append(hex[Int(byte & 15)])
                default: result.append(byte)
                }
                continue
            }
            let length = sequenceLength(bytes, index)
            if length == 0 {
                result.append(contentsOf: #"\ufffd"#.utf8)
                index += 1
            } else if length == 3, byte == 0xe2, bytes[index + 1] == 0x80, bytes[index + 2] & 0xfe == 0xa8 {
                result.append(contentsOf: bytes[index + 2] == 0xa8 ? #"\u2028"#.utf8 : #"\u2029"#.utf8)
                index += 3
            } else {
                result.append(contentsOf: bytes[index..<index + length])
                index += length
            }
        }
    }

    /// The length of the well-formed UTF-8 sequence at `index`, 0 when there is none (Unicode table 3-7).
    private static func sequenceLength(_ bytes: [UInt8], _ index: Int) -> Int {
        let first = bytes[index]
        func next(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xbf) -> Bool {
            index + offset < bytes.count && range.contains(bytes[index + offset])
        }
        switch first {
        case 0xc2...0xdf: return next(1) ? 2 : 0
        case 0xe0: return next(1, 0xa0...0xbf) && next(2) ? 3 : 0
        case 0xed: return next(1, 0x80...0x9f) && next(2) ? 3 : 0
        case 0xe1...0xef: return next(1) && next(2) ? 3 : 0
        case 0xf0: return next(1, 0x90...0xbf) && next(2) && next(3) ? 4 : 0
        case 0xf1...0xf3: return next(1) && next(2) && next(3) ? 4 : 0
        case 0xf4: return next(1, 0x80...0x8f) && next(2) && next(3) ? 4 : 0
        default: return 0
        }
    }
}

/// A container's log file.
struct LogWriter {
    /// Opened for appending by the daemon.
    var descriptor: Int32
    private var formatter = LogFormatter()

    init(descriptor: Int32) { self.descriptor = descriptor }

    mutating func write(_ chunk: UnsafeRawBufferPointer, stream: Int) {
        put(formatter.format(chunk, stream: stream, time: Timestamp.now().description))
    }

    mutating func finish() { put(formatter.finish(time: Timestamp.now().description)) }

    /// A full disk loses lines, never the container.
    private func put(_ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + offset }, $0.count - offset)
            }
            if count > 0 { offset += count } else if errno != EINTR { return }
        }
    }
}
