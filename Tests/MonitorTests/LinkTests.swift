import Glibc
import Monitor
import MonitorProtocol
import Runtime
import Testing

/// The daemon's end of the connection to a monitor.
@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(2)))
struct LinkTests {
    /// A monitor that fails and ends with a request unread: the kernel answers ECONNRESET before it gives what the monitor had
    /// sent, and the reason of the failure must not be lost for it.
    @Test func hearsLastWordsOfAMonitorThatLeavesRequestsUnread() throws {
        let sandbox = Sandbox()
        var spec = sandbox.spec(["/bin/true"])
        spec.rootfsPath = sandbox.directory + "/missing"
        for _ in 0..<50 {
            let link = try Sandbox.spawner.spawn(runDirectory: sandbox.run)
            try link.launch(spec, rootfs: nil, log: nil)
            // Once it has ended it refuses them.
            for _ in 0..<200 { try? link.closeStdin(exec: "nobody") }
            let events = Events()
            link.start(on: Sandbox.reactor) { events.put($0) }
            #expect(events.closed())
            #expect(events.failure()?.message.contains("missing") == true, "\(events.all)")
        }
    }
}
