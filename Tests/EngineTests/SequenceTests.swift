import Engine
import Testing

/// What follows from what, one sequence a row: what it is about, the container, the steps, and of the last step the effects and
/// the phase. See ``FakeWorld/step(_:)`` and ``ContainerLifecycle/Effect/words``.
@Suite struct SequenceTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let container: String
        let steps: String
        let effects: String
        let phase: String

        init(_ name: String, _ container: String, _ steps: String, _ effects: String, _ phase: String) {
            (self.name, self.container, self.steps, self.effects, self.phase) = (name, container, steps, effects, phase)
        }

        var testDescription: String { name }
    }

    @Test(arguments: starts + stops + pauses + restarts + policies + removals + accidents + daemons)
    func leadsTo(_ row: Row) {
        var world = FakeWorld(named: row.container)
        let steps = row.steps.split(separator: ";").map { String($0.drop { $0 == " " }) }
        for step in steps.dropLast() { world.step(step) }
        world.clearTrace()
        world.step(steps[steps.count - 1])
        #expect(world.trace.joined(separator: ", ") == row.effects)
        #expect(world.lifecycle.phase.words == row.phase)
    }

    static let starts: [Row] = [
        Row(
            "starts", "", "start#1; started",
            "save, start, #1 done", "running"),
        Row(
            "fails to start", "", "start#1; failed 127",
            "save, waiters 127 error, #1 startFailed(code: 127, message: no such file)", "exited 127 error"),
        Row(
            "fails to start once more after a run", "", "start#1; started; exit 3; start#2; failed 126",
            "save, waiters 126 error, #2 startFailed(code: 126, message: no such file)", "exited 126 error"),
        Row(
            "starts again after its end", "", "start#1; started; exit 3; start#2; started",
            "save, start, #2 done", "running"),
        Row(
            "start of what runs changes nothing", "", "start#1; started; start#2",
            "#2 unchanged", "running"),
        Row(
            "start of what is paused is refused", "", "start#1; started; pause#2; start#3",
            "#3 paused", "paused"),
        Row(
            "start of what stops changes nothing", "", "start#1; started; stop#2 10; start#3",
            "#3 unchanged", "stopping"),
        Row(
            "second start waits for the first", "", "start#1; start#2; started",
            "save, start, #1 done, #2 unchanged", "running"),
        Row(
            "second start tries again after the first failed", "", "start#1; start#2; failed 127",
            "save, waiters 127 error, #1 startFailed(code: 127, message: no such file), launch", "starting"),
        Row(
            "restart of what never ran starts it", "", "restart#1 10; started",
            "save, start, restart, #1 done", "running"),
    ]

    static let stops: [Row] = [
        Row(
            "stop signals and waits", "", "start#1; started; stop#2 10",
            "signal 15, timer stop2 10000, kill 15", "stopping"),
        Row(
            "stop ends with the process", "", "start#1; started; stop#2 10; exit 143",
            "save, cancel stop2, execs, waiters 143, die 143 0s, stop, #2 done, release", "exited 143"),
        Row(
            "stop without a limit has no timer", "", "start#1; started; stop#2",
            "signal 15, kill 15", "stopping"),
        Row(
            "stop kills after its time", "", "start#1; started; stop#2 10; +10000",
            "log killedAfterTime, signal 9, kill 9", "stopping"),
        Row(
            "stop that killed ends with the process", "", "start#1; started; stop#2 10; +10000; exit 137",
            "save, cancel stop2, execs, waiters 137, die 137 10s, stop, #2 done, release", "exited 137"),
        Row(
            "stop of what does not run changes nothing", "", "start#1; started; exit 0; stop#2 10",
            "#2 unchanged", "exited 0"),
        Row(
            "stop of what is paused thaws it", "", "start#1; started; pause#2; stop#3 10",
            "signal 15, thaw, save, unpause, timer stop3 10000, kill 15", "stopping"),
        Row(
            "shorter of two stops kills", "", "start#1; started; stop#2 10; stop#3 1; +1000",
            "log killedAfterTime, signal 9, kill 9", "stopping"),
        Row(
            "two stops end together", "", "start#1; started; stop#2 10; stop#3 1; exit 143",
            "save, cancel stop2, cancel stop3, execs, waiters 143, die 143 0s, stop, #2 done, stop, #3 done, release",
            "exited 143"),
        Row(
            "stop during the start waits for it", "", "start#1; stop#2 10; started",
            "save, start, #1 done, signal 15, timer stop2 10000, kill 15", "stopping"),
        Row(
            "stop of a start that fails changes nothing", "", "start#1; stop#2 10; failed 127",
            "save, waiters 127 error, #1 startFailed(code: 127, message: no such file), #2 unchanged",
            "exited 127 error"),
        Row(
            "stop without a limit is ended by a kill", "", "start#1; started; stop#2; kill#3 9; exit 137",
            "save, cancel stop2, cancel kill3, execs, waiters 137, die 137 0s, stop, #2 done, #3 done, release",
            "exited 137"),
        Row(
            "kill waits for the end", "", "start#1; started; kill#2 9",
            "signal 9, timer kill2 10000, kill 9", "stopping"),
        Row(
            "kill ends with the process", "", "start#1; started; kill#2 9; exit 137",
            "save, cancel kill2, execs, waiters 137, die 137 0s, #2 done, release", "exited 137"),
        Row(
            "kill that the kernel does not carry out is answered after ten seconds", "",
            "start#1; started; kill#2 9; +10000",
            "#2 done", "stopping"),
        Row(
            "other signals are answered at once", "", "start#1; started; kill#2 1",
            "signal 1, kill 1, #2 done", "running"),
        Row(
            "kill of what does not run is refused", "", "start#1; started; exit 0; kill#2 9",
            "#2 noProcessToKill", "exited 0"),
        Row(
            "kill of what is paused thaws it", "", "start#1; started; pause#2; kill#3 9",
            "signal 9, thaw, save, unpause, timer kill3 10000, kill 9", "stopping"),
        Row(
            "signal to what is paused with a stop signal of its own leaves it frozen", "signal",
            "start#1; started; pause#2; kill#3 1",
            "signal 1, kill 1, #3 done", "paused"),
    ]

    static let pauses: [Row] = [
        Row(
            "pauses", "", "start#1; started; pause#2",
            "freeze, save, pause, #2 done", "paused"),
        Row(
            "unpauses", "", "start#1; started; pause#2; unpause#3",
            "thaw, save, unpause, #3 done", "running"),
        Row(
            "pauses once", "", "start#1; started; pause#2; pause#3",
            "#3 alreadyPaused", "paused"),
        Row(
            "unpause of what runs is refused", "", "start#1; started; unpause#2",
            "#2 notPaused", "running"),
        Row(
            "pause of what does not run is refused", "", "pause#1",
            "#1 notRunning", "created"),
        Row(
            "pause during the start comes after it", "", "start#1; pause#2; started",
            "save, start, #1 done, freeze, save, pause, #2 done", "paused"),
        Row(
            "pause of what stops freezes it", "", "start#1; started; stop#2 10; pause#3",
            "freeze, save, pause, #3 done", "stopping paused"),
        Row(
            "kill after the time of a stop thaws", "", "start#1; started; stop#2 10; pause#3; +10000",
            "log killedAfterTime, signal 9, thaw, save, unpause, kill 9", "stopping"),
        Row(
            "pause after a kill is refused", "", "start#1; started; kill#2 9; pause#3",
            "#3 notRunning", "stopping"),
        Row(
            "kill before the freezer of a pause thaws", "", "start#1; pause#2; kill#3 9; started",
            "save, start, #1 done, freeze, signal 9, timer kill3 10000, thaw, #2 notRunning, kill 9", "stopping"),
    ]

    static let restarts: [Row] = [
        Row(
            "restart stops first", "", "start#1; started; restart#2 10",
            "signal 15, timer stop2 10000, kill 15", "stopping"),
        Row(
            "restart starts after the end", "", "start#1; started; restart#2 10; exit 143",
            "save, cancel stop2, execs, waiters 143, die 143 0s, stop, release, launch", "starting"),
        Row(
            "restart is answered after the start", "", "start#1; started; restart#2 10; exit 143; started",
            "save, start, restart, #2 done", "running"),
        Row(
            "restart keeps what removes itself", "rm", "start#1; started; restart#2 10; exit 143",
            "save, cancel stop2, execs, waiters 143, die 143 0s, stop, release, launch", "starting"),
        Row(
            "run after a restart removes itself", "rm", "start#1; started; restart#2 10; exit 143; started; exit 0",
            "execs, waiters 0, die 0 0s, forget, destroy, removed 0, release, delete", "removing"),
        Row(
            "restart and stop end differently", "", "start#1; started; restart#2 10; stop#3 10; exit 143",
            "save, cancel stop3, cancel stop2, execs, waiters 143, die 143 0s, stop, #3 done, stop, release, launch",
            "starting"),
        Row(
            "restart and removal: the removal wins", "", "start#1; started; restart#2 10; rmf#3; exit 137",
            "cancel stop2, execs, waiters 137, die 137 0s, #2 markedForRemoval, release, delete", "removing"),
        Row(
            "restart that cannot start is refused", "", "start#1; started; restart#2 10; exit 143; failed 127",
            "save, waiters 127 error, #2 startFailed(code: 127, message: no such file)", "exited 127 error"),
        Row(
            "two restarts start once", "", "start#1; started; restart#2 10; restart#3 10; exit 143; started",
            "save, start, restart, #2 done, restart, #3 done", "running"),
    ]
}

extension FakeWorld {
    /// `always`, `unless` (stopped), `failure` (at most twice), `rm`, `signal` (a stop signal of its own), `broken` (its row stays).
    init(named kind: String) {
        let words = kind.split(separator: " ")
        let rule: RestartRule =
            if words.contains("always") { .always } else if words.contains("unless") {
                .unlessStopped
            } else if words.contains("failure") { .onFailure(limit: 2) } else { .never }
        self.init(rule, removesItself: words.contains("rm"), stopSignal: words.contains("signal") ? 15 : nil)
        failsToDelete = words.contains("broken")
    }
}
