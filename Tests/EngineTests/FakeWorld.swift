import Engine
import Glibc

/// A container's surroundings without a kernel: a clock that stands still between steps, a monitor with one process, a network that
/// counts addresses, and a database of one row. It carries out the effects of ``ContainerLifecycle`` and writes them down.
struct FakeWorld {
    var lifecycle = ContainerLifecycle()
    /// Effects in their order, in few words.
    private(set) var trace: [String] = []

    // The clock.
    private(set) var now: Int64 = 1_000_000_000_000
    private var timers: [ContainerLifecycle.Timer: Int64] = [:]

    // The monitor.
    private(set) var hasProcess = false
    private(set) var isFrozen = false
    private(set) var isLaunching = false
    private var launches = 0
    /// How the process will end, once it goes on.
    private var pendingExit: Int32?
    var ignoresStopSignal = false
    var failsToLaunch = false
    var failsToFreeze = false
    var losesSignals = false

    // The network.
    private(set) var hasAddress = false

    // The database.
    private(set) var row: ContainerLifecycle?
    private(set) var isForgotten = false
    private(set) var isDeleting = false
    var failsToDelete = false

    private(set) var answers: [ContainerLifecycle.Request: [ContainerLifecycle.Answer]] = [:]
    private(set) var asked: Set<ContainerLifecycle.Request> = []

    init(_ rule: RestartRule = .never, removesItself: Bool = false, stopSignal: Int32? = nil) {
        lifecycle.settings = .init(restartRule: rule, removesItself: removesItself, stopSignal: stopSignal)
        row = lifecycle
    }

    var timerCount: Int { timers.count }

    // MARK: Driving

    mutating func send(_ event: ContainerLifecycle.Event) {
        if case .command(_, let request) = event { asked.insert(request) }
        var events = [event]
        while !events.isEmpty {
            for effect in lifecycle.apply(events.removeFirst()) {
                trace.append(effect.words)
                perform(effect, &events)
            }
        }
    }

    /// One step of a sequence: see ``SequenceTests``.
    mutating func step(_ text: String) {
        let words = text.split(separator: " ").map(String.init)
        let parts = words[0].split(separator: "#").map(String.init)
        let request = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        func number(_ index: Int) -> Int? { words.count > index ? Int(words[index]) : nil }
        switch parts[0] {
        case "start": send(.command(.start, request))
        case "stop": send(.command(.stop(signal: 15, seconds: number(1)), request))
        case "restart": send(.command(.restart(signal: 15, seconds: number(1)), request))
        case "kill": send(.command(.kill(Int32(number(1) ?? 9)), request))
        case "pause": send(.command(.pause, request))
        case "unpause": send(.command(.unpause, request))
        case "rm": send(.command(.remove(force: false), request))
        case "rmf": send(.command(.remove(force: true), request))
        case "started": finishLaunch()
        case "failed": failLaunch(Int32(number(1) ?? 127))
        case "exit": exit(Int32(number(1) ?? 0))
        case "oom": exit(137, oomKilled: true)
        case "lost": lose()
        case "exited":
            // The monitor's word about the start is lost.
            isLaunching = false
            hasProcess = true
            exit(0)
        case "deleted": finishDeletion()
        case "rule":
            var settings = lifecycle.settings
            settings.restartRule = words[1] == "always" ? .always : .never
            send(.settingsChanged(settings))
        case "shutdown": send(.daemonStops)
        case "die": restartDaemon(boots: false)
        case "boot": restartDaemon(boots: true)
        case let text where text.hasPrefix("+"): advance(milliseconds: Int64(text.dropFirst()) ?? 0)
        default: fatalError("step \(text)")
        }
    }

    mutating func clearTrace() { trace = [] }

    /// Time passes; what is due happens.
    mutating func advance(milliseconds: Int64) {
        let end = now + milliseconds * 1_000_000
        while let next = timers.filter({ $0.value <= end }).min(by: { $0.value < $1.value }) {
            now = next.value
            timers[next.key] = nil
            send(.timerFired(next.key))
        }
        now = end
    }

    /// What is under way comes to its end: launches succeed, signals arrive, deletions are done. False when nothing was.
    @discardableResult
    mutating func respond() -> Bool {
        if isLaunching {
            if failsToLaunch { failLaunch(127) } else { finishLaunch() }
            return true
        }
        if hasProcess, !isFrozen, let code = pendingExit {
            exit(code)
            return true
        }
        if isDeleting {
            finishDeletion()
            return true
        }
        return false
    }

    mutating func settle() {
        for _ in 0..<100 {
            if respond() { continue }
            // A container between two runs stays there; everything else that has a time is waited for.
            let waiting = timers.filter { $0.key != .restart }
            guard let next = waiting.values.min() else { return }
            advance(milliseconds: (next - now) / 1_000_000)
        }
    }

    // MARK: The monitor

    mutating func finishLaunch() {
        guard isLaunching else { return }
        isLaunching = false
        hasProcess = true
        hasAddress = true
        isFrozen = false
        pendingExit = nil
        launches += 1
        send(.started(pid: Int32(100 + launches), at: now))
    }

