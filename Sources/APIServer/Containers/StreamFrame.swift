internal import ByteText
internal import Engine
internal import Linux
internal import NIOCore

/// Docker's frames for several streams in one: stream number, three zero bytes, length, data.
enum StreamFrame {
    static let rawType = "application/vnd.docker.raw-stream"
    static let multiplexedType = "application/vnd.docker.multiplexed-stream"

    /// The content type of a stream that the client of `version` knows.
    static func contentType(isTerminal: Bool, _ version: ProtocolVersion) -> String {
        isTerminal || version < ProtocolVersion(1, 42) ? rawType : multiplexedType
    }

    static func append(_ bytes: [UInt8], source: LogEntry.Source, to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt32(source.rawValue) << 24)
        buffer.writeInteger(UInt32(truncatingIfNeeded: bytes.count))
        buffer.writeBytes(bytes)
    }

    /// Changes a stream for a client that wants the other kind: frames around a terminal's bytes, or the data out of frames.
    static func reframe(adding isAdding: Bool) -> (ByteBuffer) -> ByteBuffer {
        if isAdding {
            return { piece in
                var buffer = ByteBuffer()
                append(Array(piece.readableBytesView), source: .stdout, to: &buffer)
                return buffer
            }
        }
        var header: [UInt8] = []
        var left = 0
        return { piece in
            var (piece, result) = (piece, ByteBuffer())
            while piece.readableBytes > 0 {
                if left > 0 {
                    let count = min(left, piece.readableBytes)
                    if var data = piece.readSlice(length: count) { result.writeBuffer(&data) }
                    left -= count
                    continue
                }
                header += piece.readBytes(length: min(8 - header.count, piece.readableBytes)) ?? []
                if header.count == 8 {
                    left = header[4...].reduce(0) { $0 << 8 | Int($1) }
                    header = []
                }
            }
            return result
        }
    }

    /// Log entries as the client gets them.
    static func buffer(_ entries: [LogEntry], isTerminal: Bool, timestamps: Bool) -> ByteBuffer {
        var buffer = ByteBuffer()
        for entry in entries {
            let line = timestamps ? Array(fixedWidth(entry.time).utf8) + [0x20] + entry.line : entry.line
            if isTerminal {
                buffer.writeBytes(line)
            } else {
                append(line, source: entry.source, to: &buffer)
            }
        }
        return buffer
    }

    /// A UTC time of the log with all nine digits of its fraction, so that lines stand in columns.
    static func fixedWidth(_ time: String) -> String {
        guard time.utf8.last == UInt8(ascii: "Z") else { return time }
        let parts = time.dropLast().split(byte: ".", maxSplits: 1)
        guard let seconds = parts.first else { return time }
        let fraction = parts.count == 2 ? parts[1] : ""
        return "\(seconds).\(fraction)\(String(repeating: "0", count: max(0, 9 - fraction.utf8.count)))Z"
    }
}

/// The socket of an attached stream; the stream itself is given up. Its owner's type cannot be taken apart outside its module.
func socket(of stream: consuming AttachedStream) throws -> Descriptor {
    try stream.descriptor.duplicate()
}
