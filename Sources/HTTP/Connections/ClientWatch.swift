internal import NIOCore

/// Notifies the connection when its client has disconnected.
///
/// On a unix socket a half-close differs from a full close, so only the latter counts. On TCP both look the same until something
/// is written: there the end of input counts as a disconnect, except on hijacked connections, where it is the end of standard
/// input.
final class ClientWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let control: ConnectionControl

    init(_ control: ConnectionControl) {
        self.control = control
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent, !control.isLocal {
            switch control.currentPhase {
            case .handling, .streaming: control.abandon()
            case .waiting, .hijacked, .lingering: break
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        control.abandon()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        control.abandon()
        context.fireErrorCaught(error)
    }
}
