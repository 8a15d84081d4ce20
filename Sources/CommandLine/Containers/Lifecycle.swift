internal import ByteText
internal import Flags
internal import JSON

/// Commands that do one thing to every container named, print each name, and complain at the end.
enum Lifecycle {
    /// Applies `action` to every name. What works is printed as it was typed.
    static func each(_ names: [String], _ action: (String) throws(CommandError) -> Void) throws(CommandError) -> Int32 {
        var complaints: [String] = []
        for name in names {
            do throws(CommandError) {
                try action(name)
                try Output.line(name)
            } catch {
                if error.isUnreachable { throw error }
                complaints.append(error.message)
            }
        }
        if complaints.isEmpty { return 0 }
        throw CommandError(complaints.joined(separator: "\n"))
    }

    static func path(_ name: String) -> String { "/containers/\(percentEncoded(name))" }

    static func stop() -> Command {
        ending("stop", "Stop one or more running containers")
    }

    static func restart() -> Command {
        ending("restart", "Restart one or more containers")
    }

    private static func ending(_ verb: String, _ summary: String) -> Command {
        Command(
            usage: "[OPTIONS] CONTAINER [CONTAINER...]", summary: summary,
            flags: [
                Flag("signal", "s", .string, "Signal to send to the container"),
                Flag("timeout", "t", .int, "Seconds to wait before killing the container"),
                Flag("time", nil, .int, "", isHidden: true, canonical: "timeout"),
            ], arity: .atLeast(1)
        ) { call in
            var query: Client.Query = []
            if call.flags.isSet("signal") { query.append(("signal", call.flags.string("signal"))) }
            if let seconds = call.flags.int("timeout") { query.append(("t", String(seconds))) }
            let client = try call.client
            return try each(call.arguments) { name throws(CommandError) in
                try client.call("POST", "\(path(name))/\(verb)", query: query)
            }
        }
    }

    static func kill() -> Command {
        Command(
            usage: "[OPTIONS] CONTAINER [CONTAINER...]", summary: "Kill one or more running containers",
            flags: [Flag("signal", "s", .string, "Signal to send to the container")], arity: .atLeast(1)
        ) { call in
            var query: Client.Query = []
            if call.flags.isSet("signal") { query.append(("signal", call.flags.string("signal"))) }
            let client = try call.client
            return try each(call.arguments) { name throws(CommandError) in
                try client.call("POST", path(name) + "/kill", query: query)
            }
        }
    }

    static func pause() -> Command { plain("pause", "Pause all processes within one or more containers") }

    static func unpause() -> Command { plain("unpause", "Unpause all processes within one or more containers") }

    private static func plain(_ verb: String, _ summary: String) -> Command {
        Command(usage: "CONTAINER [CONTAINER...]", summary: summary, arity: .atLeast(1)) { call in
            let client = try call.client
            return try each(call.arguments) { name throws(CommandError) in
                try client.call("POST", "\(path(name))/\(verb)")
            }
        }
    }

    static func remove() -> Command {
        Command(
            usage: "[OPTIONS] CONTAINER [CONTAINER...]", summary: "Remove one or more containers",
            flags: [
                Flag("force", "f", .bool(), "Kill a running container first"),
                Flag("link", "l", .bool(), "Remove the specified link"),
                Flag("volumes", "v", .bool(), "Remove anonymous volumes associated with the container"),
            ], arity: .atLeast(1)
        ) { call in
            var query: Client.Query = []
            if call.flags.bool("volumes") { query.append(("v", "1")) }
            if call.flags.bool("link") { query.append(("link", "1")) }
            let isForced = call.flags.bool("force")
            if isForced { query.append(("force", "1")) }
            let client = try call.client
            var complaints: [String] = []
            for name in call.arguments {
                let bare = name.hasBytePrefix("/") ? String(name.dropFirst(bytes: 1)) : name
                if bare.isEmpty {
                    complaints.append("invalid container name or ID: value is empty")
                    continue
                }
                do throws(CommandError) {
                    try client.call("DELETE", path(bare), query: query)
                    try Output.line(name)
                } catch {
                    if error.isUnreachable { throw error }
                    // With -f what is not there is said, and is no failure.
                    if isForced, error.httpStatus == 404 {
                        Output.complain(error.message)
                    } else {
                        complaints.append(error.message)
                    }
                }
            }
            if complaints.isEmpty { return 0 }
            throw CommandError(complaints.joined(separator: "\n"))
        }
    }

    static func wait() -> Command {
        Command(
            usage: "CONTAINER [CONTAINER...]",
            summary: "Block until one or more containers stop, then print their exit codes", arity: .atLeast(1)
        ) { call in
            let client = try call.client
            var complaints: [String] = []
            for name in call.arguments {
                do throws(CommandError) {
                    let answer = try client.post(path(name) + "/wait")
                    if let message = answer["Error"]?["Message"]?.stringValue, !message.isEmpty {
                        throw CommandError(message)
                    }
                    try Output.line(String(answer["StatusCode"]?.intValue ?? 0))
                } catch {
                    if error.isUnreachable { throw error }
                    complaints.append(error.message)
                }
            }
            if complaints.isEmpty { return 0 }
            throw CommandError(complaints.joined(separator: "\n"))
        }
    }

    static func rename() -> Command {
        Command(usage: "CONTAINER NEW_NAME", summary: "Rename a container", arity: .exactly(2)) { call in
            let (old, new) = (call.arguments[0].trimmed, call.arguments[1].trimmed)
            if old.isEmpty || new.isEmpty { throw CommandError("Error: Neither old nor new names may be empty") }
            do throws(CommandError) {
                try call.session.client().call("POST", path(old) + "/rename", query: [("name", new)])
            } catch {
                if error.isUnreachable { throw error }
                throw CommandError("\(error.message)\nError: failed to rename container named \(old)")
            }
            return 0
        }
    }

    static func update() -> Command {
        let changeable: Set<String> = [
            "blkio-weight", "cpu-period", "cpu-quota", "cpu-rt-period", "cpu-rt-runtime", "cpu-shares", "cpus",
            "cpuset-cpus", "cpuset-mems", "memory", "memory-reservation", "memory-swap", "pids-limit", "restart",
            "kernel-memory",
        ]
        return Command(
            usage: "[OPTIONS] CONTAINER [CONTAINER...]", summary: "Update configuration of one or more containers",
            flags: ContainerFlags.all.filter { changeable.contains($0.name) }, arity: .atLeast(1)
        ) { call in
            guard changeable.contains(where: call.flags.isSet) else {
                throw CommandError("you must provide one or more flags when using this command")
            }
            var body = JSONObject()
            try ContainerRequest.addLimits(call.flags, &body)
            for (name, key) in [("cpu-rt-period", "CpuRealtimePeriod"), ("cpu-rt-runtime", "CpuRealtimeRuntime")] {
                if let value = call.flags.int(name) { body[key] = JSON(value) }
            }
            if call.flags.isSet("restart") {
                body["RestartPolicy"] = try Limits.restartPolicy(call.flags.string("restart"))
            }
            let client = try call.client
            return try each(call.arguments) { name throws(CommandError) in
                let answer = try client.post(path(name) + "/update", body: .object(body))
                for warning in answer["Warnings"]?.arrayValue ?? [] { Output.complain(warning.stringValue ?? "") }
            }
        }
    }
}
