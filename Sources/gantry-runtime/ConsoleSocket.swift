internal import CLinux
internal import Glibc
internal import Linux
internal import Runtime

/// Sends a terminal's controlling side to whoever listens at `--console-socket`.
enum ConsoleSocket {
    static func send(_ terminal: Int32, to path: String) throws(LaunchFailure) {
        let handle = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard handle >= 0 else { throw Files.failure("open the console socket") }
        defer { close(handle) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw LaunchFailure("console socket \(path): the path is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(handle, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Files.failure("connect to the console socket \(path)") }
        // Blocking, as everybody who listens has always got it.
        _ = fcntl(terminal, F_SETFL, O_RDWR)
        let name = Array("/dev/ptmx".utf8)
        var descriptor = terminal
        let sent = linux_send_message(handle, name, name.count, &descriptor, 1, 0)
        guard sent > 0 else {
            throw LaunchFailure("send the terminal to \(path): \(SystemError("", code: Int32(-sent)).reason)")
        }
    }
}
