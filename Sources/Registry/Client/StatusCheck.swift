internal import NIOCore
internal import NIOHTTP1

/// Refuses responses that would crash the HTTP client, and endless 1xx responses.
///
/// For a status below 100 (`HTTP/1.1 099`) the parser reports a complete response, but async-http-client 1.37 treats it as
/// informational and then traps at its end.
final class StatusCheck: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart

    /// The most 1xx responses before a final one; Go's client takes five.
    private static let announcementsLimit = 16
    private var announcements = 0
    private var isRefused = false

    /// Inserts the handler into a new connection, between response parser and client.
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
        // Including 101, because no protocol switch was requested.
        default: return false
        }
    }
}
