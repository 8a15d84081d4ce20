internal import HTTP
internal import Images
internal import JSON
internal import OCI
internal import Registry

/// An image as its registry has it, asked for by name.
struct RemoteImage: Sendable {
    let reference: Reference
    let session: RegistrySession

    init(_ call: Call, _ images: ImageService) async throws {
        do {
            reference = try Reference(call.path("name")).withDefaultTag
        } catch {
            throw APIError.badRequest("\(error)")
        }
        session = await images.registry.session(for: reference, credentials: call.credentials(for: reference.domain))
    }

    func document() async throws -> RegistrySession.Document {
        do throws(RegistryError) {
            let name = reference.digest?.description ?? reference.tag ?? "latest"
            return try await session.manifest(name, digest: reference.digest)
        } catch {
            throw ImageError(error, reference)
        }
    }
}

/// Manifests and indexes on their way between the command line and a registry.
///
/// Beyond Docker's API: its command line speaks to registries itself, Gantry's has no TLS and lets the daemon go.
struct ManifestRoutes: Sendable {
    let images: ImageService

    var routes: [Route] {
        [
            Route("GET", "/distribution/{name...}/manifest", get),
            Route("PUT", "/distribution/{name...}/manifest", put),
            Route("POST", "/distribution/{name...}/mount", mount),
        ]
    }

    @Sendable private func get(_ call: Call) async throws {
        let document = try await RemoteImage(call, images).document()
        try await call.answer(
            .ok,
            json: [
                "mediaType": .string(document.mediaType ?? ""), "digest": .string(document.digest.description),
                "content": .string(Base64.encode(document.bytes)),
            ])
    }

    @Sendable private func put(_ call: Call) async throws {
        let image = try await RemoteImage(call, images)
        let body = try await call.document(naming: ["mediaType", "content"])
        guard let type = body["mediaType"]?.stringValue, let text = body["content"]?.stringValue,
            let bytes = Base64.decode(text), let tag = image.reference.digest?.description ?? image.reference.tag
        else { throw APIError.badRequest("mediaType, content or tag is missing") }
        do {
            let digest = try await image.session.put(bytes, mediaType: type, as: tag)
            try await call.answer(.ok, json: ["digest": .string(digest.description)])
        } catch let error as RegistryError {
            throw ImageError.plain(error)
        }
    }

    /// Lets the registry take a blob, or a manifest with all it names, from another of its repositories.
    @Sendable private func mount(_ call: Call) async throws {
        let image = try await RemoteImage(call, images)
        guard let from = call.query("from"), let digest = call.query("digest").flatMap({ try? Digest($0) }) else {
            throw APIError.badRequest("from and digest are missing: they say what to take from where")
        }
        do {
            let isThere = try await image.session.mount(digest, from: from)
            try await call.answer(.ok, json: ["mounted": .bool(isThere)])
        } catch let error as RegistryError {
            throw ImageError.plain(error)
        }
    }
}
