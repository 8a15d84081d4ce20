internal import Glibc
internal import OCI
internal import Store

/// Reads, inflates and hashes an archive on a thread of its own, a few pieces ahead of who places its files: either is about
/// half of the work.
final class ReadAhead: Inflater {
    private let ring = BufferRing()
    private let source: any ByteSource
    private let work: Work
    private let thread: JoinedThread

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
        thread = try JoinedThread { work.run(into: ring) }
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

    private static let size = 4
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    /// A free one is the writer's, a filled one the reader's.
    private let buffers = UnsafeMutablePointer<Buffer>.allocate(capacity: BufferRing.size)
    // Guarded by `mutex`.
    private var filled = 0
    private var emptied = 0
    private var isBeingRead = false
    private var isEnded = false
    private var isAbandoned = false

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
        buffers.initialize(repeating: Buffer(), count: Self.size)
    }

    deinit {
        for index in 0..<Self.size { buffers[index].room.deallocate() }
        buffers.deallocate()
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Copies bytes in as soon as there is room; false when nobody reads any more.
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        pthread_mutex_lock(mutex)
        while filled - emptied == Self.size, !isAbandoned { pthread_cond_wait(changed, mutex) }
        let buffer = buffers + filled % Self.size
        let isWanted = !isAbandoned
        pthread_mutex_unlock(mutex)
        if !isWanted { return false }
        if buffer.pointee.room.count < bytes.count {
            buffer.pointee.room.deallocate()
            buffer.pointee.room = .allocate(byteCount: max(1 << 18, bytes.count), alignment: 16)
        }
        buffer.pointee.room.copyMemory(from: bytes)
        buffer.pointee.count = bytes.count
        withLock { filled += 1 }
        return true
    }

    /// The next bytes, valid until the next call; empty at the end.
    func read() -> UnsafeRawBufferPointer {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if isBeingRead {
            emptied += 1
            isBeingRead = false
            pthread_cond_signal(changed)
        }
        while filled == emptied, !isEnded { pthread_cond_wait(changed, mutex) }
        if filled == emptied { return UnsafeRawBufferPointer(start: nil, count: 0) }
        isBeingRead = true
        let buffer = buffers[emptied % Self.size]
        return UnsafeRawBufferPointer(rebasing: buffer.room[..<buffer.count])
    }

    func end() { withLock { isEnded = true } }

    func abandon() { withLock { isAbandoned = true } }

    private func withLock(_ change: () -> Void) {
        pthread_mutex_lock(mutex)
        change()
        pthread_cond_signal(changed)
        pthread_mutex_unlock(mutex)
    }
}
