internal import Concurrency
package import DockerAPI
internal import Images
internal import JSON
internal import Logging
package import Layers
package import OCI

/// What a commit was asked to do.
package struct CommitRequest: Sendable {
    package var reference: Reference?
    package var author = ""
    package var comment = ""
    package var pause = true
    /// Dockerfile lines.
    package var changes: [String] = []
    /// In place of the container's own.
    package var config: ContainerConfig?

    package init() {}
}

extension Engine {
    /// What the container has changed of its image's files.
    package func changes(_ name: String) async throws(EngineError) -> [TreeChange] {
        let container = try find(name)
        let snapshots = environment.snapshots
        do throws(LayerError) {
            return try await onThread { () throws(LayerError) in try snapshots.changes(id: container.id) }
        } catch {
            throw EngineError(wrapping: error)
        }
    }

    /// The container's files as one archive.
    package func export(_ name: String) async throws(EngineError) -> ArchiveStream {
        let container = try find(name)
        let stream: ArchiveStream
        do throws(LayerError) {
            stream = ArchiveStream(try environment.snapshots.contents(id: container.id))
        } catch {
            throw EngineError(wrapping: error)
        }
        await container.publish("export")
        return stream
    }

    /// Makes an image of a container; the image's id.
    package func commit(_ name: String, _ request: CommitRequest) async throws(EngineError) -> String {
        let container = try find(name)
        let record = container.record
        let image: ImageRecord
        do {
            image = try environment.images.resolve(record.image)
        } catch {
            throw .image(error)
        }
        var commit = ImageCommit(parent: image, config: try Self.config(record, request, image))
        commit.reference = request.reference
        commit.author = request.author
        commit.comment = request.comment
        commit.createdBy = (record.config.Cmd?.words ?? []).joined(separator: " ")
        // Paused, so that no file is written while it is read.
        let isPaused = request.pause && record.phase.process != nil && !record.phase.isPaused
        if isPaused { try await container.pause() }
        let made: Result<ImageRecord, ImageError>
        do throws(ImageError) {
            made = .success(try await environment.images.commit(container: container.id, commit))
        } catch {
            made = .failure(error)
        }
        if isPaused {
            do {
                try await container.unpause()
            } catch {
                // The commit is done or has failed, whatever the container does now.
                environment.log.warning("container \(record.shortID) is not unpaused after its commit: \(error)")
            }
        }
        do {
            let id = try made.get().id.description
            await container.publish(
                "commit",
                [
                    "comment": request.comment, "imageID": id,
                    "imageRef": request.reference?.withDefaultTag.familiar ?? "",
                ])
            return id
        } catch {
            throw .image(error)
        }
    }

    /// The container's configuration with the changes; the request's, if it has one, completed by the container's.
    private static func config(
        _ record: ContainerRecord, _ request: CommitRequest, _ image: ImageRecord
    ) throws(EngineError) -> ImageConfiguration.Config {
        var config: ImageConfiguration.Config
        do {
            config = ImageConfiguration.Config(try JSONEncoding.json(record.config))
            if var given = request.config {
                given.merge(config)
                config = ImageConfiguration.Config(try JSONEncoding.json(given))
            }
        } catch {
            throw .internalFailure("container \(record.shortID): its configuration cannot be written: \(error)")
        }
        let before = image.configuration.config
        if config.healthcheck == nil { config.healthcheck = before.healthcheck }
        config.volumes = Set(config.volumes + before.volumes).sorted()
        do throws(ImageError) {
            try config.apply(changes: request.changes)
        } catch {
            throw .image(error)
        }
        config.healthcheck?.complete(from: before.healthcheck)
        return config
    }
}
