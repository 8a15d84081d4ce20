internal import Glibc
internal import Linux
internal import NIOCore
internal import NIOPosix

/// A range of a file as a request body, read while it is sent, 256 KB at a time.
struct FilePart: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    let file: SharedDescriptor
    let offset: Int64
    let count: Int64
    /// Called before each piece is sent, with its size.
    let onSend: @Sendable (Int64) -> Void

    struct AsyncIterator: AsyncIteratorProtocol {
        let part: FilePart
        var position: Int64 = 0

        mutating func next() async throws -> ByteBuffer? {
            let (file, offset, left) = (part.file, part.offset + position, part.count - position)
            guard left > 0 else { return nil }
            let size = Int(left < 256 << 10 ? left : 256 << 10)
            // Off the concurrency pool, because reading may block on the disk.
            let piece = try await NIOThreadPool.singleton.runIfActive {
                var buffer = ByteBufferAllocator().buffer(capacity: size)
                try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
                    var done = 0
                    while done < size {
                        let got = pread(
                            file.raw, bytes.baseAddress.map { $0 + done }, size - done, off_t(offset) + off_t(done))
                        if got > 0 {
                            done += got
                        } else if got == 0 {
                            throw SystemError("read", code: EIO)
                        } else if errno != EINTR {
                            throw SystemError("read", code: errno)
                        }
                    }
                    return done
                }
                return buffer
            }
            position += Int64(size)
            part.onSend(Int64(size))
            return piece
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(part: self) }
}
