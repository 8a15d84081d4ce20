internal import Cgroups
internal import Concurrency
package import DockerAPI
package import Images
package import Layers
package import Logging
internal import Linux
internal import Monitor
package import Networking
internal import Runtime
package import Store

/// Containers, from the first request to the last trace.
package final class Engine: Sendable {
    let environment: EngineEnvironment

    /// Connects the rooms; ``restore()`` finds what earlier daemons left.
    package init(
        configuration: EngineConfiguration, database: StateDatabase, images: ImageService, snapshots: Snapshots,
        networks: NetworkService, log: Logger
    ) throws(EngineError) {
        do {
            try Directory.make(configuration.execRoot + "/containers", mode: 0o711, parents: 0o711)
            try Directory.make(configuration.dataRoot + "/containers", mode: 0o710, parents: 0o710)
            environment = EngineEnvironment(
                configuration: configuration, store: ContainerStore(database), index: ContainerIndex(),
                journal: Journal(), images: images, snapshots: snapshots, networks: networks,
                spawner: try MonitorSpawner(executable: configuration.monitorExecutable),
                reactor: try MonitorReactor(), hierarchy: try CgroupHierarchy.detect(),
                filters: SeccompCache(directory: configuration.dataRoot + "/seccomp"),
                seccomp: try SecurityOptions.seccomp(configuration.seccompProfile), kernelLimits: KernelLimits(),
                log: log,
                notices: Notices(log: log))
            for text in SecurityOptions.warnings(environment.seccomp) { log.warning("\(text)") }
        } catch {
            throw EngineError(wrapping: error)
        }
    }

    func find(_ name: String) throws(EngineError) -> Container {
        try environment.index.find(name)
    }

    // MARK: Life

    /// False when it was running already.
    package func start(_ name: String) async throws(EngineError) -> Bool { try await find(name).start() }

    /// False when it was not running.
    package func stop(_ name: String, signal: String?, timeout: Int?) async throws(EngineError) -> Bool {
        try await find(name).stop(signal: signal, timeout: timeout)
    }

    package func restart(_ name: String, signal: String?, timeout: Int?) async throws(EngineError) {
        try await find(name).restart(signal: signal, timeout: timeout)
    }

    package func kill(_ name: String, signal: String?) async throws(EngineError) {
        try await find(name).kill(signal)
    }

    package func pause(_ name: String) async throws(EngineError) { try await find(name).pause() }
    package func unpause(_ name: String) async throws(EngineError) { try await find(name).unpause() }

    package func rename(_ name: String, to newName: String) async throws(EngineError) {
        let container = try find(name)
        try await container.rename(to: try Self.checked(name: newName))
    }

    /// Returns what the client is to be warned of.
    package func update(_ name: String, _ request: ContainerUpdateRequest) async throws(EngineError) -> [String] {
        try await find(name).update(request)
    }

    /// `volumes`: anonymous volumes too, once there are volumes.
    package func remove(_ name: String, force: Bool, volumes: Bool) async throws(EngineError) {
        try await find(name).remove(force: force)
    }

    /// Registers at once; the answer comes from ``ContainerWait/result()``.
    package func wait(_ name: String, _ condition: WaitCondition) async throws(EngineError) -> ContainerWait {
        let container = try find(name)
        let (stream, continuation) = AsyncStream.makeStream(of: ContainerWaitResponse?.self)
        let number = await container.addWaiter(condition) { response in
            continuation.yield(response)
            continuation.finish()
        }
        return ContainerWait(
            answer: Task {
                for await response in stream { return response }
                if let number { await container.removeWaiter(number) }
                return nil
            })
    }

    // MARK: Streams

    package func attach(_ name: String, _ options: AttachOptions) async throws(EngineError) -> AttachedStream {
        try await find(name).attach(options)
    }

    package func resize(_ name: String, columns: Int, rows: Int) async throws(EngineError) {
        try await find(name).resize(columns: columns, rows: rows)
    }

    package func logs(_ name: String, _ options: LogOptions) async throws(EngineError) -> LogStream {
        let container = try find(name)
        if container.record.host.LogConfig.`Type` == "none" {
            throw .conflict("configured logging driver does not support reading")
        }
        return try LogStream(container, options)
    }

    // MARK: Exec

    package func createExec(_ name: String, _ request: ExecCreateRequest) async throws(EngineError) -> String {
        try await find(name).createExec(request)
    }

    /// nil when detached.
    package func startExec(_ id: String, _ request: ExecStartRequest) async throws(EngineError) -> AttachedStream? {
        try await environment.index.container(ofExec: id).startExec(id, request)
    }

    package func resizeExec(_ id: String, columns: Int, rows: Int) async throws(EngineError) {
        try await environment.index.container(ofExec: id).resizeExec(id, columns: columns, rows: rows)
    }

    package func inspectExec(_ id: String) async throws(EngineError) -> ExecInspect {
        try await environment.index.container(ofExec: id).inspectExec(id)
    }

    /// Returns when the exec has ended, is no more, or `limit` is over.
    package func waitForExec(_ id: String, atMost limit: Duration) async {
        guard let container = try? environment.index.container(ofExec: id) else { return }
        await container.exec(id)?.ended.wait(atMost: limit)
    }

    // MARK: Events

    /// Past events from `since` on (nanoseconds since 1970), then new ones as they come until `until`.
    package func events(since: Int64?, until: Int64?, filters: [String: [String]]) -> AsyncStream<EventMessage> {
        environment.journal.events(since: since, until: until, filters: filters)
    }

    package func publish(_ event: EventMessage) { environment.journal.publish(event) }

    /// The containers made from an image, for `rmi`: identifier and whether it runs.
    package func containers(using image: String) -> [(id: String, isRunning: Bool)] {
        environment.index.all.map(\.record).filter { $0.image == image }.map { ($0.id, $0.phase.isRunning) }
    }
}