    mutating func failLaunch(_ code: Int32) {
        guard isLaunching else { return }
        isLaunching = false
        send(.startFailed(code: code, message: "no such file"))
    }

    mutating func exit(_ code: Int32, oomKilled: Bool = false) {
        guard hasProcess else { return }
        hasProcess = false
        pendingExit = nil
        send(.exited(.init(code: code, oomKilled: oomKilled, at: now)))
    }

    /// The monitor is killed, and its container with it.
    mutating func lose() {
        guard hasProcess else { return }
        hasProcess = false
        pendingExit = nil
        send(.monitorDied(.init(code: 137, at: now)))
    }

    // MARK: The daemon

    /// `kill -9` on the daemon, and another one: it has the row only. `boots` ends the process as well, as a reboot does.
    mutating func restartDaemon(boots: Bool) {
        guard let row else { return }
        let settings = lifecycle.settings
        lifecycle = LifecycleRecord(row).lifecycle
        lifecycle.settings = settings
        timers = [:]
        isLaunching = false
        isDeleting = false
        if boots { hasProcess = false }
        if hasProcess {
            send(.adopted(pid: Int32(100 + launches), at: now))
        } else {
            hasAddress = false
            send(.foundEnded(.init(code: 137, at: now)))
        }
        send(.daemonStarted)
    }

    private mutating func finishDeletion() {
        guard isDeleting else { return }
        isDeleting = false
        if failsToDelete {
            send(.deletionFailed(reason: "disk full"))
        } else {
            row = nil
            send(.deleted)
        }
    }

    private mutating func perform(_ effect: ContainerLifecycle.Effect, _ events: inout [ContainerLifecycle.Event]) {
        switch effect {
        case .launch: isLaunching = true
        case .signal(let signal, let request):
            guard hasProcess, !losesSignals else {
                events.append(.signalFailed(signal, request, reason: "broken pipe"))
                return
            }
            if signal == SIGKILL || signal == SIGTERM && !ignoresStopSignal { pendingExit = 128 + signal }
            events.append(.signalled(signal, request))
        case .freeze(let request):
            guard hasProcess, !failsToFreeze else {
                events.append(.freezerFailed(request, reason: "busy"))
                return
            }
            isFrozen = true
            events.append(.frozen(request))
        case .thaw(let request):
            isFrozen = false
            if let request { events.append(.thawed(request)) }
        case .startTimer(let timer, let milliseconds):
            timers[timer] = now.addingReportingOverflow(milliseconds * 1_000_000).partialValue
        case .cancelTimer(let timer): timers[timer] = nil
        case .save: if row != nil { row = lifecycle }
        case .killGroup: hasProcess = false
        case .releaseParts: hasAddress = false
        case .forget: isForgotten = true
        case .deleteParts: isDeleting = true
        case .answer(let request, let answer): answers[request, default: []].append(answer)
        case .publish, .endExecs, .resumeWaiters, .resumeRemovalWaiters, .log: break
        }
    }
}

extension ContainerLifecycle.Effect {
    var words: String {
        switch self {
        case .launch: "launch"
        case .signal(let signal, _): "signal \(signal)"
        case .freeze: "freeze"
        case .thaw: "thaw"
        case .startTimer(let timer, let milliseconds): "timer \(timer.words) \(milliseconds)"
        case .cancelTimer(let timer): "cancel \(timer.words)"
        case .save: "save"
        case .publish(.kill(let signal)): "kill \(signal)"
        case .publish(.die(let code, let seconds)): "die \(code) \(seconds)s"
        case .publish(let notice): "\(notice)"
        case .endExecs: "execs"
        case .resumeWaiters(let code, let error): error.isEmpty ? "waiters \(code)" : "waiters \(code) error"
        case .resumeRemovalWaiters(let code): "removed \(code)"
        case .killGroup: "group"
        case .releaseParts: "release"
        case .forget: "forget"
        case .deleteParts: "delete"
        case .answer(let request, .refused(let refusal)): "#\(request) \(refusal)".filter { $0 != "\"" }
        case .answer(let request, let answer): "#\(request) \(answer)"
        case .log(let remark): "log \("\(remark)".prefix { $0 != "(" })"
        }
    }
}

extension ContainerLifecycle.Timer {
    var words: String {
        switch self {
        case .stop(let request): "stop\(request)"
        case .kill(let request): "kill\(request)"
        case .restart: "restart"
        }
    }
}

extension Phase {
    var words: String {
        switch self {
        case .created: "created"
        case .starting: "starting"
        case .running: "running"
        case .paused: "paused"
        case .stopping(_, let stop): stop.isPaused ? "stopping paused" : "stopping"
        case .restarting(let backoff): "restarting \(backoff.milliseconds)"
        case .exited(let exit): exit.error.isEmpty ? "exited \(exit.code)" : "exited \(exit.code) error"
        case .dead: "dead"
        case .removing(let removal): removal.isDone ? "gone" : "removing"
        }
    }
}
