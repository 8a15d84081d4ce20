internal import Flags
internal import JSON

/// `gantry exec`.
enum Exec {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS] CONTAINER COMMAND [ARG...]", summary: "Execute a command in a running container",
            flags: [
                Flag("detach", "d", .bool(), "Detached mode: run command in the background"),
                Flag("detach-keys", nil, .string, "Keys that leave the command running"),
                Flag("env", "e", .list(check: Pairs.refusal), "Set environment variables"),
                Flag("env-file", nil, .list(), "Read environment variables from a file"),
                Flag("interactive", "i", .bool(), "Keep STDIN open even if not attached"),
                Flag("privileged", nil, .bool(), "Give extended privileges to the command"),
                Flag("tty", "t", .bool(), "Give it a terminal"),
                Flag("user", "u", .string, "User name or number (name|uid[:group|gid])"),
                Flag("workdir", "w", .string, "Working directory inside the container"),
            ], arity: .atLeast(2), interspersed: false, run: run)
    }

    private static func run(_ call: Invocation) throws -> Int32 {
        let flags = call.flags
        let isDetached = flags.bool("detach")
        let isTerminal = flags.bool("tty")
        let wantsInput = flags.bool("interactive") && !isDetached
        if wantsInput, isTerminal, !Output.isTerminal(0) { throw CommandError("the input device is not a TTY") }
        let client = try call.client
        let id = try create(call, isDetached: isDetached)
        if isDetached {
            try client.call("POST", "/exec/\(id)/start", body: ["Detach": true, "Tty": .bool(isTerminal)])
            return 0
        }
        var start: JSON = ["Detach": false, "Tty": .bool(isTerminal)]
        if isTerminal, let size = WindowSize.current {
            start["ConsoleSize"] = [JSON(size.rows), JSON(size.columns)]
        }
        let stream = try client.beginHijack("/exec/\(id)/start", body: start)
        let attachment = Attachment(
            client: client, connection: stream, isTerminal: isTerminal, input: wantsInput, output: true, errors: true,
            detachKeys: flags.optional("detach-keys"), resizePath: "/exec/\(id)/resize", killPath: nil)
        let signals = try attachment.signals()
        do throws(CommandError) {
            try client.finishHijack(stream)
        } catch {
            throw CommandError(error.message, status: error.httpStatus == nil ? 1 : startStatus(error))
        }
        if try attachment.run(signals: signals) == .detached {
            throw CommandError("read escape sequence")
        }
        let state = try client.get("/exec/\(id)/json")
        return Int32(truncatingIfNeeded: state["ExitCode"]?.intValue ?? 0)
    }

    private static func startStatus(_ error: CommandError) -> Int32 {
        let status = error.exitCode ?? Run.startStatus(error.message)
        return status == 125 ? 1 : status
    }

    /// Returns the ID of the new exec.
    private static func create(_ call: Invocation, isDetached: Bool) throws -> String {
        let flags = call.flags
        var body = JSONObject()
        body["User"] = .string(flags.string("user"))
        body["Privileged"] = .bool(flags.bool("privileged"))
        body["Tty"] = .bool(flags.bool("tty"))
        if !isDetached {
            body["AttachStdin"] = .bool(flags.bool("interactive"))
            body["AttachStdout"] = true
            body["AttachStderr"] = true
        }
        if flags.isSet("detach-keys") { body["DetachKeys"] = .string(flags.string("detach-keys")) }
        let environment = call.session.environment
        let variables = try Pairs.environment(
            files: flags.list("env-file"), words: flags.list("env"), lookup: { environment[$0] })
        if !variables.isEmpty { body["Env"] = strings(variables) }
        body["WorkingDir"] = .string(flags.string("workdir"))
        body["Cmd"] = strings(call.arguments.dropFirst())
        if flags.bool("tty"), let size = WindowSize.current {
            body["ConsoleSize"] = [JSON(size.rows), JSON(size.columns)]
        }
        let answer = try call.client.post(Lifecycle.path(call.arguments[0]) + "/exec", body: .object(body))
        return answer["Id"]?.stringValue ?? ""
    }
}
