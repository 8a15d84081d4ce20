internal import CISAL
internal import CZstd
internal import CArchive
internal import Store

/// The compression of an archive, detected from its first bytes, because media types are often wrong.
package enum Compression: String, Sendable {
    case none
    case gzip
    case zstd
    case xz
    case bzip2

    package init(of start: [UInt8]) {
        if start.starts(with: [0x1f, 0x8b]) {
            self = .gzip
        } else if start.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) || Self.isSkippableFrame(start) {
            self = .zstd
        } else if start.starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) {
            self = .xz
        } else if start.starts(with: [0x42, 0x5a, 0x68]) {
            self = .bzip2
        } else {
            self = .none
        }
    }

    private static func isSkippableFrame(_ start: [UInt8]) -> Bool {
        start.count >= 4 && start[0] & 0xf0 == 0x50 && start[1...3].elementsEqual([0x2a, 0x4d, 0x18])
    }
}

/// Decompresses, in buffers that are valid until the next call.
protocol Inflater: AnyObject {
    /// Returns an empty buffer at the end of the compressed input, not before.
    func next() throws(LayerError) -> UnsafeRawBufferPointer
}

/// Detects the compression and returns a matching inflater.
///
/// The compressed bytes are stored in `blob` as they arrive; for formats that registries do not accept (xz, bzip2) the
/// decompressed bytes are stored instead.
func inflater(
    for source: any ByteSource, keepingIn blob: BlobWriter?
) throws(LayerError) -> (Compression, any Inflater) {
    var start: [UInt8] = []
    while start.count < 6, let chunk = try source.next() { start += chunk }
    let compression = Compression(of: start)
    let isKept = compression != .xz && compression != .bzip2
    let input = PackedInput(start: start, source: source, blob: isKept ? blob : nil)
    let inflater: any Inflater
    switch compression {
    case .none: inflater = PlainInflater(input)
    case .gzip: inflater = GzipInflater(input)
    case .zstd: inflater = try ZstdInflater(input)
    case .xz, .bzip2: inflater = try FilterInflater(input, compression, blob)
    }
    return (compression, compression == .none ? inflater : BoundedInflater(inflater, input))
}

/// Stops decompression bombs: gzip compresses zeros a thousandfold (other formats more), real files never that much.
private final class BoundedInflater: Inflater {
    /// Below this many decompressed bytes the ratio is not checked.
    private static let allowance: Int64 = 1 << 30
    private static let ratio: Int64 = 1500
    private let inflater: any Inflater
    private let input: PackedInput
    private var plain: Int64 = 0

    init(_ inflater: any Inflater, _ input: PackedInput) {
        self.inflater = inflater
        self.input = input
    }

    func next() throws(LayerError) -> UnsafeRawBufferPointer {
        let bytes = try inflater.next()
        plain += Int64(bytes.count)
        if plain > Self.allowance, plain / Self.ratio > input.count {
            throw .corrupt("it expands to more than \(Self.ratio) times its size")
        }
        return bytes
    }
}

/// Compressed input, one chunk at a time at a stable address for C.
final class PackedInput {
    private var start: [UInt8]?
    private let source: any ByteSource
    private let blob: BlobWriter?
    /// Compressed bytes read so far.
    private(set) var count: Int64 = 0
    private(set) var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 16)

    init(start: [UInt8], source: any ByteSource, blob: BlobWriter?) {
        self.blob = blob
        self.start = start.isEmpty ? nil : start
        self.source = source
    }

    deinit { buffer.deallocate() }

    /// Valid until the next call; nil at the end.
    func next() throws(LayerError) -> UnsafeRawBufferPointer? {
        var chunk = start
        start = nil
        if chunk == nil { chunk = try source.next() }
        guard let chunk else { return nil }
        if chunk.count > buffer.count {
            buffer.deallocate()
            buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk.count, alignment: 16)
        }
        buffer.copyBytes(from: chunk)
        count += Int64(chunk.count)
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<chunk.count])
        try blob?.keep(bytes)
        return bytes
    }
}

final class PlainInflater: Inflater {
    private let input: PackedInput

    init(_ input: PackedInput) {
        self.input = input
    }

    func next() throws(LayerError) -> UnsafeRawBufferPointer {
        try input.next() ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }
}

/// Uses ISA-L: twice as fast as zlib. ISA-L stops at the end of each gzip member and does not report truncated input.
final class GzipInflater: Inflater {
    private let input: PackedInput
    private let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    private var rest = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Between two members: all before is complete and its checksum verified.
    private var isBetween = true
    private var members = 0
    private var isAtEnd = false

    init(_ input: PackedInput) {
        self.input = input
        isal_inflate_init(state)
    }

    deinit {
        state.deallocate()
        output.deallocate()
    }

