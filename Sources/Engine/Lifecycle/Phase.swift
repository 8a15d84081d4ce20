/// What a container does at the moment. Each case carries what is true then; times are nanoseconds since 1970.
///
/// Docker's `State` is computed from it where a client asks, see `ContainerState.init(_:)`.
enum Phase: Sendable, Equatable {
    /// Never started, and no start was tried.
    case created
    /// A start is under way. No process runs yet.
    case starting(Start)
    case running(Init)
    /// Frozen by `pause`.
    case paused(Init)
    /// Still running, and somebody waits for its end.
    case stopping(Init, Stop)
    /// Ended, and started again when the pause is over.
    case restarting(Backoff)
    /// Ended, or its first start failed.
    case exited(Exit)
    /// Its removal failed for this reason. It can be removed again, and nothing else.
    case dead(reason: String, Exit?)
    /// Being deleted, or gone.
    case removing(Removal)

    /// The first process of a container.
    struct Init: Sendable, Equatable {
        /// In the host's numbers.
        var pid: Int32
        var startedAt: Int64
        /// When the run before this one ended.
        var lastFinishedAt: Int64?
    }

    /// How the last run ended, or why the last start failed.
    struct Exit: Sendable, Equatable {
        /// nil: no start ever succeeded.
        var startedAt: Int64?
        var finishedAt: Int64?
        var code: Int32
        var oomKilled = false
        /// Why it could not be started; empty after a run.
        var error = ""
    }

    struct Start: Sendable, Equatable {
        enum Cause: Sendable, Equatable { case client, restartPolicy, daemonStart }

        var cause: Cause
        var last: Exit?
        /// The `start` and `restart` requests that wait for it.
        var starts: [ContainerLifecycle.Request] = []
        var restarts: [ContainerLifecycle.Request] = []
        /// What came meanwhile; done when the start has succeeded or failed.
        var deferred: [ContainerLifecycle.Deferred] = []
    }

    /// Who waits for the end of a running container.
    struct Stop: Sendable, Equatable {
        var stops: [ContainerLifecycle.Request] = []
        var kills: [ContainerLifecycle.Request] = []
        /// Start it again when it has ended.
        var restarts: [ContainerLifecycle.Request] = []
        /// Remove it when it has ended.
        var removals: [ContainerLifecycle.Request] = []
        /// Frozen, by a `pause` after the stop.
        var isPaused = false
        /// SIGKILL was sent: it must not be frozen any more, which would keep it from ending.
        var isKilled = false

        var isEmpty: Bool { stops.isEmpty && kills.isEmpty && restarts.isEmpty && removals.isEmpty }
    }

    struct Backoff: Sendable, Equatable {
        /// How the last run ended.
        var exit: Exit
        var milliseconds: Int64
    }

    struct Removal: Sendable, Equatable {
        var exit: Exit?
        var requests: [ContainerLifecycle.Request] = []
        /// No longer listed or found by its name (`--rm` answers before its files are gone).
        var isForgotten = false
        /// Its row and files are gone.
        var isDone = false
    }
}

extension Phase {
    /// The process, while there is one.
    var process: Init? {
        switch self {
        case .running(let process), .paused(let process), .stopping(let process, _): process
        case .created, .starting, .restarting, .exited, .dead, .removing: nil
        }
    }

    var isPaused: Bool {
        switch self {
        case .paused: true
        case .stopping(_, let stop): stop.isPaused
        default: false
        }
    }

    /// Between two runs, by its restart policy.
    var isRestarting: Bool {
        switch self {
        case .restarting: true
        case .starting(let start): start.cause == .restartPolicy
        default: false
        }
    }

    /// What Docker calls `Running`, which it is between two runs as well.
    var isRunning: Bool { process != nil || isRestarting }

    /// How the last run ended; nil while it runs and before the first run.
    var exit: Exit? {
        switch self {
        case .created, .running, .paused, .stopping: nil
        case .starting(let start): start.last
        case .restarting(let backoff): backoff.exit
        case .exited(let exit): exit
        case .dead(_, let exit): exit
        case .removing(let removal): removal.exit
        }
    }

    /// Nothing of it may be written to the database any more.
    var isBeingRemoved: Bool { if case .removing = self { true } else { false } }

    /// Neither found nor listed any more.
    var isForgotten: Bool {
        if case .removing(let removal) = self { removal.isForgotten || removal.isDone } else { false }
    }
}
