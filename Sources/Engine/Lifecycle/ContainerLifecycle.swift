/// The state machine of a container: what it does, what its users want it to do, and what follows from each event.
///
/// A value without I/O and without a clock. ``apply(_:)`` is the one place where the phase changes; it answers with the effects that
/// ``Container`` carries out in their order. What an effect leads to comes back as another event.
package struct ContainerLifecycle: Sendable, Equatable {
    package var phase = Phase.created
    package var desired = Desired.running
    package var settings = Settings()
    /// How often the restart policy has started it since a client did.
    package var restarts = 0
    /// The last pause before a restart, in milliseconds; 0 before the first.
    var lastPause: Int64 = 0
    package var isDaemonStopping = false

    package init() {}

    /// What the users want, for the restart policy.
    package enum Desired: String, Sendable, Equatable {
        case running
        /// A client sent a signal other than the stop signal: for Docker's `unless-stopped` it is stopped from then on.
        case signalled
        /// A client stopped or killed it.
        case stopped
    }

    /// What the machine knows of the configuration.
    package struct Settings: Sendable, Equatable {
        package var restartRule = RestartRule.never
        /// `--rm`.
        package var removesItself = false
        /// The configured stop signal; nil when there is none.
        package var stopSignal: Int32?

        package init(restartRule: RestartRule = .never, removesItself: Bool = false, stopSignal: Int32? = nil) {
            self.restartRule = restartRule
            self.removesItself = removesItself
            self.stopSignal = stopSignal
        }
    }

    /// A request of a client that waits for its answer.
    package typealias Request = Int

    struct Deferred: Sendable, Equatable {
        var command: Command
        var request: Request
    }

    package enum Command: Sendable, Equatable {
        case start
        /// Without `seconds` the container has all the time it wants.
        case stop(signal: Int32, seconds: Int?)
        case restart(signal: Int32, seconds: Int?)
        case kill(Int32)
        case pause
        case unpause
        case remove(force: Bool)
    }

    /// The end of a run, as the monitor saw it.
    package struct Ending: Sendable, Equatable {
        package var code: Int32
        package var oomKilled = false
        package var at: Int64

        package init(code: Int32, oomKilled: Bool = false, at: Int64) {
            self.code = code
            self.oomKilled = oomKilled
            self.at = at
        }
    }

    package enum Event: Sendable, Equatable {
        case command(Command, Request)
        case started(pid: Int32, at: Int64)
        case startFailed(code: Int32, message: String)
        case exited(Ending)
        /// The monitor was killed; the ending is what it had written down, or the best guess.
        case monitorDied(Ending)
        case signalled(Int32, Request?)
        case signalFailed(Int32, Request?, reason: String)
        case frozen(Request)
        case thawed(Request)
        /// `pause` or `unpause` failed.
        case freezerFailed(Request, reason: String)
        case timerFired(Timer)
        case settingsChanged(Settings)
        /// A new daemon found the monitor of the container alive, with this process.
        case adopted(pid: Int32, at: Int64)
        /// A new daemon found no monitor.
        case foundEnded(Ending)
        /// The daemon has found out about all containers.
        case daemonStarted
        case daemonStops
        case deleted
        case deletionFailed(reason: String)
    }

    package enum Timer: Sendable, Hashable {
        /// Kill what has not stopped.
        case stop(Request)
        /// Answer a kill that the kernel takes long for.
        case kill(Request)
        case restart
    }

    package enum Effect: Sendable, Equatable {
        /// Start the first process; ends in ``Event/started(pid:at:)`` or ``Event/startFailed(code:message:)``.
        case launch
        /// Ends in ``Event/signalled(_:_:)`` or ``Event/signalFailed(_:_:reason:)``.
        case signal(Int32, Request?)
        /// Ends in ``Event/frozen(_:)`` or ``Event/freezerFailed(_:reason:)``.
        case freeze(Request)
        /// Ends in ``Event/thawed(_:)`` or ``Event/freezerFailed(_:reason:)`` when a request asks for it.
        case thaw(Request?)
        case startTimer(Timer, milliseconds: Int64)
        case cancelTimer(Timer)
        /// Write the record to the database before anything else happens.
        case save
        case publish(Notice)
        /// The container has ended: so have its execs.
        case endExecs
        /// Answer those who wait for the end of a run.
        case resumeWaiters(code: Int32, error: String)
        /// Answer those who wait for the removal.
        case resumeRemovalWaiters(code: Int32)
        /// Kill whatever is left in the container's cgroup.
        case killGroup
        /// Give address, cgroup and run directory back once the monitor has let go.
        case releaseParts
        /// Neither list nor find it any more.
        case forget
        /// Delete files and row; ends in ``Event/deleted`` or ``Event/deletionFailed(reason:)``.
        case deleteParts
        case answer(Request, Answer)
        /// For the daemon's log.
        case log(Remark)
    }

    /// An event of the API.
    package enum Notice: Sendable, Equatable {
        case start, stop, restart, pause, unpause, oom, destroy
        case kill(Int32)
        case die(code: Int32, seconds: Int64)
    }

    package enum Remark: Sendable, Equatable {
        case killedAfterTime
        case signalFailed(Int32, reason: String)
        case restartFailed(reason: String)
        case deletionFailed(reason: String)
    }

    package enum Answer: Sendable, Equatable {
        case done
        /// It was so already.
        case unchanged
        case refused(Refusal)
    }

    package enum Refusal: Sendable, Equatable {
        case notRunning
        case noProcessToKill
        case paused
        case alreadyPaused
        case notPaused
        case restarting
        /// It cannot be removed as long as it is `running`, `paused` or `restarting`.
        case stillAlive(String)
        case removalInProgress
        case markedForRemoval
        case gone
        case startFailed(code: Int32, message: String)
        case failed(String)
    }
}

