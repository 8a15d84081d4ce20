internal import Glibc
internal import Linux
internal import Netlink

/// Reserves host ports by binding a listening socket that accepts nothing.
enum PortReservation {
    /// The range for a request without a port (the kernel's default ephemeral range).
    private static let ephemeral: ClosedRange<UInt16> = 32768...60999

    /// Reserves the first free port of the request. Skips `published` ones: they are still in the firewall's maps even if their
    /// container's socket is closed.
    static func take(
        _ request: PortRequest, address text: String, besides published: Set<UInt16>
    ) throws(NetworkError) -> (port: UInt16, socket: SharedDescriptor) {
        guard let address = IPv4Address(text) else {
            throw .invalid("invalid IP address \(text) for a published port: only IPv4 is available yet")
        }
        let any = request.hostPorts == 0...0
        let candidates = any ? ephemeral : request.hostPorts
        var refusal: Int32 = EADDRINUSE
        // Any port: start at a random place, so that two daemons rarely collide.
        let start = any ? UInt16.random(in: candidates) : candidates.lowerBound
        search: for port in Array(start...candidates.upperBound) + Array(candidates.lowerBound..<start)
        where !published.contains(port) {
            switch bind(address, port, request.transport) {
            case .success(let socket): return (port, socket)
            case .failure(let error):
                refusal = error.code
                if error.code != EADDRINUSE { break search }
            }
        }
        guard refusal == EADDRINUSE else {
            throw .system("cannot bind \(text):\(candidates.lowerBound): \(SystemError("bind", code: refusal).reason)")
        }
        let port = candidates.lowerBound
        throw .portTaken(
            address: text, port: port, transport: request.transport.rawValue,
            holder: PortHolder.describe(port, request.transport),
            nextFree: nextFree(after: candidates.upperBound, address, request.transport, besides: published))
    }

    private static func nextFree(
        after port: UInt16, _ address: IPv4Address, _ transport: Transport, besides published: Set<UInt16>
    ) -> UInt16? {
        guard port < .max else { return nil }
        return (port + 1...min(.max, UInt16(clamping: Int(port) + 200))).first {
            if published.contains($0) { return false }
            return if case .success = bind(address, $0, transport) { true } else { false }
        }
    }

    private static func bind(
        _ address: IPv4Address, _ port: UInt16, _ transport: Transport
    ) -> Result<SharedDescriptor, SystemError> {
        let type = transport == .udp ? SOCK_DGRAM.rawValue : SOCK_STREAM.rawValue
        let number = socket(AF_INET, Int32(type | SOCK_CLOEXEC.rawValue), transport == .sctp ? transport.number : 0)
        guard number >= 0 else {
            // A kernel without SCTP cannot reserve its ports, but can publish them.
            if transport == .sctp, let null = try? Descriptor.open("/dev/null", O_RDONLY) {
                return .success(SharedDescriptor(null))
            }
            return .failure(SystemError("socket", code: errno))
        }
        let socket = SharedDescriptor(Descriptor(owning: number))
        // SO_REUSEADDR allows ports in TIME_WAIT; it is switched off after bind so that no other socket can share the port.
        var on: Int32 = 1
        if transport == .tcp { setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, 4) }
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = port.bigEndian
        target.sin_addr.s_addr = address.value.bigEndian
        let result = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { return .failure(SystemError("bind", code: errno)) }
        if transport == .tcp {
            // Without listen(2), another SO_REUSEADDR socket could still listen on the same port.
            guard listen(number, 0) == 0 else { return .failure(SystemError("listen", code: errno)) }
            on = 0
            setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        }
        return .success(socket)
    }
}
