internal import Linux
internal import NIOCore

extension ConnectionControl {
    /// Waits until the client has read all sent bytes, as far as the kernel shows it: on a unix socket, bytes are charged to the
    /// sender's buffer until the receiver reads them.
    func waitUntilRead(within limit: Duration) async {
        guard isLocal, let options = channel as? any SocketOptionProvider else { return }
        let end = monotonicNanoseconds() + limit.nanoseconds
        var pause = Duration.microseconds(20)
        while let memory = try? await Self.memory(options), memory.writeAllocated > 0, channel.isActive {
            guard monotonicNanoseconds() < end else { return }
            // no event: a socket becomes writable long before its peer has read everything.
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            pause = min(pause * 2, .milliseconds(2))
        }
    }

    private static func memory(_ options: any SocketOptionProvider) async throws -> SocketMemory {
        try await options.unsafeGetSocketOption(level: .socket, name: .init(rawValue: SocketMemory.option)).get()
    }
}

/// The values of SO_MEMINFO (include/uapi/linux/sock_diag.h, SK_MEMINFO_*; Linux 4.12).
private struct SocketMemory: Sendable {
    static let option: CInt = 55

    var readAllocated: UInt32 = 0
    var readBuffer: UInt32 = 0
    var writeAllocated: UInt32 = 0
    var writeBuffer: UInt32 = 0
    var forwardAllocated: UInt32 = 0
    var writeQueued: UInt32 = 0
    var options: UInt32 = 0
    var backlog: UInt32 = 0
    var drops: UInt32 = 0
}
