internal import NIOCore
internal import Synchronization

/// Writes to one connection. Writers wait for the kernel every `barrier` bytes, so that a slow client slows down its producer
/// instead of filling memory.
final class ConnectionWriter: Sendable {
    private let channel: any Channel
    private let barrier: Int
    private let pending = Atomic(0)

    init(_ channel: any Channel, barrier: Int) {
        self.channel = channel
        self.barrier = barrier
    }

    func write(_ buffer: ByteBuffer) async throws {
        guard channel.isActive else { throw HTTPError.clientGone }
        let total = pending.wrappingAdd(buffer.readableBytes, ordering: .relaxed).newValue
        if total < barrier {
            channel.writeAndFlush(buffer, promise: nil)
        } else {
            pending.store(0, ordering: .relaxed)
            try await completed(channel.writeAndFlush(buffer))
        }
    }

    /// Waits until the kernel has everything written so far.
    func flush() async throws {
        pending.store(0, ordering: .relaxed)
        try await completed(channel.writeAndFlush(ByteBuffer()))
    }

    /// Closes the sending side. Flushes first, because after the client's end NIO drops pending writes.
    func finish() async throws {
        try await flush()
        try await completed(channel.close(mode: .output))
    }

    private func completed(_ future: EventLoopFuture<Void>) async throws {
        do {
            try await future.get()
        } catch {
            throw HTTPError.clientGone
        }
    }
}
