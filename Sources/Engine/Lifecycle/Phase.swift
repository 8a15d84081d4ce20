/// What a container does at the moment. Each case carries what is true then; times are nanoseconds since 1970.
///
/// Docker's `State` is computed from it where a client asks, see `ContainerState.init(_:)`.
package enum Phase: Sendable, Equatable {
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
    package struct Init: Sendable, Equatable {
        /// In the host's numbers.
        package var pid: Int32
        package var startedAt: Int64
        /// When the run before this one ended.
        package var lastFinishedAt: Int64?

        package init(pid: Int32, startedAt: Int64, lastFinishedAt: Int64? = nil) {
            self.pid = pid
            self.startedAt = startedAt
            self.lastFinishedAt = lastFinishedAt
        }
    }

    /// How the last run ended, or why the last start failed.
    package struct Exit: Sendable, Equatable {
        /// nil: no start ever succeeded.
        package var startedAt: Int64?
        package var finishedAt: Int64?
        package var code: Int32
        package var oomKilled = false
        /// Why it could not be started; empty after a run.
        package var error = ""

        package init(
            startedAt: Int64? = nil, finishedAt: Int64? = nil, code: Int32, oomKilled: Bool = false, error: String = ""
        ) {
            self.startedAt = startedAt
            self.finishedAt = finishedAt
            self.code = code
            self.oomKilled = oomKilled
            self.error = error
        }
    }

    package struct Start: Sendable, Equatable {
        package enum Cause: Sendable, Equatable { case client, restartPolicy, daemonStart }

        package var cause: Cause
        package var last: Exit?
        /// The `start` and `restart` requests that wait for it.
        package var starts: [ContainerLifecycle.Request] = []
        package var restarts: [ContainerLifecycle.Request] = []
        /// What came meanwhile; done when the start has succeeded or failed.
        var deferred: [ContainerLifecycle.Deferred] = []

        package init(
            cause: Cause, last: Exit? = nil, starts: [ContainerLifecycle.Request] = [],
            restarts: [ContainerLifecycle.Request] = []
        ) {
            self.cause = cause
            self.last = last
            self.starts = starts
            self.restarts = restarts
        }
    }

    /// Who waits for the end of a running container.
    package struct Stop: Sendable, Equatable {
        package var stops: [ContainerLifecycle.Request] = []
        package var kills: [ContainerLifecycle.Request] = []
        /// Start it again when it has ended.
        package var restarts: [ContainerLifecycle.Request] = []
        /// Remove it when it has ended.
        package var removals: [ContainerLifecycle.Request] = []
        /// Frozen, by a `pause` after the stop.
        package var isPaused = false
        /// SIGKILL was sent: it must not be frozen any more, which would keep it from ending.
        package var isKilled = false

        package init(
            stops: [ContainerLifecycle.Request] = [], kills: [ContainerLifecycle.Request] = [],
            restarts: [ContainerLifecycle.Request] = [], removals: [ContainerLifecycle.Request] = [],
            isPaused: Bool = false, isKilled: Bool = false
        ) {
            self.stops = stops
            self.kills = kills
            self.restarts = restarts
            self.removals = removals
            self.isPaused = isPaused
            self.isKilled = isKilled
        }

        package var isEmpty: Bool { stops.isEmpty && kills.isEmpty && restarts.isEmpty && removals.isEmpty }
    }

    package struct Backoff: Sendable, Equatable {
        /// How the last run ended.
        package var exit: Exit
        package var milliseconds: Int64

        package init(exit: Exit, milliseconds: Int64) {
            self.exit = exit
            self.milliseconds = milliseconds
        }
    }

    package struct Removal: Sendable, Equatable {
        package var exit: Exit?
        package var requests: [ContainerLifecycle.Request] = []
        /// No longer listed or found by its name (`--rm` answers before its files are gone).
        package var isForgotten = false
        /// Its row and files are gone.
        package var isDone = false

        package init(
            exit: Exit? = nil, requests: [ContainerLifecycle.Request] = [], isForgotten: Bool = false,
            isDone: Bool = false
        ) {
            self.exit = exit
            self.requests = requests
            self.isForgotten = isForgotten
            self.isDone = isDone
        }
    }
}

extension Phase {
    /// The process, while there is one.
    package var process: Init? {
        switch self {
        case .running(let process), .paused(let process), .stopping(let process, _): process
        case .created, .starting, .restarting, .exited, .dead, .removing: nil
        }
    }

    package var isPaused: Bool {
        switch self {
        case .paused: true
        case .stopping(_, let stop): stop.isPaused
        default: false
        }
    }

    /// Between two runs, by its restart policy.
    package var isRestarting: Bool {
        switch self {
        case .restarting: true
        case .starting(let start): start.cause == .restartPolicy
        default: false
        }
    }

    /// What Docker calls `Running`, which it is between two runs as well.
    package var isRunning: Bool { process != nil || isRestarting }

    /// How the last run ended; nil while it runs and before the first run.
    package var exit: Exit? {
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
    package var isBeingRemoved: Bool { if case .removing = self { true } else { false } }

    /// Neither found nor listed any more.
    package var isForgotten: Bool {
        if case .removing(let removal) = self { removal.isForgotten || removal.isDone } else { false }
    }
}
