internal import CLinux
internal import Glibc
internal import Linux

/// A connected stream socket; every call blocks.
final class Socket {
    private let descriptor: SharedDescriptor

    /// The number, for poll(2), valid while this object lives.
    var raw: Int32 { descriptor.raw }

    init(connectedTo endpoint: DaemonEndpoint) throws(SystemError) {
        switch endpoint {
        case .unix(let path): descriptor = try Socket.local(path)
        case .tcp(let host, let port): descriptor = try Socket.remote(host, port)
        }
    }

    private static func local(_ path: String) throws(SystemError) -> SharedDescriptor {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else { throw SystemError("connect", path, code: ENAMETOOLONG) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let socket = Descriptor(owning: try retrying("socket") { Glibc.socket(AF_UNIX, type, 0) })
        let number = socket.raw
        _ = try withUnsafePointer(to: &address) { pointer throws(SystemError) in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic throws(SystemError) in
                try retrying("connect", path) {
                    connect(number, generic, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        return SharedDescriptor(socket)
    }

    private static func remote(_ host: String, _ port: String) throws(SystemError) -> SharedDescriptor {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, port, &hints, &found) == 0 else {
            throw SystemError("look up", host, code: EADDRNOTAVAIL)
        }
        defer { freeaddrinfo(found) }
        var failure = SystemError("connect", host, code: EADDRNOTAVAIL)
        var candidate = found
        while let entry = candidate {
            candidate = entry.pointee.ai_next
            let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
            do {
                let family = entry.pointee.ai_family
                let socket = Descriptor(owning: try retrying("socket") { Glibc.socket(family, type, 0) })
                let number = socket.raw
                try retrying("connect", host) { connect(number, entry.pointee.ai_addr, entry.pointee.ai_addrlen) }
                var on: Int32 = 1
                setsockopt(number, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
                return SharedDescriptor(socket)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// Sends every byte; a peer that is gone is an error, not a signal.
    func send(_ bytes: [UInt8]) throws(SystemError) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(raw, buffer.baseAddress.map { $0 + offset }, buffer.count - offset, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                offset += count
            } else if errno != EINTR {
                throw SystemError("send", code: errno)
            }
        }
    }

    /// Sends what fits without waiting; returns how many bytes that was.
    func sendSome(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        let count = bytes.withUnsafeBytes { Glibc.send(raw, $0.baseAddress, $0.count, flags) }
        if count >= 0 { return count }
        if errno == EAGAIN || errno == EINTR { return 0 }
        throw SystemError("send", code: errno)
    }

    /// Up to `limit` bytes; empty at the end.
    func receive(_ limit: Int = 32768) throws(SystemError) -> [UInt8] {
        while true {
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
                count = recv(raw, buffer.baseAddress, limit, 0)
                filled = max(count, 0)
            }
            if count >= 0 { return bytes }
            if errno != EINTR { throw SystemError("receive", code: errno) }
        }
    }

    /// Tells the peer that nothing more comes.
    func finishSending() {
        shutdown(raw, Int32(SHUT_WR))
    }
}
