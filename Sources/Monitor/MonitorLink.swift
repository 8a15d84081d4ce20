internal import CLinux
internal import Glibc
package import Linux
package import MonitorProtocol
package import Runtime
internal import Synchronization

/// The daemon's connection to one monitor. Closing it leaves the container running, once it was launched.
package final class MonitorLink: Sendable {
    /// A request that waits until it is known how the monitor is spoken to.
    private struct Waiting {
        var request: ControlRequest
        var specification: Specification?
        var descriptors: [SharedDescriptor]
    }

    private struct State: ~Copyable {
        /// Nil until the first event of a monitor that was started by another daemon.
        var dialect: Dialect?
        /// In order; what comes while there are some waits too.
        var waiting: [Waiting] = []
    }

    private let socket: SharedDescriptor
    private let process: SharedDescriptor?
    private let state: Mutex<State>

    init(_ socket: consuming Descriptor, process: consuming Descriptor?, dialect: Dialect?) {
        state = Mutex(State(dialect: dialect))
        self.socket = SharedDescriptor(socket)
        if let process { self.process = SharedDescriptor(process) } else { self.process = nil }
    }

    /// Connects to the monitor of a container that was started before; nil when none lives there.
    /// Its first event, but for the handshake, is ``MonitorEvent/adopted(_:)``. It may be of an earlier or later release; what is
    /// asked before its first event is sent when that says how.
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
        let link = MonitorLink(socket, process: nil, dialect: nil)
        link.greet()
        return link
    }

    /// The daemon's first message. A monitor without a handshake passes over it.
    func greet() {
        do throws(MonitorError) {
            try transmit(.hello(.own), "handshake", nil, [], .tagged)
        } catch {
            // A monitor that has ended by now: the reactor says so.
        }
    }

    /// Begins to receive. `handler` is called on the reactor's thread, in order, and must not block.
    package func start(on reactor: MonitorReactor, handler: @escaping @Sendable (MonitorEvent) -> Void) {
        reactor.add(self, socket: socket, process: process, handler: handler)
    }

    /// Gives the monitor a client's stream. May come before the launch: then nothing is lost.
    /// The stream carries raw bytes for a terminal and Docker's frames otherwise; what is written to it is input.
    package func attach(
        stream: consuming Descriptor, stdin: Bool, stdout: Bool, stderr: Bool
    ) throws(MonitorError) {
        try send(.attach(input: stdin, output: stdout, error: stderr), "attach", descriptors: [stream.raw])
    }

    /// Starts the container. `rootfs` is a detached mount; `log` is open for appending.
    package func launch(
        _ spec: LaunchSpec, rootfs: consuming Descriptor?, log: consuming Descriptor?
    ) throws(MonitorError) {
        let root = Self.release(rootfs)
        let file = Self.release(log)
        defer { for handle in [root, file] { if let handle { Glibc.close(handle) } } }
        try send(
            .launch(hasRoot: root != nil, hasLog: file != nil), "launch", .launch(spec),
            descriptors: [root, file].compactMap { $0 })
    }

    /// Gives a launch that waits for it its network namespace, and sockets to keep open as long as the container runs.
    package func network(namespace: borrowing Descriptor, held: [Int32]) throws(MonitorError) {
        var rest = held[...]
        while rest.count > 200 {
            try send(.hold, "network", descriptors: Array(rest.prefix(200)))
            rest = rest.dropFirst(200)
        }
        try send(.network, "network", descriptors: [namespace.raw] + rest)
    }

    /// Starts another process in the container. Without a stream its output is dropped.
    package func exec(id: String, _ spec: ExecSpec, stream: consuming Descriptor?) throws(MonitorError) {
        let handle = Self.release(stream)
        defer { if let handle { Glibc.close(handle) } }
        try send(.exec(id: id), "exec", .process(spec), descriptors: handle.map { [$0] } ?? [])
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
        try send(.log, "changing the log", descriptors: [file.raw])
    }

    /// Lets the connection go. No event comes after it but possibly ``MonitorEvent/closed``.
    package func close() {
        shutdown(socket.raw, Int32(SHUT_RDWR))
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

    /// `descriptors` stay the caller's.
    private func send(
        _ request: ControlRequest, _ operation: String, _ specification: Specification? = nil, descriptors: [Int32] = []
    ) throws(MonitorError) {
        let dialect = try state.withLock { state throws(MonitorError) -> Dialect? in
            if let dialect = state.dialect, state.waiting.isEmpty { return dialect }
            let copies = try Self.duplicates(descriptors, operation)
            state.waiting.append(Waiting(request: request, specification: specification, descriptors: copies))
            return nil
        }
        if let dialect { try transmit(request, operation, specification, descriptors, dialect) }
    }

    private static func duplicates(
        _ descriptors: [Int32], _ operation: String
    ) throws(MonitorError) -> [SharedDescriptor] {
        var copies: [SharedDescriptor] = []
        for descriptor in descriptors {
            do {
                let copy = try retrying("fcntl") { fcntl(descriptor, F_DUPFD_CLOEXEC, 3) }
                copies.append(SharedDescriptor(Descriptor(owning: copy)))
            } catch {
                throw MonitorError(operation, error)
            }
        }
        return copies
    }

    private func transmit(
        _ request: ControlRequest, _ operation: String, _ specification: Specification?, _ descriptors: [Int32],
        _ dialect: Dialect, flags: Int32 = 0
    ) throws(MonitorError) {
        let bytes: [UInt8]
        var content: [UInt8]?
        do throws(MessageError) {
            bytes = try dialect.encoded(request)
            if let specification { content = try dialect.encoded(specification) }
        } catch {
            throw MonitorError(operation, "\(error)")
        }
        let memory = try content.map { content throws(MonitorError) in
            SharedDescriptor(try Self.memory(content, operation))
        }
        let all = (memory.map { [$0.raw] } ?? []) + descriptors
        let result = withExtendedLifetime(memory) {
            bytes.withUnsafeBytes {
                linux_send_message(socket.raw, $0.baseAddress, $0.count, all, all.count, flags)
            }
        }
        if result < 0 { throw MonitorError(operation, SystemError("sendmsg", code: Int32(-result))) }
    }

    /// Called on the reactor's thread with each message. What waited for the first one is sent.
    func learn(_ dialect: Dialect, _ handler: (MonitorEvent) -> Void) {
        let isNew = state.withLock { state in
            defer { state.dialect = state.dialect ?? dialect }
            return state.dialect == nil
        }
        guard isNew else { return }
        while let next = state.withLock({ $0.waiting.first }) {
            do throws(MonitorError) {
                // The reactor waits for nobody.
                try withExtendedLifetime(next.descriptors) { () throws(MonitorError) in
                    try transmit(
                        next.request, "request", next.specification, next.descriptors.map(\.raw), dialect,
                        flags: Int32(MSG_DONTWAIT))
                }
            } catch {
                if case .exec(let id) = next.request {
                    handler(.execFailed(id: id, LaunchFailure(error.reason)))
                } else {
                    handler(.refused(request: next.request.number.rawValue, reason: error.reason))
                }
            }
            state.withLock { _ = $0.waiting.removeFirst() }
        }
    }

    /// The monitor is gone.
    func forgetWaiting() { state.withLock { $0.waiting = [] } }
}
