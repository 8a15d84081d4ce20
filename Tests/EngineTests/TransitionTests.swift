import Engine
import Testing

/// Every event in every phase: the phase that comes next.
@Suite struct TransitionTests {
    static let beginnings: [(String, String)] = [
        ("created", ""), ("starting", "start#90"), ("running", "start#90; started"),
        ("paused", "start#90; started; pause#91"), ("stopping", "start#90; started; stop#91 10"),
        ("restarting", "start#90; started; exit 1"), ("exited", "start#90; started; stop#91; exit 143"),
        ("dead", "rm#91; deleted"), ("removing", "start#90; started; rmf#91; exit 137"),
    ]

    @Test(arguments: table) func leadsTo(_ row: String) throws {
        let columns = row.split(separator: "|").map { String($0.drop { $0 == " " }) }
        let event = columns[0].trimmed
        for ((name, steps), expected) in zip(Self.beginnings, columns.dropFirst()) {
            var world = FakeWorld(.always)
            world.failsToDelete = name == "dead"
            for step in steps.split(separator: ";") { world.step(String(step.drop { $0 == " " })) }
            world.failsToDelete = false
            #expect(world.lifecycle.phase.words.hasPrefix(name))
            let before = world.lifecycle
            world.step(event)
            let after = world.lifecycle.phase.words
            #expect(after == (expected.trimmed == "." ? before.phase.words : expected.trimmed), "\(name): \(event)")
        }
    }

    /// A dot: it stays as it is. Columns: created, starting, running, paused, stopping, restarting, exited, dead, removing.
    static let table = [
        "start#1      | starting  | starting  | .         | .         | .         | .         | starting  | .         | .",
        "stop#1 10    | .         | starting  | stopping  | stopping  | stopping  | exited 1  | .         | .         | .",
        "restart#1 10 | starting  | starting  | stopping  | stopping  | stopping  | starting  | starting  | .         | .",
        "kill#1 9     | .         | starting  | stopping  | stopping  | stopping  | exited 1  | .         | .         | .",
        "kill#1 1     | .         | starting  | .         | running   | .         | exited 1  | .         | .         | .",
        "pause#1      | .         | starting  | paused    | .         | stopping paused | .         | .         | .         | .",
        "unpause#1    | .         | starting  | .         | running   | .         | .         | .         | .         | .",
        "rm#1         | removing  | starting  | .         | .         | .         | .         | removing  | removing  | .",
        "rmf#1        | removing  | starting  | stopping  | stopping  | stopping  | removing  | removing  | removing  | .",
        "started      | .         | running   | .         | .         | .         | .         | .         | .         | .",
        "failed 127   | .         | exited 127 error | .         | .         | .         | .         | .         | .         | .",
        "exit 0       | .         | .         | restarting 100 | restarting 100 | exited 0  | .         | .         | .         | .",
        "oom          | .         | .         | restarting 100 | restarting 100 | exited 137 | .         | .         | .         | .",
        "lost         | .         | .         | restarting 100 | restarting 100 | exited 137 | .         | .         | .         | .",
        "deleted      | .         | .         | .         | .         | .         | .         | .         | .         | gone",
        "rule never   | .         | .         | .         | .         | .         | .         | .         | .         | .",
        "shutdown     | .         | .         | .         | .         | .         | .         | .         | .         | .",
        "die          | .         | created   | .         | .         | running   | starting  | starting  | created   | starting",
        "boot         | .         | created   | starting  | starting  | starting  | starting  | starting  | created   | starting",
    ]
}

extension String {
    fileprivate var trimmed: String { String(reversed().drop { $0 == " " }.reversed()) }
}
