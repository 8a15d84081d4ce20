import MonitorProtocol
import Runtime
import Testing

/// Messages of a later release, and of the one before there was a header.
@Suite struct OtherVersionTests {
    /// A message with a field more at its end, as a later release would write it.
    private func extended(_ bytes: [UInt8], tag: UInt16, _ value: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]) -> [UInt8] {
        let field =
            [UInt8(truncatingIfNeeded: tag), UInt8(tag >> 8), UInt8(value.count), 0, 0, 0] + value
        var result = bytes + field
        let length = UInt32(result.count - 8)
        for index in 0..<4 { result[4 + index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * index)) }
        return result
    }

    @Test func understandsLongerMessagesUpToWhatIsKnown() throws {
        for (_, request) in Samples.requests {
            #expect(try ControlRequest(Message(extended(request.encoded(), tag: 500))) == request)
        }
        for (_, event) in Samples.events {
            #expect(try MonitorEvent(decoding: extended(event.encoded(), tag: 500)) == event)
        }
        let process = Samples.process
        #expect(try ProcessSpec(decodingMessage: extended(process.encodedMessage(), tag: 500)) == process)
        // Bytes behind the fields, and the byte that is not looked at.
        var bytes = ControlRequest.hold.encoded() + [1, 2, 3]
        bytes[1] = 9
        #expect(try ControlRequest(Message(bytes)) == .hold)
    }

    @Test func givesShorterMessagesDefaults() throws {
        func empty(_ number: UInt8) -> [UInt8] { [Message.mark, 0, number, 0, 0, 0, 0, 0] }
        #expect(try ControlRequest(Message(empty(4))) == .attach(input: false, output: false, error: false))
        #expect(try MonitorEvent(decoding: empty(7)) == .adopted(nil))
        #expect(try MonitorEvent(decoding: empty(0)) == .hello(Handshake(version: 0, release: "")))
        // What was not asked for is not given.
        #expect(try ProcessSpec(decodingMessage: empty(2)).capabilities == CapabilitySets(0))
        #expect(try LaunchSpec(decodingMessage: empty(1)).process.capabilities == CapabilitySets(0))
    }

    /// A restriction that a monitor does not know is not left out by it.
    @Test func refusesUnknownFieldsThatAreRequired() throws {
        for (_, request) in Samples.requests {
            #expect(throws: MessageError.unknownField(0x8000 | 500)) {
                try ControlRequest(Message(extended(request.encoded(), tag: 0x8000 | 500)))
            }
        }
        let error = #expect(throws: MessageError.self) {
            try ProcessSpec(decodingMessage: extended(Samples.process.encodedMessage(), tag: 0x8000 | 500))
        }
        #expect(error?.description == "field 500 is not known, and cannot be left out")
        #expect(throws: MessageError.self) {
            try LaunchSpec(decodingMessage: extended(Samples.launch.encodedMessage(), tag: 0x8000 | 500))
        }
    }

    @Test func refusesValuesOfLaterReleases() throws {
        var spec = LaunchSpec()
        spec.mounts = [MountSpec(.tmpfs, "/t", flags: MountFlags(rawValue: 1 << 31 | 1))]
        #expect(throws: MessageError.invalid("a mount has unknown flags (0x80000000)")) {
            try LaunchSpec(decodingMessage: spec.encodedMessage())
        }
        func changed(_ text: String, _ other: String) -> [UInt8] {
            var spec = LaunchSpec()
            spec.rootfsPropagation = .rslave
            var bytes = spec.encodedMessage()
            let wanted = Array(text.utf8)
            for start in 0...(bytes.count - wanted.count) where Array(bytes[start..<start + wanted.count]) == wanted {
                bytes.replaceSubrange(start..<start + wanted.count, with: Array(other.utf8))
            }
            return bytes
        }
        #expect(throws: MessageError.invalid("xslave is not a mount propagation")) {
            try LaunchSpec(decodingMessage: changed("rslave", "xslave"))
        }
        #expect(throws: MessageError.invalid("few is not a kind of namespace")) {
            try LaunchSpec(decodingMessage: changed("new", "few"))
        }
    }

    @Test func tellsUnknownMessagesFromKnownOnes() throws {
        let unknown: [UInt8] = [Message.mark, 0, 0x39, 0x30, 0, 0, 0, 0]
        #expect(throws: MessageError.unknownMessage(12345)) { try ControlRequest(Message(unknown)) }
        #expect(throws: MessageError.unknownMessage(12345)) { try MonitorEvent(decoding: unknown) }
        // A specification that is not of the kind that was announced.
        #expect(throws: MessageError.unknownMessage(1)) {
            try ProcessSpec(decodingMessage: Samples.launch.encodedMessage())
        }
    }

    // MARK: - Version 0

    private static let requests: [String: ControlRequest] = [
        "network": .network, "hold": .hold, "attach": .attach(input: false, output: true, error: true),
        "exec": .exec(id: "6341b536ed09161677dea618dbacf22503e15a0b2d7917e944b78025fb714475"),
        "signal": .signal(15, exec: ""), "resize": .resize(columns: 90, rows: 30, exec: ""),
        "closeInput": .closeInput(exec: "x"), "log": .log,
    ]

    private static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    private static func exec(terminal: Bool) -> ProcessSpec {
        var spec = ProcessSpec()
        spec.args = ["sh", "-c", terminal ? "sleep 1" : "exit 3"]
        spec.env = [path, "HOSTNAME=bb5baf5d50aa"] + (terminal ? ["TERM=xterm"] : [])
        spec.isLenient = true
        spec.keyring = "_ses.bb5baf5d50aafe88e534023b78de3ce63b36e43188aac27e08d7a85252099ef5"
        spec.tty = terminal
        spec.stdinOnce = true
        return spec
    }

    private static let failure = LaunchFailure(
        exitCode: 125, "unable to find user nosuch: no matching entries in passwd file")
    private static let events: [String: MonitorEvent] = [
        "started": .started(pid: 41, startTime: 165588),
        "failed": .failed(
            LaunchFailure(exitCode: 127, "exec: \"/nothere\": stat /nothere: no such file or directory")),
        "exited": .exited(
            MonitorExit(code: 137, signal: 9, oomKilled: false, finishedAt: "2026-11-30T16:02:19.737610131Z")),
        "execStarted": .execStarted(
            id: "6341b536ed09161677dea618dbacf22503e15a0b2d7917e944b78025fb714475", pid: 44),
        "execFailed": .execFailed(
            id: "ea190db7910d2f11c2fe83713dd3473c5e98ac93bca0cd5156098392e3bcaeab",
            failure),
        "execExited": .execExited(
            id: "3d4b3902a1ecf6a878466ad11df795e5eab58e81d91e3f658687614624f381ec", code: 3),
        "adopted": .adopted(MonitorState(pid: 41, startTime: 165588, monitorPid: 39)),
        "adopted-before-launch": .adopted(nil), "warning": .warning("a b c"),
    ]

    @Test(arguments: try Fixtures.rows("version-0")) func speaksVersionZero(_ row: Fixtures.Row) throws {
        switch row.kind {
        case "request" where row.name == "launch":
            // It starts no such monitor.
            #expect(throws: MessageError.self) {
                try Dialect.versionZero.encoded(.launch(hasRoot: true, hasLog: true))
            }
        case "request":
            let request = try #require(Self.requests[row.name])
            #expect(Fixtures.hex(try Dialect.versionZero.encoded(request)) == Fixtures.hex(row.bytes))
        case "event":
            #expect(try MonitorEvent(decoding: row.bytes) == Self.events[row.name])
            guard case .versionZero = Dialect(ofMessage: row.bytes) else {
                Issue.record("taken for a later version")
                return
            }
            for count in 0..<row.bytes.count {
                #expect(throws: MessageError.self) { try MonitorEvent(decoding: Array(row.bytes[..<count])) }
            }
        case "process":
            let spec = Self.exec(terminal: row.name == "exec-with-terminal")
            #expect(Fixtures.hex(try Dialect.versionZero.encoded(.process(spec))) == Fixtures.hex(row.bytes))
        default:
            #expect(throws: MessageError.self) { try Dialect.versionZero.encoded(.launch(Samples.launch)) }
        }
    }

    /// What this release says first must be nothing to a monitor that does not know it: no number of version 0.
    @Test func versionZeroPassesOverTheHandshake() throws {
        let bytes = ControlRequest.hello(.own).encoded()
        let known = try Fixtures.rows("version-0").filter { $0.kind == "request" }.map(\.bytes[0])
        #expect(known.sorted() == Array(1...9))
        #expect(!known.contains(bytes[0]))
        #expect(bytes.count <= 4096)
    }
}
