package import NIOCore

/// Incremental decoder of the chunked transfer coding (RFC 9112, section 7.1).
package struct ChunkedDecoder {
    package enum Step: Equatable {
        case needsMore
        case data(ByteBuffer)
        case end
    }

    private enum State {
        case size
        case data(Int)
        case dataEnd
        case trailer
        case done
    }

    private static let lineLimit = 4096
    private static let trailerLimit = 16384

    private var state = State.size
    private var trailerBytes = 0

    package init() {}

    /// Consumes as much of `buffer` as possible; trailers are checked and dropped.
    package mutating func step(_ buffer: inout ByteBuffer) throws(HTTPError) -> Step {
        while true {
            switch state {
            case .size:
                guard let line = try nextLine(&buffer) else { return .needsMore }
                let size = try chunkSize(line)
                state = size == 0 ? .trailer : .data(size)
            case .data(let remaining):
                let count = min(remaining, buffer.readableBytes)
                guard count > 0, let piece = buffer.readSlice(length: count) else { return .needsMore }
                state = count == remaining ? .dataEnd : .data(remaining - count)
                return .data(piece)
            case .dataEnd:
                guard buffer.readableBytes >= 2 else {
                    if buffer.readableBytesView.first ?? 0x0D != 0x0D { throw .malformed("chunk longer than its size") }
                    return .needsMore
                }
                guard buffer.readableBytesView.starts(with: [0x0D, 0x0A]) else {
                    throw .malformed("chunk longer than its size")
                }
                buffer.moveReaderIndex(forwardBy: 2)
                state = .size
            case .trailer:
                guard let line = try nextLine(&buffer) else { return .needsMore }
                if line.isEmpty {
                    state = .done
                } else {
                    trailerBytes += line.count
                    guard trailerBytes <= Self.trailerLimit else { throw .malformed("trailers are too large") }
                    guard let colon = line.firstIndex(of: 0x3A), colon > line.startIndex,
                        line[..<colon].allSatisfy(isTokenByte)
                    else { throw .malformed("trailer") }
                }
            case .done:
                return .end
            }
        }
    }

    private func nextLine(_ buffer: inout ByteBuffer) throws(HTTPError) -> [UInt8]? {
        let view = buffer.readableBytesView
        guard let feed = view.firstIndex(of: 0x0A) else {
            if view.count > Self.lineLimit { throw .malformed("chunk header is too long") }
            return nil
        }
        let line = view[..<feed]
        guard line.count <= Self.lineLimit else { throw .malformed("chunk header is too long") }
        guard line.last == 0x0D else { throw .malformed("line feed without carriage return") }
        let content = [UInt8](line.dropLast())
        guard content.allSatisfy({ ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }) else {
            throw .malformed("control character in a chunk header")
        }
        buffer.moveReaderIndex(forwardBy: line.count + 1)
        return content
    }

    private func chunkSize(_ line: [UInt8]) throws(HTTPError) -> Int {
        let digits = line.prefix { hexValue($0) != nil }
        guard !digits.isEmpty, digits.count <= 15 else { throw .malformed("chunk size") }
        // Only an extension can follow the size; it is ignored.
        let rest = line[digits.endIndex...].drop { $0 == 0x20 || $0 == 0x09 }
        guard rest.isEmpty || rest.first == 0x3B else { throw .malformed("chunk size") }
        return digits.reduce(0) { $0 << 4 | Int(hexValue($1) ?? 0) }
    }
}
