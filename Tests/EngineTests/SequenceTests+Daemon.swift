import Engine

/// What happens without a client: restart policies, removals, accidents, and another daemon.
extension SequenceTests {
    static let policies: [Row] = [
        Row(
            "policy restarts after a pause", "always", "start#1; started; exit 0",
            "save, execs, waiters 0, die 0 0s, release, timer restart 100", "restarting 100"),
        Row(
            "policy starts it", "always", "start#1; started; exit 0; +100",
            "launch", "starting"),
        Row(
            "pause doubles", "always", "start#1; started; exit 0; +100; started; exit 0; +200; started; exit 0",
            "save, execs, waiters 0, die 0 0s, release, timer restart 400", "restarting 400"),
        Row(
            "pause is a minute at most", "always",
            "start#1; started; exit 0; +100; started; exit 0; +200; started; exit 0; +400; started; exit 0; +800; started; exit 0; +1600; started; exit 0; +3200; started; exit 0; +6400; started; exit 0; +12800; started; exit 0; +25600; started; exit 0; +51200; started; exit 0; +60000; started; exit 0",
            "save, execs, waiters 0, die 0 0s, release, timer restart 60000", "restarting 60000"),
        Row(
            "ten seconds of running begin the pauses anew", "always",
            "start#1; started; exit 0; +100; started; exit 0; +200; started; +10000; exit 0",
            "save, execs, waiters 0, die 0 10s, release, timer restart 100", "restarting 100"),
        Row(
            "less than ten seconds do not", "always",
            "start#1; started; exit 0; +100; started; exit 0; +200; started; +9999; exit 0",
            "save, execs, waiters 0, die 0 9s, release, timer restart 400", "restarting 400"),
        Row(
            "on-failure leaves a success", "failure", "start#1; started; exit 0",
            "save, execs, waiters 0, die 0 0s, release", "exited 0"),
        Row(
            "on-failure restarts a failure", "failure", "start#1; started; exit 1",
            "save, execs, waiters 1, die 1 0s, release, timer restart 100", "restarting 100"),
        Row(
            "on-failure counts", "failure", "start#1; started; exit 1; +100; started; exit 1; +200; started; exit 1",
            "save, execs, waiters 1, die 1 0s, release", "exited 1"),
        Row(
            "a client's start counts anew", "failure",
            "start#1; started; exit 1; +100; started; exit 1; +200; started; exit 1; start#2; started; exit 1",
            "save, execs, waiters 1, die 1 0s, release, timer restart 100", "restarting 100"),
        Row(
            "unless-stopped restarts", "unless", "start#1; started; exit 0",
            "save, execs, waiters 0, die 0 0s, release, timer restart 100", "restarting 100"),
        Row(
            "a stop prevents the restart", "always", "start#1; started; stop#2 10; exit 143",
            "save, cancel stop2, execs, waiters 143, die 143 0s, stop, #2 done, release", "exited 143"),
        Row(
            "a kill prevents the restart", "always", "start#1; started; kill#2 9; exit 137",
            "save, cancel kill2, execs, waiters 137, die 137 0s, #2 done, release", "exited 137"),
        Row(
            "a signal prevents the restart where no stop signal is configured", "always",
            "start#1; started; kill#2 1; exit 0",
            "save, execs, waiters 0, die 0 0s, release", "exited 0"),
        Row(
            "a signal does not where one is", "always signal", "start#1; started; kill#2 1; exit 0",
            "save, execs, waiters 0, die 0 0s, release, timer restart 100", "restarting 100"),
        Row(
            "a signal counts as a stop for unless-stopped", "unless signal", "start#1; started; kill#2 1; exit 0",
            "save, execs, waiters 0, die 0 0s, release", "exited 0"),
        Row(
            "stop during the pause", "always", "start#1; started; exit 0; stop#2 10",
            "cancel restart, waiters 0, save, stop, #2 done", "exited 0"),
        Row(
            "nothing starts after a stop during the pause", "always", "start#1; started; exit 0; stop#2 10; +100",
            "", "exited 0"),
        Row(
            "kill during the pause", "always", "start#1; started; exit 0; kill#2 9",
            "cancel restart, waiters 0, save, #2 done", "exited 0"),
        Row(
            "start during the pause changes nothing", "always", "start#1; started; exit 0; start#2",
            "#2 unchanged", "restarting 100"),
        Row(
            "restart during the pause starts at once", "always", "start#1; started; exit 5; restart#2 10",
            "cancel restart, waiters 5, stop, launch", "starting"),
        Row(
            "pause during the pause is refused", "always", "start#1; started; exit 0; pause#2",
            "#2 restarting", "restarting 100"),
        Row(
            "removal during the pause needs force", "always", "start#1; started; exit 0; rm#2",
            "#2 stillAlive(restarting)", "restarting 100"),
        Row(
            "removal by force during the pause", "always", "start#1; started; exit 0; rmf#2",
            "cancel restart, waiters 0, release, delete", "removing"),
        Row(
            "a restart that fails is the last", "always", "start#1; started; exit 0; +100; failed 127",
            "log restartFailed, save, waiters 127 error", "exited 127 error"),
        Row(
            "update of the policy during a run", "always", "start#1; started; rule never; exit 0",
            "save, execs, waiters 0, die 0 0s, release", "exited 0"),
        Row(
            "update of the policy during the pause still starts", "always",
            "start#1; started; exit 0; rule never; +100",
            "launch", "starting"),
        Row(
            "update to always restarts what runs", "", "start#1; started; rule always; exit 0",
            "save, execs, waiters 0, die 0 0s, release, timer restart 100", "restarting 100"),
    ]

