internal import CLinux
internal import Glibc
internal import Linux
internal import Runtime

/// Unix sockets of host programs, by path; `@name` is an abstract one (unix(7)).
enum UnixSocket {
    static func connect(to path: String, _ type: __socket_type, _ what: String) throws(LaunchFailure) -> Descriptor {
        let socket = try make(type, what)
        let result = try withAddress(of: path, what) { Glibc.connect(socket.raw, $0, $1) }
        guard result == 0 else { throw Files.failure("connect to the \(what) \(path)") }
        return socket
    }

    /// Binds a socket of this program; a path longer than a socket address goes through `directory`.
    static func bind(_ name: String, in directory: String, _ what: String) throws(LaunchFailure) -> Descriptor {
        let socket = try make(SOCK_DGRAM, what)
        let place: Descriptor
        do throws(SystemError) {
            place = try Descriptor.open(directory, O_RDONLY | O_DIRECTORY)
        } catch {
            throw LaunchFailure("open \(directory): \(error.reason)")
        }
        let path = "/proc/self/fd/\(place.raw)/\(name)"
        let result = try withAddress(of: path, what) { Glibc.bind(socket.raw, $0, $1) }
        guard result == 0, fchmodat(place.raw, name, 0o777, 0) == 0 else {
            throw Files.failure("make the \(what) \(directory)/\(name)")
        }
        return socket
    }

    private static func make(_ type: __socket_type, _ what: String) throws(LaunchFailure) -> Descriptor {
        let handle = socket(AF_UNIX, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard handle >= 0 else { throw Files.failure("open the \(what)") }
        return Descriptor(owning: handle)
    }

    private static func withAddress(
        of path: String, _ what: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(LaunchFailure) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw LaunchFailure("\(what) \(path): the path is too long")
        }
        var length = MemoryLayout<sockaddr_un>.size
        if bytes.first == 0x40 {
            bytes[0] = 0
            length = MemoryLayout<sa_family_t>.size + bytes.count
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(length)) }
        }
    }
}
