import Engine
import Testing

/// Two commands at once, in all orders, from every phase: whatever comes of it, nobody waits for ever and nothing is left behind.
@Suite struct OrderTests {
    static let commands = [
        "start", "stop 10", "restart 10", "kill 9", "kill 15", "kill 1", "pause", "unpause", "rm", "rmf",
        // No commands, and they happen at the same moments.
        "rule always", "exit 3", "lost", "die", "shutdown",
    ]

    static let beginnings: [(name: String, steps: [String])] = [
        ("created", []),
        ("starting", ["start#90"]),
        ("running", ["start#90", "started"]),
        ("paused", ["start#90", "started", "pause#91"]),
        ("stopping", ["start#90", "started", "stop#91 10"]),
        ("restarting", ["start#90", "started", "exit 1"]),
        ("exited", ["start#90", "started", "stop#91 10", "exit 143"]),
        ("removing", ["start#90", "started", "rmf#91"]),
        ("dead", ["rm#91", "deleted"]),
    ]

    struct Kind: Sendable, CustomTestStringConvertible {
        var rule = RestartRule.never
        var removesItself = false
        var stopSignal: Int32?
        var ignoresStopSignal = false
        var failsToLaunch = false
        var testDescription: String {
            "\(rule) rm=\(removesItself) signal=\(stopSignal ?? 0) ignores=\(ignoresStopSignal) fails=\(failsToLaunch)"
        }
    }

    static let kinds = [
        Kind(), Kind(rule: .always), Kind(rule: .unlessStopped, stopSignal: 15), Kind(rule: .onFailure(limit: 2)),
        Kind(removesItself: true), Kind(ignoresStopSignal: true), Kind(failsToLaunch: true),
        Kind(removesItself: true, failsToLaunch: true),
    ]

    @Test(arguments: kinds) func answersEveryRequestOnceAndLeavesNothing(_ kind: Kind) {
        for (name, steps) in Self.beginnings {
            for first in Self.commands {
                for second in Self.commands {
                    // The surroundings answer between the two, or only after both.
                    for responses in 0...2 {
                        var world = FakeWorld(kind.rule, removesItself: kind.removesItself, stopSignal: kind.stopSignal)
                        world.ignoresStopSignal = kind.ignoresStopSignal
                        world.failsToDelete = name == "dead"
                        for step in steps { world.step(step) }
                        world.failsToDelete = false
                        world.failsToLaunch = kind.failsToLaunch
                        world.step(Self.numbered(first, 1))
                        for _ in 0..<responses { world.respond() }
                        world.step(Self.numbered(second, 2))
                        world.settle()
                        check(world, "\(name): \(first), \(responses) responses, \(second)", [first, second])
                    }
                }
            }
        }
    }

    private static func numbered(_ command: String, _ request: Int) -> String {
        let words = command.split(separator: " ", maxSplits: 1).map(String.init)
        return words[0] + "#\(request)" + (words.count > 1 ? " " + words[1] : "")
    }

    private func check(_ world: FakeWorld, _ place: String, _ commands: [String]) {
        let phase = world.lifecycle.phase
        let isDaemonNew = commands.contains("die")
        let isDaemonEnding = commands.contains("shutdown")
        // The clients of a daemon that was killed get no answer, and those of one that ends are cut off.
        if !isDaemonNew && !isDaemonEnding {
            for request in world.asked {
                #expect(world.answers[request]?.count == 1, "\(place): request \(request), \(phase), \(world.trace)")
            }
        }
        for (request, answers) in world.answers {
            #expect(answers.count == 1, "\(place): request \(request) \(answers)")
        }
        if !world.lifecycle.isDaemonStopping {
            let isAtRest =
                switch phase {
                case .created, .running, .paused, .exited, .restarting, .dead: true
                case .removing(let removal): removal.isDone
                // A kill that was ignored, or a daemon's end, may leave nobody who waits.
                case .stopping(_, let stop): stop.isEmpty
                case .starting: false
                }
            #expect(isAtRest, "\(place): \(phase), \(world.trace)")
        }
        #expect(world.hasProcess == (phase.process != nil), "\(place): \(phase), \(world.trace)")
        #expect(world.hasAddress == world.hasProcess, "\(place): \(phase), \(world.trace)")
        if world.hasProcess { #expect(world.isFrozen == phase.isPaused, "\(place): \(phase), \(world.trace)") }
        if case .restarting = phase {
            #expect(world.timerCount == (world.lifecycle.isDaemonStopping ? 0 : 1), "\(place)")
        } else {
            #expect(world.timerCount == 0, "\(place): \(phase), \(world.trace)")
        }
        if case .removing = phase {
            #expect(world.row == nil && world.isForgotten, "\(place)")
        } else {
            // Nothing is known that a killed daemon would forget.
            let row = world.row.map { LifecycleRecord($0) }
            #expect(row?.phase == LifecycleRecord(world.lifecycle).phase, "\(place): \(phase), \(world.trace)")
            if world.lifecycle.settings.restartRule != .never, !commands.contains("rule always") {
                #expect(row?.desired == world.lifecycle.desired.rawValue, "\(place): \(world.trace)")
            }
        }
    }
}
