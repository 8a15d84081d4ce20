internal import DockerAPI
internal import Engine
internal import HTTP
internal import JSON

/// Containers from create to remove. What changes something runs to its end even when the client is gone.
struct ContainerRoutes: Sendable {
    let engine: Engine

    var routes: [Route] {
        [
            Route("GET", "/containers/json", list),
            Route("POST", "/containers/create", create),
            Route("POST", "/containers/prune", prune),
            Route("GET", "/containers/{id...}/json", inspect),
            Route("GET", "/containers/{id}/top", top),
            Route("POST", "/containers/{id}/start", start),
            Route("POST", "/containers/{id}/stop", stop),
            Route("POST", "/containers/{id}/restart", restart),
            Route("POST", "/containers/{id}/kill", kill),
            Route("POST", "/containers/{id}/pause", pause),
            Route("POST", "/containers/{id}/unpause", unpause),
            Route("POST", "/containers/{id}/rename", rename),
            Route("POST", "/containers/{id}/update", update),
            Route("POST", "/containers/{id}/resize", resize),
            Route("DELETE", "/containers/{id}", remove),
        ]
    }

    @Sendable private func list(_ call: Call) async throws {
        let limit = try call.integer("limit").flatMap { $0 > 0 ? $0 : nil }
        let containers = try await engine.list(
            all: call.flag("all"), limit: limit, size: call.flag("size"), filters: try call.filters())
        try await call.answer(.ok, containers)
    }

    @Sendable private func create(_ call: Call) async throws {
        let json = try await call.document()
        guard json.objectValue?.isEmpty == false else {
            throw APIError.badRequest("config cannot be empty in order to create a container")
        }
        let request = try call.decoded(ContainerCreateRequest.self, from: json)
        let (name, platform) = (call.query("name"), call.query("platform"))
        let isRecursive = call.version >= ProtocolVersion(1, 44)
        let created = try await uninterrupted {
            try await engine.create(name: name, request, platform: platform, readOnlyIsRecursive: isRecursive)
        }
        try await call.answer(.created, created)
    }

    @Sendable private func inspect(_ call: Call) async throws {
        try await call.answer(.ok, try await engine.inspect(call.path("id"), size: call.flag("size")))
    }

    @Sendable private func top(_ call: Call) async throws {
        try await call.answer(.ok, try await engine.top(call.path("id"), arguments: call.query("ps_args")))
    }

    @Sendable private func start(_ call: Call) async throws {
        let started = try await uninterrupted { try await engine.start(call.path("id")) }
        try await call.answer(started ? .noContent : .notModified)
    }

    @Sendable private func stop(_ call: Call) async throws {
        let timeout = try call.integer("t")
        let stopped = try await uninterrupted {
            try await engine.stop(call.path("id"), signal: call.query("signal"), timeout: timeout)
        }
        try await call.answer(stopped ? .noContent : .notModified)
    }

    @Sendable private func restart(_ call: Call) async throws {
        let timeout = try call.integer("t")
        try await uninterrupted {
            try await engine.restart(call.path("id"), signal: call.query("signal"), timeout: timeout)
        }
        try await call.answer(.noContent)
    }

    @Sendable private func kill(_ call: Call) async throws {
        try await uninterrupted { try await engine.kill(call.path("id"), signal: call.query("signal")) }
        try await call.answer(.noContent)
    }

    @Sendable private func pause(_ call: Call) async throws {
        try await uninterrupted { try await engine.pause(call.path("id")) }
        try await call.answer(.noContent)
    }

    @Sendable private func unpause(_ call: Call) async throws {
        try await uninterrupted { try await engine.unpause(call.path("id")) }
        try await call.answer(.noContent)
    }

    @Sendable private func rename(_ call: Call) async throws {
        guard let name = call.query("name") else {
            throw APIError.badRequest("neither old nor new names may be empty")
        }
        try await uninterrupted { try await engine.rename(call.path("id"), to: name) }
        try await call.answer(.noContent)
    }

    @Sendable private func update(_ call: Call) async throws {
        let request = try call.decoded(ContainerUpdateRequest.self, from: try await call.document())
        let warnings = try await uninterrupted { try await engine.update(call.path("id"), request) }
        try await call.answer(.ok, json: ["Warnings": .array(warnings.map { .string($0) })])
    }

    @Sendable private func resize(_ call: Call) async throws {
        let size = try TerminalSize(call)
        try await engine.resize(call.path("id"), columns: size.columns, rows: size.rows)
        try await call.answer(.ok)
    }

    @Sendable private func remove(_ call: Call) async throws {
        if call.flag("link") {
            throw APIError.badRequest("links of containers are not kept; remove the container itself")
        }
        let (force, volumes) = (call.flag("force"), call.flag("v"))
        try await uninterrupted { try await engine.remove(call.path("id"), force: force, volumes: volumes) }
        try await call.answer(.noContent)
    }

    @Sendable private func prune(_ call: Call) async throws {
        let filters = try call.filters()
        let result = try await uninterrupted { try await engine.prune(filters: filters) }
        let deleted: JSON = result.deleted.isEmpty ? .null : .array(result.deleted.map { .string($0) })
        try await call.answer(.ok, json: ["ContainersDeleted": deleted, "SpaceReclaimed": JSON(result.spaceReclaimed)])
    }
}

/// The `h` and `w` of a resize.
struct TerminalSize {
    let rows: Int
    let columns: Int

    init(_ call: Call) throws(APIError) {
        rows = try Self.number(call.query("h") ?? "", "height")
        columns = try Self.number(call.query("w") ?? "", "width")
    }

    /// 32 bits without a sign, as Go's strconv.ParseUint reads and refuses them.
    private static func number(_ text: String, _ name: String) throws(APIError) -> Int {
        guard let number = UInt32(digits: text) else {
            let isNumber = !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
            throw .badRequest(
                "invalid resize \(name) \"\(text)\": \(isNumber ? "value out of range" : "invalid syntax")")
        }
        return Int(number)
    }
}
