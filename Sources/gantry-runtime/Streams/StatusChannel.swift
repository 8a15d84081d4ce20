internal import CLinux
internal import Glibc
internal import Linux
internal import Runtime

/// The socket to a process being set up.
final class StatusChannel {
    private let parent: Int32
    private(set) var child: Int32

    init() throws(LaunchFailure) {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            throw Files.failure("make the status socket")
        }
        (parent, child) = (pair[0], pair[1])
    }

    deinit {
        close(parent)
        closeChild()
    }

    /// Call once the process has its end, so that its exit ends the messages.
    func closeChild() {
        if child >= 0 { close(child) }
        child = -1
    }

    /// Resumes the process, which waits while hooks run.
    private func resumeChild() {
        var byte: UInt8 = 1
        _ = linux_send_message(parent, &byte, 1, nil, 0, 0)
    }

    /// Receives messages, including the terminal, until the program is executed or, if it `waits`, the process is at its gate;
    /// runs `hooks` when the process asks for them.
    func waitUntilReady(
        waits: Bool, terminal: inout Int32, _ log: Log, listener: SeccompListener?,
        hooks: () throws(LaunchFailure) -> Void = {}
    ) throws(LaunchFailure) {
        var isReady = false
        while true {
            var bytes = [UInt8](repeating: 0, count: 8192)
            var descriptors: [Int32] = [-1]
            var count = 1
            let received = linux_receive_message(parent, &bytes, bytes.count, &descriptors, &count, 0)
            if received == -Int(EINTR) { continue }
            if received <= 0 {
                // It was killed before it could send an error.
                guard isReady else {
                    throw LaunchFailure("the container's process ended while it was being set up")
                }
                return
            }
            let message = try StatusMessage(decoding: Array(bytes[..<received]))
            switch message {
            case .failure(let failure): throw failure
            // Now the other end is visible in the container and may have been taken over: ignore its messages.
            case _ where isReady:
                for descriptor in descriptors.prefix(count) { close(descriptor) }
            case .terminal: terminal = count == 1 ? descriptors[0] : -1
            case .ready:
                isReady = true
                if waits { return }
            case .listener:
                guard count == 1 else { throw LaunchFailure("the seccomp listener's descriptor was lost") }
                defer { close(descriptors[0]) }
                try listener?.send(descriptors[0])
            case .warning(let text): log.write(.warning, text)
            case .hooks:
                try hooks()
                resumeChild()
            }
        }
    }
}
