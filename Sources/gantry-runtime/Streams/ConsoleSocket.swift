internal import CLinux
internal import Glibc
internal import JSON
internal import Linux
internal import Runtime

/// Sends a terminal's controlling side to the listener at `--console-socket`.
enum ConsoleSocket {
    /// The socket's path; required for a detached process with a terminal, and refused otherwise.
    static func path(_ options: Options, tty: Bool, detaches: Bool) throws(LaunchFailure) -> String? {
        let path = options.value("console-socket")
        guard !tty || !detaches || path != nil else {
            throw LaunchFailure("cannot allocate tty if gantry-runtime will detach without setting console socket")
        }
        guard (tty && detaches) || path == nil else {
            throw LaunchFailure("cannot use console socket if gantry-runtime will not detach or allocate tty")
        }
        return path
    }

    /// Sends the terminal, if there is one and a socket to send it to, and closes it.
    static func pass(_ terminal: inout Int32, to path: String?) throws(LaunchFailure) {
        guard let path, terminal >= 0 else { return }
        // Blocking, as receivers expect from other runtimes.
        _ = fcntl(terminal, F_SETFL, O_RDWR)
        try DescriptorSender.send(terminal, Array("/dev/ptmx".utf8), to: path, "console socket")
        close(terminal)
        terminal = -1
    }
}

/// Sends the seccomp listener's descriptor to the program that handles it (runtime-spec, "Container Process State").
struct SeccompListener {
    let path: String
    let metadata: String
    let state: JSON
    let pid: Int32

    init?(_ profile: SeccompProfile?, _ record: StateRecord, _ status: StateRecord.Status, pid: Int32) {
        guard let profile, profile.notifies else { return nil }
        (path, metadata) = (profile.listenerPath, profile.listenerMetadata)
        (state, self.pid) = (record.document(status), pid)
    }

    func send(_ descriptor: Int32) throws(LaunchFailure) {
        var members: [(String, JSON)] = [
            ("ociVersion", .string(Documents.specification)), ("fds", ["seccompFd"]), ("pid", JSON(pid)),
        ]
        if !metadata.isEmpty { members.append(("metadata", .string(metadata))) }
        members.append(("state", state))
        let document = JSON.object(JSONObject(members))
        try DescriptorSender.send(descriptor, document.serialized(), to: path, "seccomp listener")
    }
}

/// Sends a descriptor to a program that listens on a host socket.
private enum DescriptorSender {
    static func send(
        _ descriptor: Int32, _ message: [UInt8], to path: String, _ what: String
    ) throws(LaunchFailure) {
        let socket = try UnixSocket.connect(to: path, SOCK_STREAM, what)
        var descriptor = descriptor
        let sent = linux_send_message(socket.raw, message, message.count, &descriptor, 1, 0)
        guard sent == message.count else {
            let reason = SystemError("", code: sent < 0 ? Int32(-sent) : EMSGSIZE).reason
            throw LaunchFailure("send to the \(what) \(path): \(reason)")
        }
    }
}
