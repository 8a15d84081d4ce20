package import Linux
package import NIOCore
internal import NIOPosix

extension HijackedConnection {
    /// Why a splice ended.
    package enum SpliceEnd: Sendable, Equatable {
        /// The local stream ended.
        case finished
        /// The client typed the detach keys.
        case detached
        /// The client closed the connection.
        case clientGone
    }

    /// Copies between the client and a connected local stream socket until the local side ends. Half-closes are forwarded in both
    /// directions, and a slow reader on one side slows down the writer on the other.
    ///
    /// - Parameters:
    /// - descriptor: a connected SOCK_STREAM socket; closed at the end. Whoever holds its other end must read until the end even
    ///   without interest in the data, because a failed write closes both directions.
    /// - detachKeys: when the client sends this sequence, the splice ends; the keys are not forwarded.
    /// - reframing: makes the change of the bytes for the client, once per splice; nil copies them.
    /// - forwardsInput: false discards the client's bytes and leaves the local side's input open.
    package func splice(
        with descriptor: consuming Descriptor, detachKeys: DetachKeys? = nil, forwardsInput: Bool = true,
        reframing: (@Sendable () -> (ByteBuffer) -> ByteBuffer)? = nil
    ) async throws -> SpliceEnd {
        let local = try await Self.channel(owning: descriptor.release(), on: connection.control.channel.eventLoop)
        let localWriter = ConnectionWriter(local.channel, barrier: connection.limits.flushBarrier)
        let end: SpliceEnd
        do {
            end = try await copy(local, localWriter, detachKeys: detachKeys, forwardsInput: forwardsInput, reframing)
        } catch  where isClosed {
            return .clientGone
        }
        return end != .detached && isClosed ? .clientGone : end
    }

    private func copy(
        _ local: NIOAsyncChannel<ByteBuffer, ByteBuffer>, _ localWriter: ConnectionWriter, detachKeys: DetachKeys?,
        forwardsInput: Bool, _ reframing: (@Sendable () -> (ByteBuffer) -> ByteBuffer)?
    ) async throws -> SpliceEnd {
        try await local.executeThenClose { inbound, _ in
            try await withThrowingTaskGroup(of: SpliceEnd?.self) { group in
                group.addTask {
                    try await self.copyInput(to: forwardsInput ? localWriter : nil, detachKeys: detachKeys)
                        ? .detached : nil
                }
                group.addTask {
                    let reframe = reframing?()
                    do {
                        for try await piece in inbound { try await self.write(reframe?(piece) ?? piece) }
                    } catch is IOError {
                        // The local side failed; what was copied before is delivered.
                    }
                    return .finished
                }
                defer { group.cancelAll() }
                while let end = try await group.next() {
                    if let end { return end }
                }
                return .finished
            }
        }
    }

    /// True when the detach keys ended it.
    private func copyInput(to local: ConnectionWriter?, detachKeys: DetachKeys?) async throws -> Bool {
        var filter = detachKeys.map(DetachFilter.init)
        var sink = local
        while let piece = try await read() {
            var piece = piece
            var detached = false
            if filter != nil, let result = filter?.feed(piece.readableBytesView) {
                piece = ByteBuffer(bytes: result.passed)
                detached = result.isDetached
            }
            do {
                if piece.readableBytes > 0 { try await sink?.write(piece) }
            } catch {
                // Input is no longer accepted; keep reading, so that the client does not block and can detach.
                sink = nil
            }
            if detached { return true }
        }
        try? await sink?.finish()
        return false
    }

    private static func channel(
        owning descriptor: Int32, on loop: any EventLoop
    ) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        try await ClientBootstrap(group: loop)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.maxMessagesPerRead, value: 1)
            .withConnectedSocket(descriptor) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(
                            backPressureStrategy: .init(lowWatermark: 1, highWatermark: 4),
                            isOutboundHalfClosureEnabled: true))
                }
            }
    }
}
