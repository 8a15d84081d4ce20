package import DockerAPI
package import JSON
package import Linux

/// What a client may wait for.
package enum WaitCondition: String, Sendable {
    case notRunning = "not-running"
    case nextExit = "next-exit"
    case removed
}

/// Which streams of a container a client attaches to.
package struct AttachOptions: Sendable {
    package var stdin = false
    package var stdout = false
    package var stderr = false

    package init() {}
}

/// A connection to a container's streams: raw bytes for a terminal, Docker's multiplexed frames otherwise.
package struct AttachedStream: ~Copyable, Sendable {
    /// A local stream socket; what is written to it is the process's standard input.
    package var descriptor: Descriptor
    package let isTerminal: Bool
}

package struct LogOptions: Sendable {
    package var follow = false
    package var stdout = true
    package var stderr = true
    /// Lines from the end; nil for all.
    package var tail: Int?
    /// RFC 3339 bounds as the log has them (nanoseconds since 1970), nil for none.
    package var since: Int64?
    package var until: Int64?

    package init() {}
}

package struct LogEntry: Sendable {
    package enum Source: UInt8, Sendable { case stdout = 1, stderr = 2 }

    package let source: Source
    /// RFC 3339 with nanoseconds, as written in the log.
    package let time: String
    /// The line with its newline, if it had one.
    package let line: [UInt8]
}

package struct PruneResult: Sendable {
    package var deleted: [String] = []
    package var spaceReclaimed: Int64 = 0
}

// The daemon's facade, being built; the bodies arrive with the next commits.
package final class Engine: Sendable {
    package func create(
        name: String?, _ request: ContainerCreateRequest, platform: String?
    ) async throws(EngineError) -> ContainerCreateResponse { fatalError() }
    /// False when it was running already.
    package func start(_ name: String) async throws(EngineError) -> Bool { fatalError() }
    /// False when it was not running.
    package func stop(_ name: String, signal: String?, timeout: Int?) async throws(EngineError) -> Bool { fatalError() }
    package func restart(_ name: String, signal: String?, timeout: Int?) async throws(EngineError) { fatalError() }
    package func kill(_ name: String, signal: String?) async throws(EngineError) { fatalError() }
    package func pause(_ name: String) async throws(EngineError) { fatalError() }
    package func unpause(_ name: String) async throws(EngineError) { fatalError() }
    package func rename(_ name: String, to newName: String) async throws(EngineError) { fatalError() }
    package func update(_ name: String, _ request: ContainerUpdateRequest) async throws(EngineError) { fatalError() }
    package func remove(_ name: String, force: Bool, volumes: Bool) async throws(EngineError) { fatalError() }
    package func prune(filters: [String: [String]]) async throws(EngineError) -> PruneResult { fatalError() }
    package func inspect(_ name: String, size: Bool) async throws(EngineError) -> ContainerInspect { fatalError() }
    package func list(
        all: Bool, limit: Int?, size: Bool, filters: [String: [String]]
    ) async throws(EngineError) -> [ContainerSummary] { fatalError() }
    package func top(_ name: String, arguments: String?) async throws(EngineError) -> ContainerTopResponse {
        fatalError()
    }
    /// Registers at once; the answer comes from ``ContainerWait/result()``.
    package func wait(_ name: String, _ condition: WaitCondition) async throws(EngineError) -> ContainerWait {
        fatalError()
    }
    package func attach(_ name: String, _ options: AttachOptions) async throws(EngineError) -> AttachedStream {
        fatalError()
    }
    package func resize(_ name: String, columns: Int, rows: Int) async throws(EngineError) { fatalError() }
    package func logs(_ name: String, _ options: LogOptions) async throws(EngineError) -> LogStream { fatalError() }

    package func createExec(_ name: String, _ request: ExecCreateRequest) async throws(EngineError) -> String {
        fatalError()
    }
    /// nil when detached.
    package func startExec(_ id: String, _ request: ExecStartRequest) async throws(EngineError) -> AttachedStream? {
        fatalError()
    }
    package func resizeExec(_ id: String, columns: Int, rows: Int) async throws(EngineError) { fatalError() }
    package func inspectExec(_ id: String) async throws(EngineError) -> ExecInspect { fatalError() }

    /// Past events from `since` on (nanoseconds since 1970), then new ones as they come until `until`.
    package func events(since: Int64?, until: Int64?, filters: [String: [String]]) -> AsyncStream<EventMessage> {
        fatalError()
    }
    package func publish(_ event: EventMessage) { fatalError() }

    package func info() async -> JSON { fatalError() }
    package func version() -> VersionResponse { fatalError() }
    package func networks(filters: [String: [String]]) async throws(EngineError) -> [NetworkResource] { fatalError() }
    package func network(_ name: String) async throws(EngineError) -> NetworkResource { fatalError() }
    /// The containers made from an image, for `rmi`: identifier and whether it runs.
    package func containers(using image: String) -> [(id: String, isRunning: Bool)] { fatalError() }
}

package struct ContainerWait: Sendable {
    package func result() async -> ContainerWaitResponse { fatalError() }
}

/// A container's log, pulled.
package actor LogStream {
    package nonisolated let isTerminal: Bool = false

    /// The next entries, at least one; nil at the end.
    package func next() async throws(EngineError) -> [LogEntry]? { fatalError() }
}
