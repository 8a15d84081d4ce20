internal import ByteText
internal import DockerAPI
internal import Engine
internal import HTTP
internal import Images
internal import JSON
internal import Layers
package import OCI

/// Images: listed, described, named, taken away.
struct ImageRoutes: Sendable {
    let engine: Engine
    let images: ImageService

    var routes: [Route] {
        [
            Route("GET", "/images/json", list), Route("POST", "/images/prune", prune),
            Route("GET", "/images/{name...}/json", inspect), Route("GET", "/images/{name...}/history", history),
            Route("POST", "/images/{name...}/tag", tag), Route("DELETE", "/images/{name...}", remove),
        ]
    }

    @Sendable private func list(_ call: Call) async throws {
        var filters = try call.filters()
        // Clients before 1.25 have this in place of the filter.
        if call.version < ProtocolVersion(1, 25), let pattern = call.query("filter") {
            filters["reference", default: []].append(pattern)
        }
        let records = try images.list(all: call.flag("all"), filters: filters)
        try await call.answer(.ok, json: .array(records.map { summary($0, call.version).json }))
    }

    private func summary(_ record: ImageRecord, _ version: ProtocolVersion) -> ImageSummary {
        var row = ImageSummary()
        row.Created = record.created.seconds
        row.Id = record.id.description
        row.Labels = record.labels.isEmpty ? nil : record.labels
        row.ParentId = record.parent?.description ?? ""
        row.RepoDigests = record.repoDigests
        row.RepoTags = record.repoTags
        row.Size = record.size
        if version < ProtocolVersion(1, 44) { row.VirtualSize = record.size }
        if record.isDangling, version < ProtocolVersion(1, 43) {
            row.RepoTags = ["<none>:<none>"]
            if row.RepoDigests.isEmpty { row.RepoDigests = ["<none>@<none>"] }
        }
        return row
    }

    @Sendable private func inspect(_ call: Call) async throws {
        let record = try images.resolve(call.path("name"))
        let configuration = record.configuration
        var answer = ImageInspect()
        answer.Id = record.id.description
        answer.RepoTags = record.repoTags
        answer.RepoDigests = record.repoDigests
        answer.Parent = record.parent?.description ?? ""
        // Docker keeps a commit's message in the history.
        answer.Comment =
            configuration.comment.isEmpty ? configuration.history.last?.comment ?? "" : configuration.comment
        answer.Created = configuration.created?.description
        if answer.Created == nil, call.version < ProtocolVersion(1, 44) { answer.Created = ContainerState.never }
        answer.DockerVersion = configuration.dockerVersion
        answer.Author = configuration.author
        answer.Config = try Self.config(configuration, call.version)
        if call.version < ProtocolVersion(1, 45) { try Self.addBuildContainer(configuration, to: &answer) }
        answer.Architecture = record.architecture
        answer.Variant = record.variant.isEmpty ? nil : record.variant
        answer.Os = record.os
        answer.Size = record.size
        if call.version < ProtocolVersion(1, 44) { answer.VirtualSize = record.size }
        answer.GraphDriver.Name = images.snapshots.driverName.rawValue
        answer.RootFS.Layers = record.layers.map(\.description)
        if let time = record.lastTagTime { answer.Metadata.LastTagTime = time.description }
        try await call.answer(.ok, answer)
    }

    /// As the image has it; since 1.50 without what belongs to containers.
    private static func config(_ configuration: ImageConfiguration, _ version: ProtocolVersion) throws -> JSON {
        let known = configuration.config.json
        if version < ProtocolVersion(1, 50) {
            let raw = (try? JSON.parse(configuration.raw))?["config"] ?? known
            let config = try? JSONDecoding.decode(ContainerConfig.self, from: raw)
            return try JSONEncoding.json(config ?? JSONDecoding.decode(ContainerConfig.self, from: known))
        }
        let order = [
            "User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal",
            "ArgsEscaped", "Healthcheck", "OnBuild", "Shell",
        ]
        return .object(JSONObject(order.compactMap { name in known[name].map { (name, $0) } }))
    }

