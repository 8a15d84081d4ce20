internal import CLinux
internal import Glibc
package import Linux

/// A NETLINK_ROUTE socket. It works in the network namespace in which it was opened, whichever namespace the caller is in. Not
/// thread-safe.
package final class RouteSocket {
    /// The size of a receive buffer; the kernel never sends a larger datagram when it is offered 32 KiB (rtnetlink).
    private static let receiveSize = 32768
    /// Larger dumps are refused; about 200,000 links fit.
    private static let dumpLimit = 256 << 20

    private let descriptor: Descriptor
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: RouteSocket.receiveSize, alignment: 8)
    private var sequence: UInt32 = 0

    /// Opens a socket in the calling thread's namespace.
    package convenience init() throws(NetlinkError) {
        let number: Int32
        do {
            number = try retrying("socket", "netlink") {
                socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), NETLINK_ROUTE)
            }
        } catch {
            throw NetlinkError(error)
        }
        self.init(Descriptor(owning: number))
    }

    /// Takes ownership of a socket that was opened elsewhere.
    package init(_ descriptor: consuming Descriptor) {
        self.descriptor = descriptor
        var on: Int32 = 1
        // Optional: better error texts (kernel 4.12) and stricter checks (4.20).
        for option in [NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK] {
            _ = setsockopt(self.descriptor.raw, SOL_NETLINK, option, &on, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    deinit {
        buffer.deallocate()
    }

    /// Sends one request and waits for the kernel's acknowledgement.
    func request(_ message: NetlinkMessage, _ operation: String, _ subject: String) throws(NetlinkError) {
        _ = try exchange(message, extra: NLM_F_ACK, operation, subject)
    }

    /// Requests a list and returns the bodies of the responses. Repeats the request when the list changed during the dump.
    func dump(_ message: NetlinkMessage, _ operation: String, _ subject: String = "") throws(NetlinkError)
        -> [ArraySlice<
            UInt8
        >]
    {
        for _ in 0..<16 {
            if let bodies = try exchange(message, extra: NLM_F_DUMP, operation, subject) { return bodies }
        }
        throw NetlinkError(operation, subject, code: EAGAIN)
    }

    /// Requests one object and returns its body.
    func get(_ message: NetlinkMessage, _ operation: String, _ subject: String) throws(NetlinkError) -> ArraySlice<
        UInt8
    >? {
        try exchange(message, extra: NLM_F_ACK, operation, subject)?.first
    }

    /// Nil when a dump was interrupted (NLM_F_DUMP_INTR).
    private func exchange(
        _ original: NetlinkMessage, extra: Int32, _ operation: String, _ subject: String
    ) throws(NetlinkError) -> [ArraySlice<UInt8>]? {
        sequence &+= 1
        var message = original
        message.add(flags: extra)
        message.finish(sequence: sequence)
        if message.overflowed { throw NetlinkError(operation, subject, code: EMSGSIZE) }
        let number = descriptor.raw
        let bytes = message.bytes
        do {
            try checking(operation, subject) {
                let sent = send(number, bytes, bytes.count, 0)
                return sent < 0 ? -Int(errno) : sent
            }
        } catch {
            throw NetlinkError(error)
        }

        var bodies: [ArraySlice<UInt8>] = []
        var total = 0
        var interrupted = false
        while true {
            let datagram = try receive(operation, subject)
            total += datagram.count
            if total > Self.dumpLimit { throw NetlinkError(operation, subject, code: EMSGSIZE) }
            var rest = datagram[...]
            while let length = rest.number(at: 0, as: UInt32.self), length >= 16, Int(length) <= rest.count {
                let type = Int32(rest.number(at: 4, as: UInt16.self) ?? 0)
                let flags = Int32(rest.number(at: 6, as: UInt16.self) ?? 0)
                let ours = rest.number(at: 8, as: UInt32.self) == sequence
                let body = rest.dropFirst(16).prefix(Int(length) - 16)
                rest = rest.dropFirst((Int(length) + 3) & ~3)
                // A late response to an earlier, abandoned request.
                guard ours else { continue }
                if flags & NLM_F_DUMP_INTR != 0 { interrupted = true }
                switch type {
                case NLMSG_DONE:
                    return interrupted ? nil : bodies
                case NLMSG_ERROR:
                    let code = -(body.number(at: 0, as: Int32.self) ?? -EPROTO)
                    if code == 0 { return bodies }
                    throw NetlinkError(
                        operation, subject, code: code, explanation: explanation(in: body, flags: flags))
                case NLMSG_NOOP:
                    break
                default:
                    bodies.append(body)
                }
            }
        }
    }

    private func receive(_ operation: String, _ subject: String) throws(NetlinkError) -> [UInt8] {
        let number = descriptor.raw
        let target = buffer
        let count: Int
        do {
            count = try checking(operation, subject) {
                let received = recv(number, target.baseAddress, target.count, Int32(MSG_TRUNC))
                return received < 0 ? -Int(errno) : received
            }
        } catch {
            throw NetlinkError(error)
        }
        guard count <= buffer.count else { throw NetlinkError(operation, subject, code: EMSGSIZE) }
        return Array(buffer[..<count])
    }

    /// The kernel's error text, in attributes after the echoed request, or after the error itself if the request was capped.
    private func explanation(in body: ArraySlice<UInt8>, flags: Int32) -> String {
        guard flags & NLM_F_ACK_TLVS != 0, let echoed = body.number(at: 4, as: UInt32.self) else { return "" }
        let skip = flags & NLM_F_CAPPED != 0 ? 20 : 4 + ((Int(echoed) + 3) & ~3)
        for (type, value) in NetlinkAttributes(body.dropFirst(skip)) where type == Int(NLMSGERR_ATTR_MSG.rawValue) {
            return value.text
        }
        return ""
    }
}
