internal import DockerAPI
internal import Engine
internal import HTTP
internal import JSON
internal import Linux
internal import NIOCore

/// Logs, attach and wait: answers that take as long as the container does.
struct ContainerStreamRoutes: Sendable {
    let engine: Engine

    var routes: [Route] {
        [
            Route("GET", "/containers/{id}/logs", logs), Route("POST", "/containers/{id}/attach", attach),
            Route("POST", "/containers/{id}/wait", wait),
        ]
    }

    @Sendable private func logs(_ call: Call) async throws {
        var options = LogOptions()
        options.follow = call.flag("follow")
        options.stdout = call.flag("stdout")
        options.stderr = call.flag("stderr")
        guard options.stdout || options.stderr else {
            throw APIError.badRequest("Bad parameters: you must choose at least one stream")
        }
        options.since = try TimeParameter.nanoseconds(call.query("since"))
        options.until = try TimeParameter.nanoseconds(call.query("until"))
        // Whatever is no number means all lines, as in Docker.
        options.tail = call.query("tail").flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
        let log = try await engine.logs(call.path("id"), options)
        let type = StreamFrame.contentType(isTerminal: log.isTerminal, call.version)
        let stream = try await call.responder.stream(.ok, ["Content-Type": type])
        let timestamps = call.flag("timestamps")
        while let entries = try await log.next() {
            try await stream.write(
                StreamFrame.buffer(entries, isTerminal: log.isTerminal, timestamps: timestamps))
        }
    }

    @Sendable private func attach(_ call: Call) async throws {
        let keys = try DetachKeys(call.query("detachKeys"))
        var options = AttachOptions()
        options.stdin = call.flag("stdin")
        options.stdout = call.flag("stdout")
        options.stderr = call.flag("stderr")
        let id = call.path("id")
        let replayed = try await replay(call, id, options)
        guard call.flag("stream") else {
            let type = StreamFrame.contentType(isTerminal: replayed.isTerminal, call.version)
            let connection = try await call.responder.hijack(["Content-Type": type])
            for piece in replayed.pieces { try await connection.write(piece) }
            return try await connection.finish()
        }
        let attached = try await engine.attach(id, options)
        let isTerminal = attached.isTerminal
        let type = StreamFrame.contentType(isTerminal: isTerminal, call.version)
        let connection = try await call.responder.hijack(["Content-Type": type])
        for piece in replayed.pieces { try await connection.write(piece) }
        let end = try await connection.splice(
            with: try socket(of: attached), detachKeys: isTerminal ? keys : nil, forwardsInput: options.stdin)
        if end == .detached { try await publishDetach(id) }
    }

    /// What the container has said so far, when the client asked for it.
    private func replay(
        _ call: Call, _ id: String, _ options: AttachOptions
    ) async throws -> (isTerminal: Bool, pieces: [ByteBuffer]) {
        guard call.flag("logs") else {
            return (call.flag("stream") ? false : try await engine.inspect(id, size: false).Config.Tty, [])
        }
        var selection = LogOptions()
        selection.stdout = options.stdout
        selection.stderr = options.stderr
        let log = try await engine.logs(id, selection)
        var pieces: [ByteBuffer] = []
        while let entries = try await log.next() {
            pieces.append(StreamFrame.buffer(entries, isTerminal: log.isTerminal, timestamps: false))
        }
        return (log.isTerminal, pieces)
    }

    private func publishDetach(_ name: String) async throws {
        let container = try await engine.inspect(name, size: false)
        var attributes = container.Config.Labels ?? [:]
        attributes["image"] = container.Config.Image
        attributes["name"] = String(container.Name.drop { $0 == "/" })
        engine.publish(
            EventMessage(
                Type: "container", Action: "detach", Actor: .init(ID: container.Id, Attributes: attributes),
                timeNano: TimeParameter.now()))
    }

    /// The head goes as soon as the wait is registered: clients start the container only when they have it.
    @Sendable private func wait(_ call: Call) async throws {
        let text = call.version < ProtocolVersion(1, 30) ? nil : call.query("condition")
        guard let condition = WaitCondition(rawValue: text ?? WaitCondition.notRunning.rawValue) else {
            throw APIError.badRequest("invalid condition: \"\(text ?? "")\"")
        }
        let wait = try await engine.wait(call.path("id"), condition)
        let stream = try await call.responder.stream(.ok, ["Content-Type": "application/json"])
        let result = await wait.result()
        try await stream.write(try JSONEncoding.encode(result) + [0x0A])
    }
}

extension DetachKeys {
    /// The keys a client asked for, or the standard ones.
    init(_ text: String?) throws(APIError) {
        guard let keys = DetachKeys(parsing: text ?? "") else {
            throw .badRequest("Invalid detach keys (\(text ?? "")) provided")
        }
        self = keys
    }
}
