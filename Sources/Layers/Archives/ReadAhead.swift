internal import Concurrency
internal import Glibc
internal import OCI
internal import Store

/// Reads, decompresses and hashes an archive on a second thread, a few buffers ahead of the extracting thread. Each of the two
/// does about half of the work.
final class ReadAhead: Inflater {
    private let ring = BufferRing()
    private let source: any ByteSource
    private let work: Work
    private let thread: BlockingThread

    /// State that only the second thread uses until it has ended.
    private final class Work: @unchecked Sendable {
        private let inflater: any Inflater
        private let isHashing: Bool
        private var hash = ContentHash()
        private(set) var size: Int64 = 0
        private(set) var failure: LayerError?

        init(_ inflater: any Inflater, _ isHashing: Bool) {
            self.inflater = inflater
            self.isHashing = isHashing
        }

        /// Digest of the decompressed bytes.
        var digest: Digest { hash.digest }

        func run(into ring: BufferRing) {
            do throws(LayerError) {
                while true {
                    let bytes = try inflater.next()
                    if bytes.isEmpty { break }
                    if isHashing { hash.update(bytes) }
                    size += Int64(bytes.count)
                    if !ring.write(bytes) { break }
                }
            } catch {
                failure = error
            }
            ring.end()
        }
    }

    /// - Parameters:
    /// - source: the source `inflater` reads from, to stop it.
    /// - isHashing: false when the caller hashes the same bytes elsewhere.
    init(_ inflater: any Inflater, of source: any ByteSource, isHashing: Bool) throws(LayerError) {
        self.source = source
        let (work, ring) = (Work(inflater, isHashing), ring)
        self.work = work
        do {
            thread = try BlockingThread { work.run(into: ring) }
        } catch {
            throw .system(error)
        }
    }

    func next() throws(LayerError) -> UnsafeRawBufferPointer {
        let bytes = ring.read()
        if bytes.isEmpty {
            thread.join()
            if let failure = work.failure { throw failure }
        }
        return bytes
    }

    /// Must be called at the end, or on giving up, before the source is released.
    func stop() {
        source.stop()
        ring.abandon()
        thread.join()
    }

    /// Digest of all bytes, valid after the end was read and if hashing is on.
    var digest: Digest { work.digest }
    var size: Int64 { work.size }
}

/// A fixed number of buffers passed between one writing and one reading thread.
private final class BufferRing: @unchecked Sendable {
    private struct Buffer {
        var room = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        var count = 0
    }

    private struct State {
        var filled = 0
        var emptied = 0
        var isBeingRead = false
        var isEnded = false
        var isAbandoned = false
    }

    private static let size = 4
    /// The writer owns free buffers, the reader owns filled ones.
    private let buffers = UnsafeMutablePointer<Buffer>.allocate(capacity: BufferRing.size)
    private let state = ConditionLock(State())

    init() {
        buffers.initialize(repeating: Buffer(), count: Self.size)
    }

    deinit {
        for index in 0..<Self.size { buffers[index].room.deallocate() }
        buffers.deallocate()
    }

    /// Copies bytes into the next free buffer; false when the reader has stopped.
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let free = state.wait(until: { $0.filled - $0.emptied < Self.size || $0.isAbandoned }) { state in
            state.isAbandoned ? nil : state.filled % Self.size
        }
        guard let free else { return false }
        let buffer = buffers + free
        if buffer.pointee.room.count < bytes.count {
            buffer.pointee.room.deallocate()
            buffer.pointee.room = .allocate(byteCount: max(1 << 18, bytes.count), alignment: 16)
        }
        buffer.pointee.room.copyMemory(from: bytes)
        buffer.pointee.count = bytes.count
        state.change { $0.filled += 1 }
        return true
    }

    /// The next bytes, valid until the next call; empty at the end.
    func read() -> UnsafeRawBufferPointer {
        state.change { state in
            if state.isBeingRead { state.emptied += 1 }
            state.isBeingRead = false
        }
        let next: Int? = state.wait(until: { $0.filled > $0.emptied || $0.isEnded }) { state in
            state.isBeingRead = state.filled > state.emptied
            return state.isBeingRead ? state.emptied % Self.size : nil
        }
        guard let next else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let buffer = buffers[next]
        return UnsafeRawBufferPointer(rebasing: buffer.room[..<buffer.count])
    }

    func end() { state.change { $0.isEnded = true } }

    func abandon() { state.change { $0.isAbandoned = true } }
}
