internal import NIOCore
internal import NIOHTTP1

/// Refuses answers before the HTTP client sees them that it would end the process for, and those that never come to a point.
///
/// A status below 100 (`HTTP/1.1 099`) is a whole answer to the parser and the announcement of one to async-http-client 1.37, which
/// then meets the end of what has not begun.
final class StatusCheck: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart

    /// So many answers that only announce one (1xx); Go's client takes five.
    private static let announcementsLimit = 16
    private var announcements = 0
    private var isRefused = false

    /// Into a new connection, between what parses answers and the client.
    static func install(in pipeline: ChannelPipeline.SynchronousOperations) throws {
        let parser = try pipeline.context(handlerType: ByteToMessageHandler<HTTPResponseDecoder>.self)
        try pipeline.addHandler(StatusCheck(), position: .after(parser.handler))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isRefused { return }
        if case .head(let head) = unwrapInboundIn(data), !isAnswer(head.status.code) {
            isRefused = true
            let code = head.status.code
            context.fireErrorCaught(RegistryError.invalid("the server answers with status \(code), refused"))
            context.close(promise: nil)
            return
        }
        context.fireChannelRead(data)
    }

    private func isAnswer(_ status: UInt) -> Bool {
        switch status {
        case 200...599:
            announcements = 0
            return true
        case 100, 102...199:
            announcements += 1
            return announcements <= Self.announcementsLimit
        // 101 among them: nobody has asked for another protocol.
        default: return false
        }
    }
}
