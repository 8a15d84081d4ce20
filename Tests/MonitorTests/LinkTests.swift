import Glibc
import Monitor
import MonitorProtocol
import Runtime
import Testing

/// The daemon's end of the connection to a monitor.
@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(2)))
struct LinkTests {
    /// A monitor that fails and ends with a request unread, here the handshake: the kernel answers ECONNRESET before it gives what
    /// the monitor had sent, and the reason of the failure must not be lost for it.
    @Test func hearsWhyAMonitorFailedThatLeftARequestUnread() throws {
        let sandbox = Sandbox()
        let failure = LaunchFailure("no such luck")
        let link = try ended(sandbox.run, saying: [.hello(.own), .failed(failure)])
        let events = Events()
        link.start(on: Sandbox.reactor) { events.put($0) }
        #expect(events.closed())
        #expect(events.failure() == failure, "\(events.all)")
    }

    /// A link to a monitor that has said this, and is gone.
    private func ended(_ run: String, saying events: [MonitorEvent]) throws -> MonitorLink {
        let listener = ScriptedPeer.listening(in: run)
        let link = try #require(try MonitorLink.adopt(runDirectory: run))
        let monitor = listener.accept()
        for event in events { monitor.send(event.encoded()) }
        return link
    }
}