    static let removals: [Row] = [
        Row(
            "removes", "", "rm#1",
            "release, delete", "removing"),
        Row(
            "is gone when its parts are", "", "rm#1; deleted",
            "forget, destroy, removed 0, #1 done", "gone"),
        Row(
            "removal of what runs is refused", "", "start#1; started; rm#2",
            "#2 stillAlive(running)", "running"),
        Row(
            "removal of what is paused is refused", "", "start#1; started; pause#2; rm#3",
            "#3 stillAlive(paused)", "paused"),
        Row(
            "removal by force kills", "", "start#1; started; rmf#2",
            "signal 9, kill 9", "stopping"),
        Row(
            "removal by force deletes after the end", "", "start#1; started; rmf#2; exit 137",
            "execs, waiters 137, die 137 0s, release, delete", "removing"),
        Row(
            "removal is answered at the end", "", "start#1; started; rmf#2; exit 137; deleted",
            "forget, destroy, removed 137, #2 done", "gone"),
        Row(
            "removal during the start waits for it", "", "start#1; rm#2; started",
            "save, start, #1 done, #2 stillAlive(running)", "running"),
        Row(
            "removal by force during the start waits for it", "", "start#1; rmf#2; started",
            "save, start, #1 done, signal 9, kill 9", "stopping"),
        Row(
            "removal during a start that fails", "", "start#1; rm#2; failed 127",
            "save, waiters 127 error, #1 startFailed(code: 127, message: no such file), release, delete", "removing"),
        Row(
            "second removal is refused", "", "rm#1; rm#2",
            "#2 removalInProgress", "removing"),
        Row(
            "second removal by force is refused", "", "start#1; started; rmf#2; rmf#3",
            "#3 removalInProgress", "stopping"),
        Row(
            "start during a removal is refused", "", "rm#1; start#2",
            "#2 markedForRemoval", "removing"),
        Row(
            "stop during a removal changes nothing", "", "rm#1; stop#2 10",
            "#2 unchanged", "removing"),
        Row(
            "nothing is found after a removal", "", "rm#1; deleted; start#2",
            "#2 gone", "gone"),
        Row(
            "removal by force and stop end together", "", "start#1; started; stop#2 10; rmf#3; exit 137",
            "cancel stop2, execs, waiters 137, die 137 0s, stop, #2 done, release, delete", "removing"),
        Row(
            "removes itself", "rm", "start#1; started; exit 0",
            "execs, waiters 0, die 0 0s, forget, destroy, removed 0, release, delete", "removing"),
        Row(
            "removes itself after a start that failed", "rm", "start#1; failed 127",
            "waiters 127 error, forget, destroy, removed 127, #1 startFailed(code: 127, message: no such file), delete",
            "removing"),
        Row(
            "removes itself after a stop", "rm", "start#1; started; stop#2 10; exit 143",
            "cancel stop2, execs, waiters 143, die 143 0s, stop, #2 done, forget, destroy, removed 143, release, delete",
            "removing"),
        Row(
            "removal of what removes itself finds nothing", "rm", "start#1; started; exit 0; rm#2",
            "#2 gone", "removing"),
        Row(
            "a deletion that fails leaves it dead", "broken", "rm#1; deleted",
            "log deletionFailed, #1 failed(disk full)", "dead"),
        Row(
            "what is dead does not start", "broken", "rm#1; deleted; start#2",
            "#2 markedForRemoval", "dead"),
        Row(
            "what is dead is removed again", "broken", "rm#1; deleted; rm#2",
            "release, delete", "removing"),
    ]

