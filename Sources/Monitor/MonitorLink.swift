internal import CLinux
internal import Glibc
package import Linux
package import Runtime
internal import Synchronization

/// The daemon's connection to one monitor. Closing it leaves the container running, once it was launched.
package final class MonitorLink: Sendable {
    private struct State: ~Copyable {
        var reactor: MonitorReactor?
        var isClosed = false
    }

    private let socket: SharedDescriptor
    private let process: SharedDescriptor?
    private let state = Mutex(State())

    init(_ socket: consuming Descriptor, process: consuming Descriptor?) {
        self.socket = SharedDescriptor(socket)
        if let process { self.process = SharedDescriptor(process) } else { self.process = nil }
    }

    /// Connects to the monitor of a container that was started before; nil when none lives there.
    /// Its first event is ``MonitorEvent/adopted(_:)``.
    package static func adopt(runDirectory: String) throws(MonitorError) -> MonitorLink? {
        let handle = Glibc.socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard handle >= 0 else { throw MonitorError("adoption", SystemError("socket", code: errno)) }
        let socket = Descriptor(owning: handle)
        let result = MonitorSocket.withAddress(in: runDirectory) { connect(handle, $0, $1) }
        if result < 0 {
            let code = errno
            if code == ECONNREFUSED || code == ENOENT { return nil }
            throw MonitorError("adoption", SystemError("connect", runDirectory, code: code))
        }
        return MonitorLink(socket, process: nil)
    }

    /// Begins to receive. `handler` is called on the reactor's thread, in order, and must not block.
    package func start(on reactor: MonitorReactor, handler: @escaping @Sendable (MonitorEvent) -> Void) {
        state.withLock { $0.reactor = reactor }
        reactor.add(self, socket: socket, process: process, handler: handler)
    }

    /// Gives the monitor a client's stream. May come before the launch: then nothing is lost.
    /// The stream carries raw bytes for a terminal and Docker's frames otherwise; what is written to it is input.
    package func attach(
        stream: consuming Descriptor, stdin: Bool, stdout: Bool, stderr: Bool
    ) throws(MonitorError) {
        try send(.attach(input: stdin, output: stdout, error: stderr), "attach", [stream.raw])
    }

    /// Starts the container. `rootfs` is a detached mount; `log` is open for appending.
    package func launch(
        _ spec: LaunchSpec, rootfs: consuming Descriptor?, log: consuming Descriptor?
    ) throws(MonitorError) {
        let memory = try Self.memory(spec.encoded(), "launch")
        var descriptors = [memory.raw]
        let root = Self.release(rootfs)
        let file = Self.release(log)
        defer { for handle in [root, file] { if let handle { Glibc.close(handle) } } }
        if let root { descriptors.append(root) }
        if let file { descriptors.append(file) }
        try send(.launch(hasRoot: root != nil, hasLog: file != nil), "launch", descriptors)
    }

    /// Gives a launch that waits for it its network namespace, and sockets to keep open as long as the container runs.
    package func network(namespace: borrowing Descriptor, held: [Int32]) throws(MonitorError) {
        var rest = held[...]
        while rest.count > 200 {
            try send(.hold, "network", Array(rest.prefix(200)))
            rest = rest.dropFirst(200)
        }
        try send(.network, "network", [namespace.raw] + rest)
    }

    /// Starts another process in the container. Without a stream its output is dropped.
    package func exec(id: String, _ spec: ExecSpec, stream: consuming Descriptor?) throws(MonitorError) {
        let memory = try Self.memory(spec.encoded(), "exec")
        let handle = Self.release(stream)
        defer { if let handle { Glibc.close(handle) } }
        try send(.exec(id: id), "exec", [memory.raw] + (handle.map { [$0] } ?? []))
    }

    /// Sends a signal to the first process, or to an exec.
    package func signal(_ number: Int32, exec: String?) throws(MonitorError) {
        try send(.signal(number, exec: exec ?? ""), "signal")
    }

    /// Sets the size of the terminal.
    package func resize(columns: UInt16, rows: UInt16, exec: String?) throws(MonitorError) {
        try send(.resize(columns: columns, rows: rows, exec: exec ?? ""), "resize")
    }

    /// Ends standard input.
    package func closeStdin(exec: String?) throws(MonitorError) {
        try send(.closeInput(exec: exec ?? ""), "closing standard input")
    }

    /// Writes the log to another file from now on (rotation).
    package func replaceLog(_ file: consuming Descriptor) throws(MonitorError) {
        try send(.log, "changing the log", [file.raw])
    }

    /// Lets the connection go. No event comes after it but possibly ``MonitorEvent/closed``.
    package func close() {
        let reactor = state.withLock { state -> MonitorReactor? in
            state.isClosed = true
            return state.reactor
        }
        shutdown(socket.raw, Int32(SHUT_RDWR))
        if reactor == nil { return }
    }

    private static func release(_ descriptor: consuming Descriptor?) -> Int32? {
        if let descriptor { return descriptor.release() }
        return nil
    }

    private static func memory(_ bytes: [UInt8], _ operation: String) throws(MonitorError) -> Descriptor {
        do {
            return try SealedMemory.make(bytes, name: "gantry-spec")
        } catch {
            throw MonitorError(operation, error)
        }
    }

    private func send(
        _ request: ControlRequest, _ operation: String, _ descriptors: [Int32] = []
    ) throws(MonitorError) {
        let bytes = request.encoded()
        let result = bytes.withUnsafeBytes {
            linux_send_message(socket.raw, $0.baseAddress, $0.count, descriptors, descriptors.count, 0)
        }
        if result < 0 { throw MonitorError(operation, SystemError("sendmsg", code: Int32(-result))) }
    }
}
