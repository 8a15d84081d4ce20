/// Takes apart the frames in which a container's output and errors share one stream: one byte that names the
/// stream, three of zero, four of length (big endian), then the bytes (Engine API, "Stream format").
package struct StreamDemultiplexer {
    private var header: [UInt8] = []
    private var left = 0
    private var stream: UInt8 = 0

    package init() {}

    /// Hands every piece of payload to `sink` with the number of its stream: 1 output, 2 errors, 3 the daemon's words.
    package mutating func feed(
        _ bytes: [UInt8], sink: (UInt8, ArraySlice<UInt8>) throws(CommandError) -> Void
    ) throws(CommandError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            if left == 0 {
                let wanted = min(8 - header.count, rest.count)
                header += rest.prefix(wanted)
                rest = rest.dropFirst(wanted)
                guard header.count == 8 else { return }
                guard header[0] <= 3 else { throw CommandError("Unrecognized stream type: \(header[0])") }
                stream = header[0]
                left = header[4...7].reduce(0) { $0 << 8 | Int($1) }
                header.removeAll(keepingCapacity: true)
            } else {
                let piece = rest.prefix(left)
                rest = rest.dropFirst(piece.count)
                left -= piece.count
                try sink(stream, piece)
            }
        }
    }
}
