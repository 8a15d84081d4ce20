internal import CISAL
package import Store

/// Compresses archives for a registry, reproducibly: the same archive always gives the same bytes.
package enum GzipPacking {
    /// Reads an archive in any compression and writes it to `blob` as one gzip member without name and time stamp.
    package static func pack(_ source: any ByteSource, into blob: BlobWriter) throws(LayerError) {
        let (_, inflater) = try inflater(for: source, keepingIn: nil)
        let deflater = GzipDeflater(blob)
        while true {
            let bytes = try inflater.next()
            try deflater.write(bytes, isLast: bytes.isEmpty)
            if bytes.isEmpty { return }
        }
    }
}

/// Uses ISA-L: fifteen times as fast as zlib's default level, and 5 % larger.
private final class GzipDeflater {
    private let state = UnsafeMutablePointer<isal_zstream>.allocate(capacity: 1)
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 16)
    /// Larger than level 2 requires (ISAL_DEF_LVL2_EXTRA_LARGE).
    private let work = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    private let blob: BlobWriter

    init(_ blob: BlobWriter) {
        self.blob = blob
        isal_deflate_init(state)
        state.pointee.level = 2
        state.pointee.level_buf = work.baseAddress?.assumingMemoryBound(to: UInt8.self)
        state.pointee.level_buf_size = UInt32(work.count)
        state.pointee.gzip_flag = UInt16(IGZIP_GZIP)
    }

    deinit {
        state.deallocate()
        output.deallocate()
        work.deallocate()
    }

    func write(_ bytes: UnsafeRawBufferPointer, isLast: Bool) throws(LayerError) {
        state.pointee.next_in = UnsafeMutablePointer(
            mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        state.pointee.avail_in = UInt32(bytes.count)
        state.pointee.end_of_stream = isLast ? 1 : 0
        repeat {
            state.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
            state.pointee.avail_out = UInt32(output.count)
            let code = isal_deflate(state)
            guard code == COMP_OK else { throw .corrupt("compressing failed with code \(code)") }
            let count = output.count - Int(state.pointee.avail_out)
            do throws(StoreError) {
                try blob.write(UnsafeRawBufferPointer(rebasing: output[..<count]))
            } catch {
                throw .store(error)
            }
        } while state.pointee.avail_out == 0
    }
}
