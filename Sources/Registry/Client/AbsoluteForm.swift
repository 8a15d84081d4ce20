internal import ByteText
internal import NIOCore
internal import NIOHTTP1

/// Writes the whole address into a request's first line, as a proxy for plain HTTP wants it.
///
/// The HTTP client knows no other proxy than one that opens tunnels, and that is what many refuse for other ports than 443.
final class AbsoluteForm: ChannelOutboundHandler {
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    /// Into a new connection to a proxy, between the client and what encodes its requests.
    static func install(in pipeline: ChannelPipeline.SynchronousOperations) throws {
        let encoder = try pipeline.context(handlerType: HTTPRequestEncoder.self)
        try pipeline.addHandler(AbsoluteForm(), position: .after(encoder.handler))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var part = unwrapOutboundIn(data)
        if case .head(var head) = part, head.uri.hasBytePrefix("/"), let host = head.headers.first(name: "Host") {
            head.uri = "http://\(host)\(head.uri)"
            part = .head(head)
        }
        context.write(wrapOutboundOut(part), promise: promise)
    }
}
