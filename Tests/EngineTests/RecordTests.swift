import DockerAPI
import Engine
import Foundation
import JSON
import Networking
import Testing

/// What of a container's life is in the database, and what `inspect` makes of it.
@Suite struct RecordTests {
    /// Rows that a daemon of release 0.1 wrote before it was killed.
    private static func earlierRows() throws -> [String: ContainerRecord] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/records-0.1.jsonl")
        let rows = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
            try JSONDecoding.decode(ContainerRecord.self, from: Array($0.utf8))
        }
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.name, $0) })
    }

    @Test func readsRowsOfTheReleaseBefore() throws {
        let rows = try Self.earlierRows()
        #expect(rows.count == 7)
        let created = try #require(rows["created"])
        #expect(created.phase == .created)
        let running = try #require(rows["running"])
        #expect(running.phase == .running(.init(pid: 39, startedAt: 1_796_055_528_149_751_331, lastFinishedAt: nil)))
        #expect(running.endpoint?.ports.first?.hostPort == 8080)
        let paused = try #require(rows["paused"])
        #expect(paused.phase == .paused(.init(pid: 44, startedAt: 1_796_055_528_184_096_397, lastFinishedAt: nil)))
        #expect(paused.lifecycle.settings.removesItself)
        let exited = try #require(rows["exited"])
        #expect(
            exited.phase
                == .exited(
                    .init(startedAt: 1_796_055_528_211_037_651, finishedAt: 1_796_055_528_212_249_372, code: 7)))
        #expect(exited.state.StartedAt == "2026-11-30T16:18:48.211037651Z")
        let failed = try #require(rows["failed"])
        #expect(failed.state.Status == "created" && failed.state.ExitCode == 127)
        #expect(failed.state.Error.hasSuffix("stat /nosuch: no such file or directory"))
        let stopped = try #require(rows["stopped"])
        #expect(stopped.lifecycle.desired == .stopped && stopped.state.ExitCode == 137)
        #expect(stopped.lifecycle.settings.restartRule == .unlessStopped)
        let again = try #require(rows["again"])
        guard case .restarting(let backoff) = again.phase else {
            Issue.record("\(again.phase)")
            return
        }
        #expect(backoff.exit.code == 1 && again.lifecycle.restarts == 3)
        #expect(again.lifecycle.settings.restartRule == .onFailure(limit: 9))
    }

    @Test func writesNothingOfDockersStateAndReadsItBack() throws {
        for (name, record) in try Self.earlierRows() {
            let json = try JSONEncoding.json(record)
            #expect(json["state"] == nil && json["lifecycle"] != nil)
            let again = try JSONDecoding.decode(ContainerRecord.self, from: Array(json.text().utf8))
            #expect(again.lifecycle == record.lifecycle, "\(name)")
        }
    }

    static let exit = Phase.Exit(startedAt: 1_000_000_000, finishedAt: 2_500_000_000, code: 3, oomKilled: true)
    static let process = Phase.Init(pid: 42, startedAt: 3_000_000_000, lastFinishedAt: 2_500_000_000)

    /// Each phase: what a new daemon finds in the row, and what `inspect` says.
    static let phases: [(Phase, row: Phase, state: String)] = [
        (.created, .created, "created - - - 0 0 never never"),
        (.starting(.init(cause: .client)), .created, "created - - - 0 0 never never"),
        (
            .starting(.init(cause: .client, last: exit)), .exited(exit),
            "exited - - - 0 3 1970-01-01T00:00:01Z 1970-01-01T00:00:02.5Z oom"
        ),
        (
            .starting(.init(cause: .restartPolicy, last: exit)), .restarting(.init(exit: exit, milliseconds: 0)),
            "restarting running - restarting 0 3 1970-01-01T00:00:01Z 1970-01-01T00:00:02.5Z oom"
        ),
        (.running(process), .running(process), "running running - - 42 0 1970-01-01T00:00:03Z 1970-01-01T00:00:02.5Z"),
        (
            .paused(process), .paused(process),
            "paused running paused - 42 0 1970-01-01T00:00:03Z 1970-01-01T00:00:02.5Z"
        ),
        (
            .stopping(process, .init(stops: [1])), .running(process),
            "running running - - 42 0 1970-01-01T00:00:03Z 1970-01-01T00:00:02.5Z"
        ),
        (
            .stopping(process, .init(stops: [1], isPaused: true)), .paused(process),
            "paused running paused - 42 0 1970-01-01T00:00:03Z 1970-01-01T00:00:02.5Z"
        ),
        (
            .restarting(.init(exit: exit, milliseconds: 400)), .restarting(.init(exit: exit, milliseconds: 0)),
            "restarting running - restarting 0 3 1970-01-01T00:00:01Z 1970-01-01T00:00:02.5Z oom"
        ),
        (
            .exited(exit), .exited(exit),
            "exited - - - 0 3 1970-01-01T00:00:01Z 1970-01-01T00:00:02.5Z oom"
        ),
        (
            .exited(.init(code: 127, error: "no such file")), .exited(.init(code: 127, error: "no such file")),
            "created - - - 0 127 never never no such file"
        ),
        (
            .dead(reason: "disk full", exit), .exited(exit),
            "dead - - - 0 3 1970-01-01T00:00:01Z 1970-01-01T00:00:02.5Z dead oom disk full"
        ),
        (
            .removing(.init(exit: exit)), .exited(exit),
            "removing - - - 0 3 1970-01-01T00:00:01Z 1970-01-01T00:00:02.5Z oom"
        ),
    ]

    @Test(arguments: phases.indices) func showsDockersStateAndKeepsThePhase(_ index: Int) throws {
        let (phase, row, text) = Self.phases[index]
        var lifecycle = ContainerLifecycle()
        lifecycle.phase = phase
        lifecycle.restarts = 2
        lifecycle.desired = .signalled
        let read = try JSONDecoding.decode(
            ContainerLifecycle.self, from: Array(JSONEncoding.json(lifecycle).text().utf8))
        #expect(read.phase == row)
        #expect(read.restarts == 2 && read.desired == .signalled)
        let state = ContainerState(lifecycle)
        func word(_ isTrue: Bool, _ word: String) -> String { isTrue ? word : "-" }
        func time(_ text: String) -> String { text == ContainerState.never ? "never" : text }
        let words =
            [
                state.Status, word(state.Running, "running"), word(state.Paused, "paused"),
                word(state.Restarting, "restarting"), "\(state.Pid)", "\(state.ExitCode)", time(state.StartedAt),
                time(state.FinishedAt),
            ] + (state.Dead ? ["dead"] : []) + (state.OOMKilled ? ["oom"] : [])
            + (state.Error.isEmpty ? [] : [state.Error])
        #expect(words.joined(separator: " ") == text)
    }
}