    /// What the image was committed from, as builders of Docker's first years left it.
    private static func addBuildContainer(_ configuration: ImageConfiguration, to answer: inout ImageInspect) throws {
        let raw = try? JSON.parse(configuration.raw)
        answer.Container = raw?["container"]?.stringValue ?? ""
        let config = raw?["container_config"].flatMap { try? JSONDecoding.decode(ContainerConfig.self, from: $0) }
        answer.ContainerConfig = try JSONEncoding.json(config ?? ContainerConfig())
    }

    @Sendable private func history(_ call: Call) async throws {
        let lines = try images.history(call.path("name")).map { entry in
            var line = ImageHistoryItem()
            line.Id = entry.id
            line.Created = entry.created.seconds
            line.CreatedBy = entry.createdBy
            line.Tags = entry.tags.isEmpty ? nil : entry.tags
            line.Size = entry.size
            line.Comment = entry.comment
            return line
        }
        try await call.answer(.ok, lines)
    }

    @Sendable private func tag(_ call: Call) async throws {
        guard let target = try ImageName.reference(call.query("repo"), call.query("tag")) else {
            throw APIError.badRequest("invalid reference format")
        }
        try images.tag(call.path("name"), as: target)
        try await call.answer(.created)
    }

    @Sendable private func remove(_ call: Call) async throws {
        let deletions = try images.remove(
            call.path("name"), force: call.flag("force"), noPrune: call.flag("noprune"), inUse: users)
        try await call.answer(.ok, deletions.map(item))
    }

    /// Without filters the images without a name; with `dangling=false` all that no container needs.
    @Sendable private func prune(_ call: Call) async throws {
        let filters = try call.filters()
        for name in filters.keys.sorted() where !["dangling", "label", "label!", "until"].contains(name) {
            throw APIError.badRequest("invalid filter '\(name)'")
        }
        if filters["until"].map({ $0.count > 1 }) ?? false {
            throw APIError.badRequest("more than one until filter specified")
        }
        let all = filters["dangling"].map { $0.contains("false") || $0.contains("0") } ?? false
        let (images, users) = (images, users)
        let (deletions, freed) = try await uninterrupted {
            let (deletions, freed) = try images.prune(all: all, filters: filters, inUse: users)
            // What interrupted pulls have left has neither labels nor a name.
            let isPlain = filters.keys.allSatisfy { $0 == "dangling" }
            return (deletions, freed.saturatingAdd(isPlain ? images.forgetInterruptedTransfers() : 0))
        }
        let list: JSON = deletions.isEmpty ? .null : try JSONEncoding.json(deletions.map(item))
        try await call.answer(.ok, json: ["ImagesDeleted": list, "SpaceReclaimed": JSON(freed)])
    }

    @Sendable private func users(_ image: ImageID) -> [ContainerUse] {
        engine.containers(using: image.description).map { ContainerUse(id: $0.id, running: $0.isRunning) }
    }

    private func item(_ deletion: ImageDeletion) -> ImageDeleteItem {
        switch deletion {
        case .untagged(let name): ImageDeleteItem(Untagged: name)
        case .deleted(let id): ImageDeleteItem(Deleted: id)
        }
    }
}

/// A name that comes in two parameters: `repo` and `tag`, where the tag may be a digest.
package enum ImageName {
    /// Nil when there is no name.
    package static func reference(_ repository: String?, _ tag: String?) throws(APIError) -> Reference? {
        guard let repository else { return nil }
        do {
            let name = try Reference(repository)
            guard let tag else { return name }
            // What the name brings of its own gives way to the parameter.
            if tag.contains(byte: ":") { return try Reference("\(name.name)@\(tag)") }
            guard let tagged = name.tagged(tag) else { throw APIError.badRequest("invalid tag format") }
            return tagged
        } catch let error as APIError {
            throw error
        } catch {
            throw .badRequest("\(error)")
        }
    }
}
