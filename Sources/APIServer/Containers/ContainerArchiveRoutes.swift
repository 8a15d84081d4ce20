internal import DockerAPI
internal import Engine
internal import HTTP
internal import JSON
internal import Layers

/// A container's files: what changed, all of them, and as an image.
struct ContainerArchiveRoutes: Sendable {
    let engine: Engine

    var routes: [Route] {
        [
            Route("GET", "/containers/{id}/changes", changes), Route("GET", "/containers/{id}/export", export),
            Route("POST", "/commit", commit),
        ]
    }

    @Sendable private func changes(_ call: Call) async throws {
        let list = try await engine.changes(call.path("id")).map { change -> JSON in
            ["Path": .string(change.path), "Kind": JSON(change.kind.rawValue)]
        }
        try await call.answer(.ok, json: list.isEmpty ? .null : .array(list))
    }

    @Sendable private func export(_ call: Call) async throws {
        let archive = try await engine.export(call.path("id"))
        try await call.send(archive)
    }

    @Sendable private func commit(_ call: Call) async throws {
        guard let container = call.query("container") else {
            throw APIError.badRequest("container is missing: it names what to commit")
        }
        var request = CommitRequest()
        request.reference = try ImageName.reference(call.query("repo"), call.query("tag"))
        request.author = call.query("author") ?? ""
        request.comment = call.query("comment") ?? ""
        request.pause = call.flag("pause", default: true)
        request.changes = call.request.target.all("changes")
        if let body = try await call.optionalDocument(), body.objectValue?.isEmpty == false {
            request.config = try call.decoded(ContainerConfig.self, from: body)
        }
        let (engine, wanted) = (engine, request)
        let id = try await uninterrupted { try await engine.commit(container, wanted) }
        try await call.answer(.created, json: ["Id": .string(id)])
    }
}

extension Call {
    /// Streams an archive; the client sees a cut connection when it cannot be read to its end.
    func send(_ archive: ArchiveStream) async throws {
        // Its first piece before the head, so that what cannot be read at all is refused with a reason.
        let pieces = archive.makeAsyncIterator()
        let first = try await pieces.next()
        let stream = try await responder.stream(.ok, ["Content-Type": "application/x-tar"])
        if let first { try await stream.write(first) }
        while let piece = try await pieces.next() { try await stream.write(piece) }
    }
}
