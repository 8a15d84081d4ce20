internal import DockerAPI
internal import Engine
internal import HTTP
internal import JSON
internal import Linux
internal import NIOCore

/// Processes started in running containers.
struct ExecRoutes: Sendable {
    let engine: Engine

    var routes: [Route] {
        [
            Route("POST", "/containers/{id}/exec", create), Route("POST", "/exec/{id}/start", start),
            Route("POST", "/exec/{id}/resize", resize), Route("GET", "/exec/{id}/json", inspect),
        ]
    }

    @Sendable private func create(_ call: Call) async throws {
        let request = try call.decoded(ExecCreateRequest.self, from: try await call.document())
        guard request.Cmd?.words.isEmpty == false else { throw APIError.badRequest("No exec command specified") }
        _ = try DetachKeys(request.DetachKeys)
        let id = try await uninterrupted { try await engine.createExec(call.path("id"), request) }
        try await call.answer(.created, IDResponse(Id: id))
    }

    @Sendable private func start(_ call: Call) async throws {
        let request = try call.decoded(ExecStartRequest.self, from: try await call.optionalDocument() ?? [:])
        let id = call.path("id")
        guard !request.Detach else {
            // A detached process has no stream; should one come all the same, it ends here.
            try await uninterrupted { _ = try await engine.startExec(id, request) }
            return try await call.answer(.ok)
        }
        let keys = try DetachKeys(try await engine.inspectExec(id).DetachKeys)
        let attached: AttachedStream
        do {
            guard let stream = try await engine.startExec(id, request) else {
                return try await refuse(call, request, "the process was started without its streams")
            }
            attached = stream
        } catch EngineError.launch(_, let message) {
            return try await refuse(call, request, message)
        }
        // How the stream comes is the start's to say, whether there is a terminal the create's.
        let isTerminal = attached.isTerminal
        let type = StreamFrame.contentType(isTerminal: request.Tty, call.version)
        let needsFrames = isTerminal && !request.Tty
        let reframing: (@Sendable () -> (ByteBuffer) -> ByteBuffer)? =
            isTerminal == request.Tty ? nil : { @Sendable in StreamFrame.reframe(adding: needsFrames) }
        let connection = try await call.responder.hijack(["Content-Type": type])
        let end = try await connection.splice(
            with: try socket(of: attached), detachKeys: isTerminal ? keys : nil,
            reframing: reframing)
        if end == .finished { await untilExitIsKnown(id) }
    }

    /// Clients ask for the exit code as soon as the stream ends, and the end of the stream may be known a moment earlier.
    private func untilExitIsKnown(_ id: String) async {
        // A process that closed its streams and goes on is not waited for.
        await engine.waitForExec(id, atMost: .milliseconds(100))
    }

    /// Clients read why a process did not start from its output; its exit code is in the inspection.
    private func refuse(_ call: Call, _ request: ExecStartRequest, _ message: String) async throws {
        let type = StreamFrame.contentType(isTerminal: request.Tty, call.version)
        let connection = try await call.responder.hijack(["Content-Type": type])
        var buffer = ByteBuffer()
        let line = Array("\(message)\r\n".utf8)
        if request.Tty {
            buffer.writeBytes(line)
        } else {
            StreamFrame.append(line, source: .stdout, to: &buffer)
        }
        try await connection.write(buffer)
        try await connection.finish()
    }

    @Sendable private func resize(_ call: Call) async throws {
        let size = try TerminalSize(call)
        try await engine.resizeExec(call.path("id"), columns: size.columns, rows: size.rows)
        try await call.answer(.ok)
    }

    @Sendable private func inspect(_ call: Call) async throws {
        try await call.answer(.ok, try await engine.inspectExec(call.path("id")))
    }
}