    func next() throws(LayerError) -> UnsafeRawBufferPointer {
        while !isAtEnd {
            if rest.isEmpty {
                guard let more = try input.next() else {
                    // No input is left; only output that did not fit the buffer may follow.
                    guard isBetween else { throw .corrupt("gzip data ends too early") }
                    isAtEnd = true
                    break
                }
                rest = more
            }
            if isBetween {
                if members > 0, rest.first == 0 {
                    // Zero padding after the last member, as tapes have it; gzip(1) ignores it as well.
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(rest.prefix { $0 == 0 }.count))
                    continue
                }
                isal_inflate_reset(state)
                state.pointee.crc_flag = UInt32(ISAL_GZIP)
                isBetween = false
            }
            if let produced = try step() { return produced }
        }
        return UnsafeRawBufferPointer(start: nil, count: 0)
    }

    private func step() throws(LayerError) -> UnsafeRawBufferPointer? {
        repeat {
            state.pointee.next_in = UnsafeMutablePointer(
                mutating: rest.baseAddress?.assumingMemoryBound(to: UInt8.self))
            state.pointee.avail_in = UInt32(rest.count)
            state.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
            state.pointee.avail_out = UInt32(output.count)
            let result = isal_inflate(state)
            rest = UnsafeRawBufferPointer(rebasing: rest[(rest.count - Int(state.pointee.avail_in))...])
            guard result == ISAL_DECOMP_OK || result == ISAL_END_INPUT else {
                throw .corrupt(Self.reason(result))
            }
            let count = output.count - Int(state.pointee.avail_out)
            if state.pointee.block_state == ISAL_BLOCK_FINISH {
                isBetween = true
                members += 1
                // Whole bytes that ISA-L read beyond the end of the member belong to the next one.
                let ahead = Int(state.pointee.read_in_length) / 8
                if ahead > 0 { try giveBack(ahead) }
            }
            if count > 0 { return UnsafeRawBufferPointer(rebasing: output[..<count]) }
        } while !rest.isEmpty && !isBetween
        return nil
    }

    /// Returns bytes to the input. ISA-L leaves only whole bytes unread; anything else is treated as damage.
    private func giveBack(_ count: Int) throws(LayerError) {
        throw .corrupt("gzip member ends in the middle of a word (\(count) bytes)")
    }

    private static func reason(_ result: Int32) -> String {
        switch result {
        case ISAL_INCORRECT_CHECKSUM: "gzip checksum does not match"
        case ISAL_INVALID_WRAPPER: "invalid gzip header or trailer"
        case ISAL_UNSUPPORTED_METHOD: "unknown gzip method"
        default: "invalid gzip data"
        }
    }
}

final class ZstdInflater: Inflater {
    private let input: PackedInput
    private let stream: OpaquePointer
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    private var rest = UnsafeRawBufferPointer(start: nil, count: 0)
    private var position = 0
    private var wanted = 0
    private var mayHaveMore = false

    init(_ input: PackedInput) throws(LayerError) {
        guard let stream = ZSTD_createDCtx() else { throw .corrupt("no memory for zstd") }
        self.stream = stream
        self.input = input
        // The zstd command line accepts windows of 128 MiB; a hostile frame may ask for more.
        _ = ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 27)
    }

    deinit {
        ZSTD_freeDCtx(stream)
        output.deallocate()
    }

    func next() throws(LayerError) -> UnsafeRawBufferPointer {
        while true {
            if position == rest.count, !mayHaveMore {
                guard let more = try input.next() else {
                    if wanted != 0 { throw .corrupt("zstd data ends too early") }
                    return UnsafeRawBufferPointer(start: nil, count: 0)
                }
                rest = more
                position = 0
            }
            var out = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            var `in` = ZSTD_inBuffer(src: rest.baseAddress, size: rest.count, pos: position)
            let result = ZSTD_decompressStream(stream, &out, &`in`)
            position = `in`.pos
            if ZSTD_isError(result) != 0 {
                throw .corrupt("zstd: " + String(cString: ZSTD_getErrorName(result)).lowercased())
            }
            wanted = result
            mayHaveMore = out.pos == out.size
            if out.pos > 0 { return UnsafeRawBufferPointer(rebasing: output[..<out.pos]) }
        }
    }
}

/// Decompresses xz and bzip2, which `docker import` accepts: libarchive reads them as one raw entry.
final class FilterInflater: Inflater {
    private let archive: OpaquePointer
    private let blob: BlobWriter?
    private let reader: ArchiveInput
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)

    init(_ input: PackedInput, _ compression: Compression, _ blob: BlobWriter?) throws(LayerError) {
        guard let archive = archive_read_new() else { throw .corrupt("no memory for an archive") }
        self.archive = archive
        self.blob = blob
        reader = ArchiveInput(PlainInflater(input))
        if compression == .xz {
            archive_read_support_filter_xz(archive)
        } else {
            archive_read_support_filter_bzip2(archive)
        }
        archive_read_support_format_raw(archive)
        reader.beginCallWithoutLimit()
        var entry: OpaquePointer?
        guard reader.open(archive) == ARCHIVE_OK, archive_read_next_header(archive, &entry) == ARCHIVE_OK else {
            throw .corrupt("invalid \(compression.rawValue) data")
        }
    }

    deinit {
        archive_read_free(archive)
        output.deallocate()
    }

    func next() throws(LayerError) -> UnsafeRawBufferPointer {
        let count = archive_read_data(archive, output.baseAddress, output.count)
        if let failure = reader.failure { throw failure }
        guard count >= 0 else { throw .corrupt("compressed data is invalid or ends too early") }
        let bytes = UnsafeRawBufferPointer(rebasing: output[..<count])
        try blob?.keep(bytes)
        return bytes
    }
}

extension BlobWriter {
    func keep(_ bytes: UnsafeRawBufferPointer) throws(LayerError) {
        do {
            try write(bytes)
        } catch {
            throw .store(error)
        }
    }
}