extension ContainerLifecycle {
    /// What is the case after `event`, and what is to be done.
    func after(_ event: Event) -> (ContainerLifecycle, [Effect]) {
        var next = self
        let effects = next.apply(event)
        return (next, effects)
    }

    /// The transition function.
    package mutating func apply(_ event: Event) -> [Effect] {
        switch event {
        case .command(let command, let request): return handle(command, request)
        case .started(let pid, let at): return started(pid, at)
        case .startFailed(let code, let message): return startFailed(code, message)
        case .exited(let ending): return ended(ending)
        case .monitorDied(let ending): return phase.process == nil ? [] : [.killGroup] + ended(ending)
        case .signalled(let signal, let request): return signalled(signal, request)
        case .signalFailed(let signal, let request, let reason): return signalFailed(signal, request, reason)
        case .frozen(let request): return froze(request)
        case .thawed(let request): return thawed(request)
        case .freezerFailed(let request, let reason): return [.answer(request, .refused(.failed(reason)))]
        case .timerFired(let timer): return fired(timer)
        case .settingsChanged(let new):
            settings = new
            return []
        case .adopted(let pid, let at): return adopted(pid, at)
        case .foundEnded(let ending): return foundEnded(ending)
        case .daemonStarted: return daemonStarted()
        case .daemonStops: return daemonStops()
        case .deleted: return deleted()
        case .deletionFailed(let reason): return deletionFailed(reason)
        }
    }

    private mutating func fired(_ timer: Timer) -> [Effect] {
        switch (timer, phase) {
        case (.restart, .restarting(let backoff)):
            phase = .starting(.init(cause: .restartPolicy, last: backoff.exit))
            return [.launch]
        case (.stop(let request), .stopping(let process, var stop))
        where stop.stops.contains(request) || stop.restarts.contains(request):
            let wasPaused = stop.isPaused
            stop.isPaused = false
            stop.isKilled = true
            phase = .stopping(process, stop)
            return [.log(.killedAfterTime), .signal(9, nil)] + Self.thaw(wasPaused)
        case (.kill(let request), .stopping(let process, var stop)) where stop.kills.contains(request):
            stop.kills.removeAll { $0 == request }
            phase = .stopping(process, stop)
            return [.answer(request, .done)]
        default: return []
        }
    }

    /// A frozen process takes no signal before it goes on.
    static func thaw(_ isPaused: Bool) -> [Effect] { isPaused ? [.thaw(nil), .save, .publish(.unpause)] : [] }

    /// What the users want matters to a later daemon only where a restart policy asks for it.
    var saveDesired: [Effect] { settings.restartRule == .never ? [] : [.save] }
}
