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

/// What the daemon tells the monitor. One datagram each; descriptors travel beside.
enum ControlRequest: Equatable {
    /// Descriptors: the spec, then the root's mount and the log when flagged.
    case launch(hasRoot: Bool, hasLog: Bool)
    /// Descriptors: the namespace, then sockets to keep open.
    case network
    /// Descriptors: sockets to keep open.
    case hold
    /// Descriptor: the stream.
    case attach(input: Bool, output: Bool, error: Bool)
    /// Descriptors: the spec, then the stream when there is one.
    case exec(id: String)
    case signal(Int32, exec: String)
    case resize(columns: UInt16, rows: UInt16, exec: String)
    case closeInput(exec: String)
    /// Descriptor: the file that takes the log from now on.
    case log

    func encoded() -> [UInt8] {
        var writer = BinaryWriter()
        switch self {
        case .launch(let hasRoot, let hasLog):
            writer.put(UInt8(1))
            writer.put(hasRoot)
            writer.put(hasLog)
        case .network: writer.put(UInt8(2))
        case .hold: writer.put(UInt8(3))
        case .attach(let input, let output, let error):
            writer.put(UInt8(4))
            writer.put(input)
            writer.put(output)
            writer.put(error)
        case .exec(let id):
            writer.put(UInt8(5))
            writer.put(id)
        case .signal(let number, let exec):
            writer.put(UInt8(6))
            writer.put(number)
            writer.put(exec)
        case .resize(let columns, let rows, let exec):
            writer.put(UInt8(7))
            writer.put(columns)
            writer.put(rows)
            writer.put(exec)
        case .closeInput(let exec):
            writer.put(UInt8(8))
            writer.put(exec)
        case .log: writer.put(UInt8(9))
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(LaunchFailure) {
        var reader = BinaryReader(bytes)
        switch try reader.integer(UInt8.self) {
        case 1: self = .launch(hasRoot: try reader.bool(), hasLog: try reader.bool())
        case 2: self = .network
        case 3: self = .hold
        case 4: self = .attach(input: try reader.bool(), output: try reader.bool(), error: try reader.bool())
        case 5: self = .exec(id: try reader.string())
        case 6: self = .signal(try reader.integer(), exec: try reader.string())
        case 7:
            self = .resize(columns: try reader.integer(), rows: try reader.integer(), exec: try reader.string())
        case 8: self = .closeInput(exec: try reader.string())
        case 9: self = .log
        default: throw LaunchFailure("unknown control message")
        }
    }
}

/// What the monitor tells the daemon.
package enum MonitorEvent: Equatable, Sendable {
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
    /// The first message after ``MonitorLink/adopt(runDirectory:)``; nil before the launch.
    case adopted(MonitorState?)
    /// The monitor's end is gone: it ended, or another daemon took over. The last event.
    case closed
    /// Something that was asked for was left out.
    case warning(String)

    func encoded() -> [UInt8] {
        var writer = BinaryWriter()
        switch self {
        case .started(let pid, let startTime):
            writer.put(UInt8(1))
            writer.put(pid)
            writer.put(startTime)
        case .failed(let failure):
            writer.put(UInt8(2))
            writer.put(failure.exitCode)
            writer.put(failure.message)
        case .exited(let exit):
            writer.put(UInt8(3))
            writer.put(exit.code)
            writer.put(exit.signal)
            writer.put(exit.oomKilled)
            writer.put(exit.finishedAt)
        case .execStarted(let id, let pid):
            writer.put(UInt8(4))
            writer.put(id)
            writer.put(pid)
        case .execFailed(let id, let failure):
            writer.put(UInt8(5))
            writer.put(id)
            writer.put(failure.exitCode)
            writer.put(failure.message)
        case .execExited(let id, let code):
            writer.put(UInt8(6))
            writer.put(id)
            writer.put(code)
        case .adopted(let state):
            writer.put(UInt8(7))
            writer.put(state?.pid ?? 0)
            writer.put(state?.startTime ?? 0)
            writer.put(state?.monitorPid ?? 0)
        case .closed: writer.put(UInt8(8))
        case .warning(let text):
            writer.put(UInt8(9))
            writer.put(text)
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(LaunchFailure) {
        var reader = BinaryReader(bytes)
        switch try reader.integer(UInt8.self) {
        case 1: self = .started(pid: try reader.integer(), startTime: try reader.integer())
        case 2: self = .failed(LaunchFailure(exitCode: try reader.integer(), try reader.string()))
        case 3:
            self = .exited(
                MonitorExit(
                    code: try reader.integer(), signal: try reader.integer(), oomKilled: try reader.bool(),
                    finishedAt: try reader.string()))
        case 4: self = .execStarted(id: try reader.string(), pid: try reader.integer())
        case 5:
            self = .execFailed(
                id: try reader.string(), LaunchFailure(exitCode: try reader.integer(), try reader.string()))
        case 6: self = .execExited(id: try reader.string(), code: try reader.integer())
        case 7:
            let state = MonitorState(
                pid: try reader.integer(), startTime: try reader.integer(), monitorPid: try reader.integer())
            self = .adopted(state.pid == 0 ? nil : state)
        case 8: self = .closed
        case 9: self = .warning(try reader.string())
        default: throw LaunchFailure("unknown monitor event")
        }
    }
}