    static let accidents: [Row] = [
        Row(
            "memory runs out", "", "start#1; started; oom",
            "save, execs, waiters 137, oom, die 137 0s, release", "exited 137"),
        Row(
            "the monitor dies", "", "start#1; started; lost",
            "group, save, execs, waiters 137, die 137 0s, release", "exited 137"),
        Row(
            "the monitor dies and the policy restarts", "always", "start#1; started; lost",
            "group, save, execs, waiters 137, die 137 0s, release, timer restart 100", "restarting 100"),
        Row(
            "the monitor dies during a stop", "", "start#1; started; stop#2 10; lost",
            "group, save, cancel stop2, execs, waiters 137, die 137 0s, stop, #2 done, release", "exited 137"),
        Row(
            "an exit without a report of the start", "", "start#1; exited",
            "save, start, #1 done, save, execs, waiters 0, die 0 0s, release", "exited 0"),
    ]

    static let daemons: [Row] = [
        Row(
            "a new daemon goes on with what runs", "", "start#1; started; die",
            "", "running"),
        Row(
            "a new daemon goes on with what is paused", "", "start#1; started; pause#2; die",
            "", "paused"),
        Row(
            "a new daemon goes on with what a killed one stopped", "", "start#1; started; stop#2 10; die",
            "", "running"),
        Row(
            "a new daemon leaves what ended", "", "start#1; started; boot",
            "group, save, execs, waiters 137, die 137 0s, release", "exited 137"),
        Row(
            "a new daemon starts what always runs", "always", "start#1; started; boot",
            "group, save, execs, waiters 137, die 137 0s, release, launch", "starting"),
        Row(
            "a new daemon starts what always runs though it was stopped", "always",
            "start#1; started; stop#2 10; exit 143; boot",
            "launch", "starting"),
        Row(
            "a new daemon leaves what was stopped", "unless", "start#1; started; stop#2 10; exit 143; boot",
            "", "exited 143"),
        Row(
            "a new daemon starts unless-stopped", "unless", "start#1; started; boot",
            "group, save, execs, waiters 137, die 137 0s, release, launch", "starting"),
        Row(
            "a killed daemon forgets no stop", "unless", "start#1; started; stop#2 10; boot",
            "group, save, execs, waiters 137, die 137 0s, release", "exited 137"),
        Row(
            "a new daemon starts what failed", "failure", "start#1; started; exit 1; boot",
            "launch", "starting"),
        Row(
            "a new daemon leaves a success", "failure", "start#1; started; exit 0; boot",
            "", "exited 0"),
        Row(
            "a new daemon does not start what never ran", "always", "boot",
            "", "created"),
        Row(
            "a new daemon removes what removes itself", "rm", "start#1; started; boot",
            "group, save, execs, waiters 137, die 137 0s, release, forget, destroy, removed 137, release, delete",
            "removing"),
        Row(
            "a daemon killed within a restart still removes it", "rm", "start#1; started; restart#2 10; exit 143; boot",
            "forget, destroy, removed 143, release, delete", "removing"),
        Row(
            "a new daemon starts what was between two runs", "always", "start#1; started; exit 1; boot",
            "launch", "starting"),
        Row(
            "a new daemon finds a start that was never recorded", "", "start#1; boot",
            "", "created"),
        Row(
            "a stopping daemon starts nothing", "always", "start#1; started; exit 0; shutdown",
            "cancel restart", "restarting 100"),
        Row(
            "an exit while the daemon stops waits for the next", "always", "start#1; started; shutdown; exit 0",
            "save, execs, waiters 0, die 0 0s, release", "restarting 100"),
    ]
}
