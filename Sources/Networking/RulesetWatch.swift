internal import CLinux
internal import Concurrency
internal import Glibc
internal import Linux
internal import Netlink

/// Calls back when any program changes the nftables rules in a network namespace. One thread, blocked in poll(2).
final class RulesetWatch: Sendable {
    private let wake: SharedDescriptor

    /// Watches the calling thread's namespace. `onChange` is called on the watch's thread, once per batch of changes.
    init(onChange: @escaping @Sendable () -> Void) throws(NetworkError) {
        do {
            let changes = SharedDescriptor(try RulesetSocket.changes())
            let wake = SharedDescriptor(Descriptor(owning: Int32(try checking("eventfd") { Int(linux_eventfd()) })))
            self.wake = wake
            try BlockingThread.detached { Self.run(changes, wake, onChange) }
        } catch let error as NetlinkError {
            throw NetworkError(error)
        } catch let error as SystemError {
            throw NetworkError(error)
        } catch {
            throw .system("\(error)")
        }
    }

    deinit {
        var one: UInt64 = 1
        _ = write(wake.raw, &one, 8)
    }

    private static func run(_ changes: SharedDescriptor, _ wake: SharedDescriptor, _ onChange: () -> Void) {
        var buffer = [UInt8](repeating: 0, count: 32768)
        var polls = [changes.raw, wake.raw].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while true {
            let count = poll(&polls, 2, -1)
            if count < 0 && errno == EINTR { continue }
            if count < 0 || polls[1].revents != 0 { return }
            // ENOBUFS means that messages were lost; their content is not needed, only that there was a change.
            while recv(changes.raw, &buffer, buffer.count, Int32(MSG_DONTWAIT)) > 0 || errno == ENOBUFS {}
            onChange()
        }
    }
}
