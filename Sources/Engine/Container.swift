internal import Cgroups
internal import Concurrency
internal import DockerAPI
internal import Images
internal import Layers
internal import Linux
internal import Logging
internal import Monitor
internal import Networking
internal import Runtime
internal import Synchronization

/// One container. Its calls run on a queue of its own, where system calls may block; its record can be read without waiting.
actor Container {
    nonisolated let id: String
    nonisolated let files: ContainerFiles
    let environment: EngineEnvironment
    nonisolated private let published: Mutex<ContainerRecord>
    nonisolated private let queue: QueueExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    /// The monitor beside the running container.
    var link: MonitorLink?
    /// Hands the monitor's events to this actor; ends with the link.
    var pump: Task<Void, Never>?
    /// What is left to do after the last exit; the next start waits for it.
    var cleanup: Task<Void, Never>?
    /// Streams of clients that attached before the start.
    var early: [EarlyAttachment] = []
    var starting: CheckedContinuation<StartResult, Never>?
    var startResult: StartResult?
    var waiters: [Int: Waiter] = [:]
    var nextWaiter = 0
    var execs: [String: ExecInstance] = [:]
    /// Oldest first.
    var execOrder: [String] = []
    var linkClosed = false
    var closing: [CheckedContinuation<Void, Never>] = []

    /// Events that the state machine has not seen yet.
    var events: [ContainerLifecycle.Event] = []
    var isApplying = false
    /// The machine asked for a start that has not begun.
    var isLaunchDue = false
    /// A start that no client waits for in its own task.
    var launchTask: Task<Void, Never>?
    /// Why the last start failed, as the error it was.
    var lastStartError: EngineError?
    var timers: [ContainerLifecycle.Timer: Task<Void, Never>] = [:]
    /// Clients that wait for the answer to a command, and answers that nobody has fetched yet.
    var requests: [ContainerLifecycle.Request: CheckedContinuation<Result<Bool, EngineError>, Never>] = [:]
    var answers: [ContainerLifecycle.Request: Result<Bool, EngineError>] = [:]
    var nextRequest = 0

    init(_ record: ContainerRecord, environment: EngineEnvironment) {
        id = record.id
        files = ContainerFiles(dataRoot: environment.configuration.dataRoot, id: record.id)
        self.environment = environment
        var record = record
        record.lifecycle.settings = record.settings
        published = Mutex(record)
        queue = QueueExecutor(label: "gantry.container." + record.shortID)
    }

    /// The record as it is now.
    nonisolated var record: ContainerRecord { published.withLock { $0 } }

    /// Where the monitor keeps its socket and its state files.
    nonisolated var runDirectory: String { environment.configuration.execRoot + "/containers/" + id }

    /// Moves the state machine on.
    func transition(_ event: ContainerLifecycle.Event) -> [ContainerLifecycle.Effect] {
        published.withLock { $0.lifecycle.apply(event) }
    }

    /// Changes the record; ``save()`` writes its row.
    func update(_ change: (inout ContainerRecord) -> Void) { published.withLock { change(&$0) } }

    /// Writes the row of the record, unless the row is to go.
    func save() {
        let record = record
        guard !record.phase.isBeingRemoved else { return }
        do {
            try environment.store.save(record)
        } catch {
            environment.log.error("\(error)")
        }
    }

    func publish(_ action: String, _ extra: [String: String] = [:]) {
        let record = record
        var attributes = record.config.Labels ?? [:]
        attributes["image"] = record.config.Image
        attributes["name"] = record.name
        attributes.merge(extra) { $1 }
        environment.journal.publish(
            EventMessage(
                Type: "container", Action: action, Actor: .init(ID: id, Attributes: attributes),
                timeNano: Clock.nanoseconds()))
    }
}

struct EarlyAttachment: Sendable {
    let stream: SharedDescriptor
    let options: AttachOptions
}

enum StartResult: Sendable {
    case started
    case failed(LaunchFailure)
}

struct Waiter {
    let condition: WaitCondition
    let resume: (ContainerWaitResponse?) -> Void
}

/// What every container needs of the daemon.
struct EngineEnvironment: Sendable {
    let configuration: EngineConfiguration
    let store: ContainerStore
    let index: ContainerIndex
    let journal: Journal
    let images: ImageService
    let snapshots: Snapshots
    let networks: NetworkService
    let spawner: MonitorSpawner
    let reactor: MonitorReactor
    let hierarchy: CgroupHierarchy
    let filters: SeccompCache
    /// What filters the calls of containers that ask for nothing else.
    let seccomp: SecurityOptions.Seccomp
    let kernelLimits: KernelLimits
    let log: Logger
    let notices: Notices
    /// The clean-ups behind the ends of containers. They go on after everybody was answered; the daemon does not end before them.
    let cleanups = WaitGroup()
    /// RFC 3339.
    let startedAt = Clock.text()
}
