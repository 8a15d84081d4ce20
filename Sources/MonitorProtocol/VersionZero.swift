internal import Runtime

/// What monitors of Gantry 0.1.0 until November 2026 speak: a number in one byte, then values without names, one behind the other. Only the
/// daemon's side, towards monitors that run already: it starts none of them.
///
/// A field that ``ProcessSpec`` gets later is not added here: ``refusal(_:)`` says that such a monitor does not have it.
package enum VersionZero {
    /// Whether a message is of that version. Its monitors pass over those of later ones, whose first byte is no number of theirs.
    package static func wrote(_ bytes: [UInt8]) -> Bool { bytes.first != Message.mark }

    /// What a user reads who asks for something that such a monitor cannot do.
    static func refusal(_ what: String) -> MessageError {
        .invalid(
            "\(what) is not known to the container's monitor, which an earlier release of Gantry has started; restart the container"
        )
    }

    static func encoded(_ request: ControlRequest) throws(MessageError) -> [UInt8] {
        var writer = BinaryWriter()
        writer.put(UInt8(truncatingIfNeeded: request.number.rawValue))
        switch request {
        case .attach(let input, let output, let error):
            writer.put(input)
            writer.put(output)
            writer.put(error)
        case .exec(let id): writer.put(id)
        case .signal(let number, let exec):
            writer.put(number)
            writer.put(exec)
        case .resize(let columns, let rows, let exec):
            writer.put(columns)
            writer.put(rows)
            writer.put(exec)
        case .closeInput(let exec): writer.put(exec)
        case .log, .hold, .network: break
        case .hello, .launch: throw refusal("message \(request.number)")
        }
        return writer.bytes
    }

    static func event(_ bytes: [UInt8]) throws(MessageError) -> MonitorEvent {
        do throws(LaunchFailure) {
            if let event = try read(bytes) { return event }
        } catch {
            throw .cutShort
        }
        throw bytes.first.map { .unknownMessage(UInt16($0)) } ?? .cutShort
    }

    private static func read(_ bytes: [UInt8]) throws(LaunchFailure) -> MonitorEvent? {
        var reader = BinaryReader(bytes)
        switch try reader.integer(UInt8.self) {
        case 1: return .started(pid: try reader.integer(), startTime: try reader.integer())
        case 2: return .failed(LaunchFailure(exitCode: try reader.integer(), try reader.string()))
        case 3:
            return .exited(
                MonitorExit(
                    code: try reader.integer(), signal: try reader.integer(), oomKilled: try reader.bool(),
                    finishedAt: try reader.string()))
        case 4: return .execStarted(id: try reader.string(), pid: try reader.integer())
        case 5:
            return .execFailed(
                id: try reader.string(), LaunchFailure(exitCode: try reader.integer(), try reader.string()))
        case 6: return .execExited(id: try reader.string(), code: try reader.integer())
        case 7:
            let state = MonitorState(
                pid: try reader.integer(), startTime: try reader.integer(), monitorPid: try reader.integer())
            return .adopted(state.pid == 0 ? nil : state)
        case 9: return .warning(try reader.string())
        default: return nil
        }
    }

    /// The specification of an exec.
    static func encoded(_ spec: ProcessSpec) throws(MessageError) -> [UInt8] {
        var writer = BinaryWriter()
        writer.put(spec.args)
        writer.put(spec.env)
        writer.put(spec.cwd)
        switch spec.user {
        case .ids(let uid, let gid, let groups):
            writer.put(UInt8(0))
            writer.put(uid)
            writer.put(gid)
            writer.put(each: groups) { $0.put($1) }
        case .name(let name):
            writer.put(UInt8(1))
            writer.put(name)
        }
        writer.put(spec.additionalGroups)
        let sets = spec.capabilities
        for set in [sets.bounding, sets.effective, sets.permitted, sets.inheritable, sets.ambient] { writer.put(set) }
        writer.put(each: spec.rlimits) {
            $0.put($1.resource)
            $0.put($1.soft)
            $0.put($1.hard)
        }
        writer.put(spec.noNewPrivileges)
        writer.put(spec.seccomp)
        writer.put(spec.oomScoreAdj != nil)
        writer.put(spec.oomScoreAdj ?? 0)
        writeAttributes(of: spec, to: &writer)
        writer.put(spec.umask)
        writer.put(spec.tty)
        writer.put(spec.columns)
        writer.put(spec.rows)
        writer.put(spec.openStdin)
        writer.put(spec.stdinOnce)
        return writer.bytes
    }

    private static func writeAttributes(of spec: ProcessSpec, to writer: inout BinaryWriter) {
        writer.put(spec.isLenient)
        writer.put(spec.clampsLimits)
        writer.put(spec.scheduling != nil)
        if let scheduling = spec.scheduling {
            writer.put(scheduling.policy)
            writer.put(scheduling.flags)
            writer.put(scheduling.nice)
            writer.put(scheduling.priority)
            for time in [scheduling.runtime, scheduling.deadline, scheduling.period] { writer.put(time) }
        }
        writer.put(spec.ioPriority != nil)
        if let priority = spec.ioPriority {
            writer.put(priority.kind)
            writer.put(priority.level)
        }
        writer.put(spec.personality != nil)
        if let personality = spec.personality { writer.put(personality) }
        writer.put(spec.initialAffinity)
        writer.put(spec.finalAffinity)
        writer.put(spec.seccompFlags)
        writer.put(spec.seccompNotifies)
        for text in [spec.keyring, spec.appArmorProfile, spec.seLinuxLabel] { writer.put(text) }
    }
}
