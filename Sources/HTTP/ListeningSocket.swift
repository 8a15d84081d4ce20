internal import ByteText
package import Glibc
internal import Synchronization

/// A bound, listening stream socket. Created before the server runs, so that owner and mode are set before the first client
/// connects.
package final class ListeningSocket: Sendable {
    private enum Place: Sendable {
        case path(String, device: UInt64, inode: UInt64)
        case network
        case inherited
    }

    /// For messages: `unix:///run/gantry/gantry.sock`, `tcp://127.0.0.1:2375`.
    package let name: String
    /// Whether it is a unix socket.
    package let isLocal: Bool
    private let place: Place
    private let number: Mutex<Int32?>

    private init(_ number: Int32, _ name: String, _ place: Place, isLocal: Bool) {
        self.name = name
        self.place = place
        self.isLocal = isLocal
        self.number = Mutex(number)
    }

    deinit {
        if let number = number.withLock({ $0 }) { close(number) }
    }

    /// Listens on a unix socket with mode 0660. Replaces a socket file on which nobody listens.
    ///
    /// - Parameter group: the group that may connect, besides root.
    package static func unix(_ path: String, group: gid_t? = nil) throws(HTTPError) -> ListeningSocket {
        let name = "unix://\(path)"
        func failed(_ step: String, _ code: Int32 = errno) -> HTTPError {
            .cannotListen("cannot listen on \(name): \(step): \(reason(code))")
        }
        guard var address = unixAddress(path) else {
            throw .cannotListen("cannot listen on \(name): the path is longer than 107 bytes; choose a shorter one")
        }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        func withAddress(_ body: (UnsafePointer<sockaddr>) -> Int32) -> Int32 {
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
            }
        }
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        var present = stat()
        if lstat(path, &present) == 0 {
            guard present.st_mode & S_IFMT == S_IFSOCK else {
                throw .cannotListen("cannot listen on \(name): there is a file that is not a socket; remove it first")
            }
            let probe = socket(AF_UNIX, type | Int32(SOCK_NONBLOCK.rawValue), 0)
            guard probe >= 0 else { throw failed("socket") }
            let answer = withAddress { connect(probe, $0, length) }
            let code = errno
            close(probe)
            guard answer != 0, code != EAGAIN else {
                throw .cannotListen("cannot listen on \(name): another process listens there; stop it first")
            }
            guard code == ECONNREFUSED else { throw failed("connect", code) }
            guard Glibc.unlink(path) == 0 || errno == ENOENT else { throw failed("unlink") }
        }
        let number = socket(AF_UNIX, type, 0)
        guard number >= 0 else { throw failed("socket") }
        // Linux gives the socket file the mode of the socket's inode, so nobody else can connect before the chmod.
        guard fchmod(number, 0o600) == 0, withAddress({ bind(number, $0, length) }) == 0 else {
            let error = failed("bind")
            close(number)
            throw error
        }
        var made = stat()
        // Listens before the final mode is set: a process that waits for the file (as `gantry` does) can then connect at once.
        guard listen(number, 1024) == 0, group == nil || chown(path, uid_t.max, group ?? 0) == 0,
            chmod(path, 0o660) == 0, lstat(path, &made) == 0
        else {
            let error = failed("listen")
            close(number)
            Glibc.unlink(path)
            throw error
        }
        let place = Place.path(path, device: UInt64(made.st_dev), inode: UInt64(made.st_ino))
        return ListeningSocket(number, name, place, isLocal: true)
    }

    /// Listens on the first address that `host` resolves to; an empty host means every IPv4 address.
    package static func tcp(host: String, port: UInt16) throws(HTTPError) -> ListeningSocket {
        let name = "tcp://\(host.contains(byte: ":") ? "[\(host)]" : host):\(port)"
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        hints.ai_family = host.isEmpty ? AF_INET : AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host.isEmpty ? nil : host, "\(port)", &hints, &list)
        defer { if list != nil { freeaddrinfo(list) } }
        guard code == 0, let first = list?.pointee else {
            throw .cannotListen("cannot listen on \(name): the host name is unknown")
        }
        let number = socket(first.ai_family, first.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), first.ai_protocol)
        var yes: Int32 = 1
        guard number >= 0,
            setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size)) == 0,
            bind(number, first.ai_addr, first.ai_addrlen) == 0, listen(number, 1024) == 0
        else {
            let error = HTTPError.cannotListen("cannot listen on \(name): \(reason(errno))")
            if number >= 0 { close(number) }
            throw error
        }
        return ListeningSocket(number, name, .network, isLocal: false)
    }

    /// A listening socket inherited from the parent process, as with systemd socket activation.
    package static func inherited(_ number: Int32) -> ListeningSocket {
        var address = sockaddr()
        var length = socklen_t(MemoryLayout<sockaddr>.size)
        let known = getsockname(number, &address, &length) == 0
        return ListeningSocket(
            number, "fd://\(number)", .inherited, isLocal: known && address.sa_family == sa_family_t(AF_UNIX))
    }

    /// The port of a network socket, also when 0 was requested.
    package var port: UInt16? {
        var address = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        guard !isLocal, let number = number.withLock({ $0 }) else { return nil }
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(number, $0, &length) }
        }
        // The port has the same offset in both address families.
        return result == 0 ? UInt16(bigEndian: address.sin6_port) : nil
    }

    /// Passes ownership of the descriptor to the server.
    func release() throws(HTTPError) -> Int32 {
        let taken = number.withLock { number in
            defer { number = nil }
            return number
        }
        guard let taken else { throw .misuse("\(name) is served already") }
        return taken
    }

    /// Removes the socket file, unless another process has replaced it.
    func unlink() {
        guard case .path(let path, let device, let inode) = place else { return }
        var present = stat()
        guard lstat(path, &present) == 0, present.st_dev == device, present.st_ino == inode else { return }
        Glibc.unlink(path)
    }
}

private func unixAddress(_ path: String) -> sockaddr_un? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let fits = withUnsafeMutableBytes(of: &address.sun_path) { field in
        guard !bytes.isEmpty, bytes.count < field.count else { return false }
        field.copyBytes(from: bytes)
        return true
    }
    return fits ? address : nil
}

private func reason(_ code: Int32) -> String {
    let message = String(cString: strerror(code))
    return message.prefix(1).lowercased() + message.dropFirst()
}
