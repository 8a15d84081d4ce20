internal import CLinux
internal import Glibc
internal import Linux
internal import Runtime

/// Forwards the readiness notification of a container's program (sd_notify(3)), as runc does: the program gets a socket of the
/// runtime, and `run` or `start` notifies the caller's `NOTIFY_SOCKET`.
final class NotifySocket: Sendable {
    private static let what = "notify socket"
    private static let name = "notify.sock"
    private static let inside = "/run/notify"
    /// Its path in the state directory.
    static let stateName = "notify/" + name

    private let caller: String
    private let directory: String

    /// nil when the caller has no `NOTIFY_SOCKET`.
    init?(_ id: String, _ context: RuntimeProgram.Context) {
        guard let value = getenv("NOTIFY_SOCKET"), value.pointee != 0 else { return nil }
        caller = String(cString: value)
        directory = StateDirectory.path(id, context.root) + "/notify"
    }

    /// Mounts the directory in the container; the socket is created there when the program starts.
    func enter(_ launch: inout LaunchSpec) {
        let flags: MountFlags = [.noSuid, .noExec, .noDev, .readOnly, .nonRecursive]
        launch.mounts.append(MountSpec(.bind, source: directory, Self.inside, flags: flags))
        launch.process.env.append("NOTIFY_SOCKET=\(Self.inside)/\(Self.name)")
    }

    func makeDirectory() throws(LaunchFailure) {
        guard mkdir(directory, 0o755) == 0, chmod(directory, 0o755) == 0 else {
            throw Files.failure("create \(directory)")
        }
    }

    /// nil for a container created without `NOTIFY_SOCKET`.
    func open() throws(LaunchFailure) -> Int32? {
        guard access(directory, F_OK) == 0 else { return nil }
        return try UnixSocket.bind(Self.name, in: directory, Self.what).release()
    }

    /// Waits until the program is ready or has exited, and notifies the caller with `main` as MAINPID.
    func forward(_ socket: Int32, until pidfd: Int32, main: Int32, _ log: Log) {
        defer { close(socket) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            var polls = [
                pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
                pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&polls, 2, -1) > 0 || errno == EINTR else { return }
            guard polls[0].revents != 0 else {
                if polls[1].revents != 0 { return }
                continue
            }
            let count = recv(socket, &bytes, bytes.count, 0)
            // Forward READY=1 only: nothing else from a container is for the host's service manager.
            guard count > 0, bytes[..<count].split(separator: 0x0a).contains(where: { $0.elementsEqual(Self.ready) })
            else { continue }
            do throws(LaunchFailure) {
                try tell(main)
            } catch {
                log.write(.warning, error.message)
            }
            return
        }
    }

    private static let ready = Array("READY=1".utf8)

    private func tell(_ main: Int32) throws(LaunchFailure) {
        let socket = try UnixSocket.connect(to: caller, SOCK_DGRAM, Self.what)
        var ends: [Int32] = [-1, -1]
        guard linux_pipe(&ends) == 0 else { throw Files.failure("tell the \(Self.what) \(caller)") }
        let reader = Descriptor(owning: ends[0])
        do {
            let writer = Descriptor(owning: ends[1])
            try send(Self.ready + [0x0a], on: socket)
            try send(Array("MAINPID=\(main)\n".utf8), on: socket)
            try send(Array("BARRIER=1".utf8), writer.raw, on: socket)
        }
        // Closed once the service manager has read everything before: only then may this process exit (sd_notify_barrier(3)).
        var end = pollfd(fd: reader.raw, events: 0, revents: 0)
        while poll(&end, 1, 30000) < 0 && errno == EINTR {}
    }

    private func send(
        _ bytes: [UInt8], _ descriptor: Int32? = nil, on socket: borrowing Descriptor
    ) throws(LaunchFailure) {
        let descriptors = descriptor.map { [$0] } ?? []
        let sent = linux_send_message(socket.raw, bytes, bytes.count, descriptors, descriptors.count, 0)
        guard sent == bytes.count else {
            throw LaunchFailure("tell the \(Self.what) \(caller): \(SystemError("", code: Int32(-sent)).reason)")
        }
    }

    private struct Work {
        let notify: NotifySocket
        let socket: Int32
        let pidfd: Int32
        let log: Log
    }

    /// As ``forward(_:until:main:_:)``, on a second thread while the caller waits for the container: messages must come from this
    /// process (NotifyAccess=).
    func forwardBeside(_ socket: Int32, until pidfd: Int32, _ log: Log) {
        let work = UnsafeMutablePointer<Work>.allocate(capacity: 1)
        work.initialize(to: Work(notify: self, socket: socket, pidfd: pidfd, log: log))
        var thread = pthread_t()
        let body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { pointer in
            guard let pointer = pointer?.assumingMemoryBound(to: Work.self) else { return nil }
            let work = pointer.move()
            pointer.deallocate()
            work.notify.forward(work.socket, until: work.pidfd, main: getpid(), work.log)
            return nil
        }
        _ = pthread_create(&thread, nil, body, work)
    }
}
