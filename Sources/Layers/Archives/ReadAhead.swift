internal import Concurrency
internal import Glibc
internal import OCI
internal import Store

/// Reads, inflates and hashes an archive on a thread of its own, a few pieces ahead of who places its files: either is about
/// half of the work.
final class ReadAhead: Inflater {
    private let ring = BufferRing()
    private let source: any ByteSource
    private let work: Work
    private let thread: BlockingThread

    /// What the thread works on; its own until it has ended.
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

        /// Of the plain bytes.
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
    ///   - source: where the bytes of `inflater` come from, to stop it.
    ///   - isHashing: false when somebody else hashes the same bytes.
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

    /// Whoever has come to the end, or gives up, calls this before it lets go of the source.
    func stop() {
        source.stop()
        ring.abandon()
        thread.join()
    }

    /// Of all bytes, once the end was read; the digest if it was hashing.
    var digest: Digest { work.digest }
    var size: Int64 { work.size }
}

/// A few buffers that go round between a thread that fills them and one that empties them.
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
    /// A free one is the writer's, a filled one the reader's.
    private let buffers = UnsafeMutablePointer<Buffer>.allocate(capacity: BufferRing.size)
    private let state = ConditionLock(State())

    init() {
        buffers.initialize(repeating: Buffer(), count: Self.size)
    }

    deinit {
        for index in 0..<Self.size { buffers[index].room.deallocate() }
        buffers.deallocate()
    }

    /// Copies bytes in as soon as a buffer is free; false when nobody reads any more.
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
