package import Runtime

/// How a container's first process ended.
package struct MonitorExit: Equatable, Sendable {
    /// The exit code; 128 + n when a signal ended it.
    package var code: Int32
    /// The signal that ended it, 0 for none.
    package var signal: Int32
    /// The memory limit killed something in the container.
    package var oomKilled: Bool
    /// RFC 3339 with nanoseconds, UTC.
    package var finishedAt: String

    package init(code: Int32, signal: Int32, oomKilled: Bool, finishedAt: String) {
        self.code = code
        self.signal = signal
        self.oomKilled = oomKilled
        self.finishedAt = finishedAt
    }
}

/// What is known of a running container.
package struct MonitorState: Equatable, Sendable {
    /// The first process, in the host's numbers.
    package var pid: Int32
    /// When it started, in clock ticks since boot (/proc/PID/stat field 22): tells it from a later process of that number.
    package var startTime: UInt64
    package var monitorPid: Int32

    package init(pid: Int32, startTime: UInt64, monitorPid: Int32) {
        self.pid = pid
        self.startTime = startTime
        self.monitorPid = monitorPid
    }
}

/// What the monitor reports to the daemon.
package enum MonitorEvent: Equatable, Sendable {
    /// The monitor's first message.
    case hello(Handshake)
    /// The program of the container was executed.
    case started(pid: Int32, startTime: UInt64)
    /// It could not be; the monitor ends.
    case failed(LaunchFailure)
    case exited(MonitorExit)
    /// `pid` in the host's numbers.
    case execStarted(id: String, pid: Int32)
    case execFailed(id: String, LaunchFailure)
    /// 128 + n for a signal.
    case execExited(id: String, code: Int32)
    /// Comes first (but for `hello`) to a daemon that has connected itself; nil before the launch.
    case adopted(MonitorState?)
    /// Something that was asked for was left out.
    case warning(String)
    /// The monitor did not understand a request; nothing was done, and its descriptors were closed.
    case refused(request: UInt16, reason: String)

    /// The connection is gone: the monitor ended, or another daemon took over. The last event; it is not sent.
    case closed
    /// The monitor sent what this daemon does not understand; it is passed over. Not sent either.
    case notUnderstood(String)

    /// The numbers of the messages; those of version 0 are the same.
    package enum Number: UInt16, CaseIterable, Sendable {
        case hello = 0
        case started, failed, exited, execStarted, execFailed, execExited, adopted
        case warning = 9
        case refused
    }

    /// Nil for what is not sent.
    package var number: Number? {
        switch self {
        case .hello: .hello
        case .started: .started
        case .failed: .failed
        case .exited: .exited
        case .execStarted: .execStarted
        case .execFailed: .execFailed
        case .execExited: .execExited
        case .adopted: .adopted
        case .warning: .warning
        case .refused: .refused
        case .closed, .notUnderstood: nil
        }
    }

    private enum Tag: UInt16 {
        case pid = 1, startTime, monitorPid, exitCode, signal, oomKilled, finishedAt, exec, text, request
    }

    package func encoded() -> [UInt8] {
        guard let number else { return [] }
        return Message.encoded(number.rawValue) { writer in
            switch self {
            case .hello(let handshake): handshake.encode(to: &writer)
            case .started(let pid, let startTime):
                writer.put(Tag.pid, pid)
                writer.put(Tag.startTime, startTime)
            case .failed(let failure): Self.encode(failure, to: &writer)
            case .exited(let exit):
                writer.put(Tag.exitCode, exit.code)
                writer.put(Tag.signal, exit.signal)
                writer.put(Tag.oomKilled, exit.oomKilled)
                writer.put(Tag.finishedAt, exit.finishedAt)
            case .execStarted(let id, let pid):
                writer.put(Tag.exec, id)
                writer.put(Tag.pid, pid)
            case .execFailed(let id, let failure):
                writer.put(Tag.exec, id)
                Self.encode(failure, to: &writer)
            case .execExited(let id, let code):
                writer.put(Tag.exec, id)
                writer.put(Tag.exitCode, code)
            case .adopted(let state):
                guard let state else { break }
                writer.put(Tag.pid, state.pid)
                writer.put(Tag.startTime, state.startTime)
                writer.put(Tag.monitorPid, state.monitorPid)
            case .warning(let text): writer.put(Tag.text, Message.clipped(text))
            case .refused(let request, let reason):
                writer.put(Tag.request, request)
                writer.put(Tag.text, Message.clipped(reason))
            case .closed, .notUnderstood: break
            }
        }
    }

    private static func encode(_ failure: LaunchFailure, to writer: inout FieldWriter) {
        writer.put(Tag.exitCode, failure.exitCode)
        writer.put(Tag.text, Message.clipped(failure.message))
    }

    /// Of any version that was released.
    package init(decoding bytes: [UInt8]) throws(MessageError) {
        if VersionZero.wrote(bytes) {
            self = try VersionZero.event(bytes)
        } else {
            try self.init(Message(bytes))
        }
    }

    private init(_ message: Message) throws(MessageError) {
        guard let number = Number(rawValue: message.number) else { throw .unknownMessage(message.number) }
        if number == .hello {
            self = .hello(try Handshake(message.fields))
            return
        }
        var state = MonitorState(pid: 0, startTime: 0, monitorPid: 0)
        var exit = MonitorExit(code: 0, signal: 0, oomKilled: false, finishedAt: "")
        var exec = ""
        var text = ""
        var request: UInt16 = 0
        var fields = message.fields
        while let field = try fields.next() {
            switch Tag(rawValue: field.tag) {
            case .pid: state.pid = try field.number()
            case .startTime: state.startTime = try field.number()
            case .monitorPid: state.monitorPid = try field.number()
            case .exitCode: exit.code = try field.number()
            case .signal: exit.signal = try field.number()
            case .oomKilled: exit.oomKilled = try field.flag()
            case .finishedAt: exit.finishedAt = field.text
            case .exec: exec = field.text
            case .text: text = field.text
            case .request: request = try field.number()
            case nil: try field.passOver()
            }
        }
        let failure = LaunchFailure(exitCode: exit.code, text)
        switch number {
        case .hello: self = .hello(Handshake(version: 0, release: ""))
        case .started: self = .started(pid: state.pid, startTime: state.startTime)
        case .failed: self = .failed(failure)
        case .exited: self = .exited(exit)
        case .execStarted: self = .execStarted(id: exec, pid: state.pid)
        case .execFailed: self = .execFailed(id: exec, failure)
        case .execExited: self = .execExited(id: exec, code: exit.code)
        case .adopted: self = .adopted(state.pid == 0 ? nil : state)
        case .warning: self = .warning(text)
        case .refused: self = .refused(request: request, reason: text)
        }
    }
}
