internal import CLinux
internal import Glibc
internal import Linux

/// Clones the container's process through another process, the stage, which enters namespaces first and then exits.
///
/// Needed because the caller must not change: joining a user, pid or time namespace cannot be undone.
enum StagedClone {
    /// The stage's connection to the caller.
    struct Link {
        let socket: Int32

        /// Asks for the ID maps of the new user namespace and waits until they are written.
        func awaitMaps() throws(LaunchFailure) {
            var byte: UInt8 = 1
            guard linux_send_message(socket, &byte, 1, nil, 0, 0) == 1, recv(socket, &byte, 1, 0) == 1 else {
                throw LaunchFailure("the runtime exited before it mapped the user namespace")
            }
        }
    }

    /// Runs `enter` in the stage, then clones with the flags it returns and runs `child` in the new process, which is a child of
    /// the caller. `map` runs in the caller when `enter` asks for ID maps. With a `sibling` the stage enters the namespaces
    /// itself and runs `child`, which clones later.
    static func clone(
        cgroup: Int32, sibling: SiblingNumber? = nil, map: (pid_t) throws(LaunchFailure) -> Void,
        enter: (Link) throws(LaunchFailure) -> UInt64,
        child: () -> Never
    ) throws(LaunchFailure) -> ClonedProcess {
        var pair: [Int32] = [-1, -1]
        try libraryStep(
            "make a socket",
            socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair))
        var pidfd: Int32 = -1
        let pid: Int32
        do throws(LaunchFailure) {
            pid = try step("clone the container's process", linux_clone(0, &pidfd, cgroup))
        } catch {
            close(pair[0])
            close(pair[1])
            throw error
        }
        if pid == 0 {
            close(pair[0])
            stage(Link(socket: pair[1]), stays: sibling != nil, enter, child)
        }
        close(pair[1])
        func end() {
            // Closed first: after a failure here the stage may still be waiting for an answer.
            close(pair[0])
            var value: Int32 = 0
            _ = linux_wait_blocking(pidfd, &value)
            close(pidfd)
        }
        do throws(LaunchFailure) {
            if let child = try listen(pair[0], pid, map) {
                end()
                return child
            }
        } catch {
            end()
            throw error
        }
        close(pair[0])
        return ClonedProcess(pid: pid, pidfd: pidfd, sibling: sibling)
    }

    private static func stage(
        _ link: Link, stays: Bool, _ enter: (Link) throws(LaunchFailure) -> UInt64, _ child: () -> Never
    ) -> Never {
        do throws(LaunchFailure) {
            let flags = try enter(link)
            if stays {
                try step("make the namespaces", linux_unshare(Int32(truncatingIfNeeded: flags)))
                var kind: UInt8 = 4
                _ = linux_send_message(link.socket, &kind, 1, nil, 0, 0)
                child()
            }
            var pidfd: Int32 = -1
            let pid = try step("clone the container's process", linux_clone(flags | linux_CLONE_PARENT, &pidfd, -1))
            if pid == 0 { child() }
            var writer = BinaryWriter()
            writer.put(UInt8(2))
            writer.put(pid)
            let bytes = writer.bytes
            _ = linux_send_message(link.socket, bytes, bytes.count, &pidfd, 1, 0)
        } catch {
            let bytes = [UInt8(3)] + StatusMessage.failure(error).encoded()
            _ = linux_send_message(link.socket, bytes, bytes.count, nil, 0, 0)
        }
        _exit(Int32(0))
    }

    /// Nil when the stage itself continues as the set-up process.
    private static func listen(
        _ socket: Int32, _ stage: pid_t, _ map: (pid_t) throws(LaunchFailure) -> Void
    ) throws(LaunchFailure) -> ClonedProcess? {
        while true {
            var bytes = [UInt8](repeating: 0, count: 8192)
            var descriptor: Int32 = -1
            var count = 1
            let received = linux_receive_message(socket, &bytes, bytes.count, &descriptor, &count, 0)
            if received == -Int(EINTR) { continue }
            guard received > 0 else { throw LaunchFailure("the container's process ended while it was being set up") }
            var reader = BinaryReader(Array(bytes[1..<Int(received)]))
            switch bytes[0] {
            case 1:
                try map(stage)
                var byte: UInt8 = 1
                _ = linux_send_message(socket, &byte, 1, nil, 0, 0)
            case 4: return nil
            case 2 where count == 1: return ClonedProcess(pid: try reader.integer(), pidfd: descriptor)
            default:
                if case .failure(let failure) = try StatusMessage(decoding: Array(bytes[1..<Int(received)])) {
                    throw failure
                }
                throw LaunchFailure("the starting process sent an unknown message")
            }
        }
    }
}
