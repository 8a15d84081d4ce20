internal import Concurrency
internal import Linux
package import NIOCore
internal import NIOPosix
internal import Synchronization

/// Listens on any number of sockets and serves each connection in its own task.
package final class HTTPServer: Sendable {
    private struct State {
        var listeners: [(channel: any Channel, socket: ListeningSocket)] = []
        var connections: [ObjectIdentifier: ConnectionControl] = [:]
        var sweeping = false
        var closed = false
    }

    private let group: any EventLoopGroup
    private let limits: HTTPLimits
    private let handler: HTTPHandler
    private let state = Mutex(State())
    private let accepted = Atomic(0)
    private let newConnection = AsyncSignal()
    /// The connections being served.
    private let serving = WaitGroup()

    package init(group: any EventLoopGroup, limits: HTTPLimits = HTTPLimits(), handler: @escaping HTTPHandler) {
        self.group = group
        self.limits = limits
        self.handler = handler
    }

    /// Starts accepting connections on `socket`.
    package func serve(_ socket: ListeningSocket) async throws {
        let isLocal = socket.isLocal
        let channel = try await ServerBootstrap(group: group)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.accept(channel, isLocal: isLocal) }
            }
            .withBoundSocket(socket.release())
            .get()
        state.withLock { $0.listeners.append((channel: channel, socket: socket)) }
    }

    /// Connections accepted since the start.
    package var acceptedConnections: Int { accepted.load(ordering: .relaxed) }

    /// Waits until more than `count` connections have been accepted, or the task is cancelled. Only one caller at a time.
    package func accepted(moreThan count: Int) async {
        while acceptedConnections <= count, await newConnection.wait() {}
    }

    /// Connections open now.
    package var connectionCount: Int { state.withLock { $0.connections.count } }

    /// Stops listening, lets running requests finish for at most `grace`, and closes the rest. Streams and hijacked connections
    /// are closed at once.
    package func shutdown(grace: Duration = .seconds(5)) async {
        let (listeners, connections) = state.withLock { state in
            state.closed = true
            defer { state.listeners = [] }
            return (state.listeners, Array(state.connections.values))
        }
        for listener in listeners {
            listener.socket.unlink()
            try? await listener.channel.close().get()
        }
        for connection in connections {
            connection.closeAfterAnswer()
            switch connection.currentPhase {
            case .handling, .lingering: break
            case .waiting, .streaming, .hijacked: connection.cut()
            }
        }
        await serving.wait(atMost: grace)
        for connection in state.withLock({ Array($0.connections.values) }) { connection.cut() }
    }

    /// Called on the event loop of a new connection.
    private func accept(_ channel: any Channel, isLocal: Bool) throws {
        let control = ConnectionControl(channel, isLocal: isLocal)
        try channel.pipeline.syncOperations.addHandler(ClientWatch(control))
        let stream = try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
            wrappingChannelSynchronously: channel,
            configuration: .init(
                backPressureStrategy: .init(lowWatermark: 1, highWatermark: 4), isOutboundHalfClosureEnabled: true))
        guard register(control, on: channel.eventLoop) else {
            channel.close(promise: nil)
            return
        }
        serving.begin()
        accepted.wrappingAdd(1, ordering: .relaxed)
        newConnection.signal()
        // The table owns the task until it ends; shutdown and ClientWatch cancel it through its control.
        let task = Task {
            _ = try? await stream.executeThenClose { inbound, _ in
                await Connection(control, inbound, limits: self.limits).serve(self.handler)
            }
            self.state.withLock { $0.connections[ObjectIdentifier(control)] = nil }
            self.serving.end()
        }
        control.attach(task)
    }

    private func register(_ control: ConnectionControl, on loop: any EventLoop) -> Bool {
        let (accepted, startsSweeping) = state.withLock { state in
            guard !state.closed, state.connections.count < limits.connections else { return (false, false) }
            state.connections[ObjectIdentifier(control)] = control
            defer { state.sweeping = true }
            return (true, !state.sweeping)
        }
        if startsSweeping { scheduleSweep(on: loop) }
        return accepted
    }

    /// Cuts overdue connections. Runs only while there are connections, so that an idle daemon sleeps.
    private func sweep(on loop: any EventLoop) {
        let now = monotonicNanoseconds()
        let overdue = state.withLock { state in
            if state.connections.isEmpty { state.sweeping = false }
            return state.connections.values.filter { $0.isOverdue(at: now) }
        }
        for control in overdue { control.expire() }
        if state.withLock({ $0.sweeping }) { scheduleSweep(on: loop) }
    }

    private func scheduleSweep(on loop: any EventLoop) {
        loop.scheduleTask(in: .nanoseconds(limits.sweepInterval.nanoseconds)) { self.sweep(on: loop) }
    }
}
