import CLinux
import Glibc

/// One end of a monitor's socket, in bytes: a daemon or a monitor of whatever release.
final class ScriptedPeer: Sendable {
    private let socket: Int32

    /// Nothing is waited for without end.
    private init(_ socket: Int32) {
        self.socket = socket
        var time = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }
    deinit { close(socket) }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func make() -> Int32 {
        Glibc.socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }

    /// A daemon: connects to the monitor whose run directory this is.
    static func daemon(of run: String) -> ScriptedPeer {
        let handle = make()
        precondition(withAddress(run + "/monitor.sock") { connect(handle, $0, $1) } == 0, "no monitor in \(run)")
        return ScriptedPeer(handle)
    }

    /// A monitor that waits for its daemon; ``accept()`` gives the connection.
    static func listening(in run: String) -> ScriptedPeer {
        let handle = make()
        precondition(withAddress(run + "/monitor.sock") { bind(handle, $0, $1) } == 0 && listen(handle, 1) == 0)
        return ScriptedPeer(handle)
    }

    func accept() -> ScriptedPeer {
        let handle = Glibc.accept(socket, nil, nil)
        precondition(handle >= 0)
        return ScriptedPeer(handle)
    }

    func send(_ bytes: [UInt8], _ descriptors: [Int32] = []) {
        precondition(linux_send_message(socket, bytes, bytes.count, descriptors, descriptors.count, 0) >= 0)
    }

    /// Waits for the next message; empty at the end.
    func receive() -> (bytes: [UInt8], descriptors: [Int32]) {
        var bytes = [UInt8](repeating: 0, count: 8192)
        var descriptors = [Int32](repeating: -1, count: 253)
        var count = descriptors.count
        let received = linux_receive_message(socket, &bytes, bytes.count, &descriptors, &count, 0)
        return (Array(bytes[..<max(0, received)]), Array(descriptors[..<count]))
    }
}
