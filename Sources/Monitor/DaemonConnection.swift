internal import CLinux
internal import Glibc
internal import MonitorProtocol

/// The monitor's end of the connection to its daemon, and the events that wait to be sent.
struct DaemonConnection {
    enum Received {
        /// Whoever gets them closes the descriptors.
        case message([UInt8], descriptors: [Int32])
        case nothing
        case tooLong
        case end
    }

    /// -1 when no daemon is there.
    private(set) var descriptor: Int32
    /// What the daemon said of itself.
    var daemon: Handshake?
    private var outbox: [[UInt8]] = []
    private var isGreeted = false
    private static let outboxLimit = 256

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    var isOpen: Bool { descriptor >= 0 }
    var hasWaiting: Bool { !outbox.isEmpty }

    /// What poll(2) waits for. A daemon that does not read its events gets no more requests served: each makes events.
    var pollEvents: Int32 {
        let input = outbox.count < Self.outboxLimit ? POLLIN : 0
        return outbox.isEmpty ? input : input | POLLOUT
    }

    /// The handshake goes ahead of the first event, and wakes nobody for itself.
    mutating func add(_ event: MonitorEvent) {
        guard isOpen else { return }
        if !isGreeted { outbox.append(MonitorEvent.hello(.own).encoded()) }
        isGreeted = true
        outbox.append(event.encoded())
    }

    /// Sends what can be sent now; false when the daemon is gone.
    mutating func flush() -> Bool {
        while let message = outbox.first {
            let result = message.withUnsafeBytes {
                linux_send_message(descriptor, $0.baseAddress, $0.count, nil, 0, Int32(MSG_DONTWAIT))
            }
            if result == -Int(EAGAIN) { return true }
            outbox.removeFirst()
            if result < 0 { return false }
        }
        return true
    }

    func receive() -> Received {
        var descriptors = [Int32](repeating: -1, count: 253)
        var count = descriptors.count
        var bytes = [UInt8](repeating: 0, count: Message.limit)
        let received = linux_receive_message(
            descriptor, &bytes, bytes.count, &descriptors, &count, Int32(MSG_DONTWAIT))
        switch received {
        case -Int(EAGAIN), -Int(EINTR): return .nothing
        case -Int(EMSGSIZE): return .tooLong
        case ...0: return .end
        default: return .message(Array(bytes[..<received]), descriptors: Array(descriptors[..<count]))
        }
    }

    mutating func close() {
        if isOpen { Glibc.close(descriptor) }
        self = DaemonConnection(-1)
    }
}
