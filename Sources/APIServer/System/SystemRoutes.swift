internal import DockerAPI
internal import Engine
internal import HTTP
internal import Images
internal import JSON
internal import Layers
internal import NIOCore
internal import OCI

/// `_ping`, `version`, `info`, `events`.
struct SystemRoutes: Sendable {
    let engine: Engine
    let images: ImageService

    var routes: [Route] {
        [
            Route("GET", "/_ping", ping), Route("HEAD", "/_ping", ping), Route("GET", "/version", version),
            Route("GET", "/info", info), Route("GET", "/events", events), Route("GET", "/system/df", usage),
        ]
    }

    @Sendable private func ping(_ call: Call) async throws {
        let headers: HTTPHeaders = [
            "Content-Type": "text/plain; charset=utf-8", "Builder-Version": "1", "Swarm": "inactive",
            "Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache",
        ]
        let body = call.request.method == "HEAD" ? "" : "OK"
        try await call.responder.respond(.ok, headers, body: ByteBuffer(string: body))
    }

    @Sendable private func version(_ call: Call) async throws {
        try await call.answer(.ok, engine.version())
    }

    @Sendable private func info(_ call: Call) async throws {
        try await call.answer(.ok, json: await engine.info())
    }

    /// One JSON document a line; the head goes at once, so that a client knows it is listening.
    @Sendable private func events(_ call: Call) async throws {
        let since = try TimeParameter.nanoseconds(call.query("since"))
        // 0 is a moment here, as in Docker: the stream ends with what has happened.
        let until = call.query("until") == "0" ? 0 : try TimeParameter.nanoseconds(call.query("until"))
        if let since, let until, until < since {
            throw APIError.badRequest("`since` time (\(since)) cannot be after `until` time (\(until))")
        }
        let events = engine.events(since: since, until: until, filters: try call.filters())
        let stream = try await call.responder.stream(.ok, ["Content-Type": "application/json"])
        for await event in events {
            try await stream.write(try JSONEncoding.encode(event) + [0x0A])
        }
    }

    @Sendable private func usage(_ call: Call) async throws {
        let records = try images.list(all: true)
        let layers = Set(records.flatMap(\.layers))
        let containers = try await engine.list(all: true, limit: nil, size: true, filters: [:])
        let rows: [JSON] = records.map { record in
            let users = containers.count { $0.ImageID == record.id.description }
            return [
                "Containers": JSON(users), "Created": JSON(record.created.seconds),
                "Id": .string(record.id.description),
                "Labels": nil, "ParentId": .string(record.parent?.description ?? ""),
                "RepoDigests": .array(record.repoDigests.map { .string($0) }),
                "RepoTags": .array(record.repoTags.map { .string($0) }), "SharedSize": 0, "Size": JSON(record.size),
            ]
        }
        try await call.answer(
            .ok,
            json: [
                "LayersSize": JSON(images.size(of: layers)), "Images": .array(rows),
                "Containers": try JSONEncoding.json(containers), "Volumes": [], "BuildCache": [], "BuilderSize": 0,
            ])
    }
}
