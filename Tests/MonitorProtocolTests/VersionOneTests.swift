import Foundation
import MonitorProtocol
import Runtime
import Testing

/// What this release writes, and what earlier ones of the same version wrote.
@Suite struct VersionOneTests {
    /// Each message as it was released: written as it was, and read as it was meant.
    @Test(arguments: try Fixtures.rows("version-1")) func readsAndWritesWhatWasReleased(_ row: Fixtures.Row) throws {
        switch row.kind {
        case "request":
            let sample = try #require(Samples.requests.first { $0.name == row.name }?.request)
            #expect(Fixtures.hex(sample.encoded()) == Fixtures.hex(row.bytes))
            #expect(try ControlRequest(Message(row.bytes)) == sample)
        case "event":
            let sample = try #require(Samples.events.first { $0.name == row.name }?.event)
            #expect(Fixtures.hex(sample.encoded()) == Fixtures.hex(row.bytes))
            #expect(try MonitorEvent(decoding: row.bytes) == sample)
        case "process":
            let sample = row.name == "ordinary" ? Samples.ordinaryProcess : Samples.process
            #expect(Fixtures.hex(sample.encodedMessage()) == Fixtures.hex(row.bytes))
            #expect(try ProcessSpec(decodingMessage: row.bytes) == sample)
        default:
            #expect(Fixtures.hex(Samples.launch.encodedMessage()) == Fixtures.hex(row.bytes))
            #expect(try contents(LaunchSpec(decodingMessage: row.bytes)) == contents(Samples.launch))
        }
    }

    /// The file is written where it is missing, for whoever makes a release with a new version; it is to be looked at and committed.
    @Test func fixturesHaveEveryMessage() throws {
        #expect(Handshake.version == 1, "the file of the new version comes beside that of version 1, which stays")
        if access(Fixtures.path("version-1"), F_OK) != 0 {
            var lines = Samples.requests.map { "request \($0.name) \(Fixtures.hex($0.request.encoded()))" }
            lines += Samples.events.map { "event \($0.name) \(Fixtures.hex($0.event.encoded()))" }
            lines.append("process everything \(Fixtures.hex(Samples.process.encodedMessage()))")
            lines.append("process ordinary \(Fixtures.hex(Samples.ordinaryProcess.encodedMessage()))")
            lines.append("launch everything \(Fixtures.hex(Samples.launch.encodedMessage()))")
            try (lines.joined(separator: "\n") + "\n").write(
                toFile: Fixtures.path("version-1"), atomically: true, encoding: .utf8)
        }
        let rows = try Fixtures.rows("version-1")
        let requests = Set(rows.filter { $0.kind == "request" }.map { UInt16($0.bytes[2]) })
        #expect(requests == Set(ControlRequest.Number.allCases.map(\.rawValue)))
        let events = Set(rows.filter { $0.kind == "event" }.map { UInt16($0.bytes[2]) })
        #expect(events == Set(MonitorEvent.Number.allCases.map(\.rawValue)))
        #expect(rows.count == Samples.requests.count + Samples.events.count + 3)
    }

    /// A property that somebody adds to a specification must be in the sample, in its encoding and, refused, in version 0.
    @Test func everyPropertyOfASpecificationTravels() throws {
        let named = Mirror(reflecting: Samples.process).children.compactMap(\.label)
        #expect(named.count == 28, "a new property: give it a tag and a sample, and refuse it in VersionZero")
        for (new, old) in zip(
            Mirror(reflecting: Samples.process).children, Mirror(reflecting: ProcessSpec()).children)
        {
            #expect(contents(new.value) != contents(old.value), "\(new.label ?? "") of the sample is at its default")
        }
        // Not encoded, each with its reason in LaunchSpec.
        let local = ["waitsForHooks", "noPivot", "null", "containerHooks"]
        for (new, old) in zip(
            Mirror(reflecting: Samples.launch).children, Mirror(reflecting: LaunchSpec()).children)
        where !local.contains(new.label ?? "") {
            #expect(contents(new.value) != contents(old.value), "\(new.label ?? "") of the sample is at its default")
        }
    }

    @Test func refusesWhatIsCutShort() throws {
        let messages =
            Samples.requests.map { $0.request.encoded() } + Samples.events.map { $0.event.encoded() }
            + [Samples.process.encodedMessage()]
        for bytes in messages {
            for count in 0..<bytes.count {
                #expect(throws: MessageError.self) { try Message(Array(bytes[..<count])) }
            }
        }
        // A length within that goes beyond the message.
        var bytes = ControlRequest.exec(id: "abcd").encoded()
        bytes[10] = 5
        #expect(throws: MessageError.cutShort) { try ControlRequest(Message(bytes)) }
    }

    /// Whatever comes: an answer, never a crash.
    @Test func survivesAnyBytes() throws {
        var random = SystemRandomNumberGenerator()
        let all = Samples.requests.map { $0.request.encoded() } + [Samples.launch.encodedMessage()]
        for _ in 0..<3000 {
            var bytes = all.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            guard let message = try? Message(bytes) else { continue }
            _ = try? ControlRequest(message)
            _ = try? MonitorEvent(decoding: bytes)
            _ = try? LaunchSpec(decodingMessage: bytes)
            _ = try? ProcessSpec(decodingMessage: bytes)
        }
    }

    @Test func numbersKeepTheirSignsAndRanges() throws {
        let down = MonitorEvent.execExited(id: "a", code: -1)
        #expect(try MonitorEvent(decoding: down.encoded()) == down)
        let far = MonitorEvent.started(pid: .max, startTime: .max)
        #expect(try MonitorEvent(decoding: far.encoded()) == far)
        // A number of rows that does not fit where it goes is refused, not cut.
        var bytes = ControlRequest.resize(columns: 1, rows: 2, exec: "").encoded()
        bytes[bytes.count - 6] = 1
        #expect(throws: MessageError.invalid("the number of field 4 is out of range")) {
            try ControlRequest(Message(bytes))
        }
    }

    @Test func cutsLongTextsSoThatADatagramTakesThem() throws {
        let event = MonitorEvent.failed(LaunchFailure(exitCode: 125, String(repeating: "ü", count: 9000)))
        #expect(event.encoded().count <= Message.limit)
        guard case .failed(let failure) = try MonitorEvent(decoding: event.encoded()) else {
            Issue.record("another event")
            return
        }
        #expect(failure.message.utf8.count == 4096)
    }
}
