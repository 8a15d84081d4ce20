internal import ByteText
internal import DockerAPI
internal import HTTP
internal import Images
internal import JSON
internal import OCI
internal import Registry

/// What is asked of registries without bringing an image here: logging in, searching, looking at one.
struct RegistryRoutes: Sendable {
    let images: ImageService

    var routes: [Route] {
        [
            Route("POST", "/auth", logIn), Route("GET", "/images/search", search),
            Route("GET", "/distribution/{name...}/json", inspect),
        ]
    }

    @Sendable private func logIn(_ call: Call) async throws {
        let document = try await call.document(naming: [
            "username", "password", "serveraddress", "identitytoken", "registrytoken", "auth",
        ])
        let server = document["serveraddress"]?.stringValue ?? ""
        var domain = server[...]
        for scheme in ["https://", "http://"] where domain.hasBytePrefix(scheme) {
            domain = domain.dropFirst(scheme.count)
        }
        domain = domain.prefix(untilByte: "/")
        let registry = domain.isEmpty ? "docker.io" : String(domain)
        guard let reference = try? Reference(registry + "/login") else {
            throw APIError.badRequest("invalid registry \"\(server)\"")
        }
        let session = await images.registry.session(for: reference, credentials: RegistryCredentials(document))
        do {
            let token = try await session.logIn()
            try await call.answer(.ok, json: ["Status": "Login Succeeded", "IdentityToken": .string(token)])
        } catch let error as RegistryError {
            switch error {
            case .unauthorized(let message) where message.hasBytePrefix("login attempt"):
                throw APIError(.unauthorized, message)
            case .unauthorized, .anonymous:
                throw APIError(.unauthorized, "Get \"https://\(session.authority)/v2/\": \(error)")
            default: throw APIError(.internalServerError, "\(error)")
            }
        }
    }

    /// The image's descriptor in its registry, and the platforms there are.
    @Sendable private func inspect(_ call: Call) async throws {
        let image = try await RemoteImage(call, images)
        let document = try await image.document()
        let parsed: ImageDocument
        do {
            parsed = try ImageDocument(parsing: document.bytes, mediaType: document.mediaType)
        } catch {
            throw APIError(.internalServerError, "\(image.reference.familiar): \(error)")
        }
        var platforms: [JSON] = []
        var mediaType = ""
        switch parsed {
        case .index(let index):
            mediaType = index.mediaType
            platforms = index.manifests.compactMap(\.platform).map(\.json)
        case .manifest(let manifest):
            mediaType = manifest.mediaType
            do throws(RegistryError) {
                let bytes = try await image.session.document(manifest.configuration)
                if let configuration = try? ImageConfiguration(parsing: bytes) {
                    platforms = [configuration.platform.json]
                }
            } catch {
                throw ImageError(error, image.reference)
            }
        }
        try await call.answer(
            .ok,
            json: [
                "Descriptor": [
                    "mediaType": .string(mediaType), "digest": .string(document.digest.description),
                    "size": JSON(document.bytes.count),
                ],
                "Platforms": .array(platforms),
            ])
    }

    @Sendable private func search(_ call: Call) async throws {
        guard let term = call.query("term") else { throw APIError.badRequest("invalid search term: it is empty") }
        if term.contains(bytes: "://") {
            throw APIError.badRequest("invalid repository name (ex: \"registry.domain.tld/myrepos\")")
        }
        let limit = try call.integer("limit") ?? 25
        guard (1...100).contains(limit) else {
            throw APIError.badRequest("limit \(limit) is outside the range of [1, 100]")
        }
        let filter = try SearchFilter(call.filters())
        let domain = term.contains(byte: "/") ? String(term.prefix(untilByte: "/")) : "docker.io"
        do {
            let found = try await images.registry.search(
                term, limit: limit, credentials: call.credentials(for: domain))
            let rows: [JSON] = found.filter(filter.passes).map { row in
                [
                    "star_count": JSON(row.stars), "is_official": .bool(row.isOfficial), "name": .string(row.name),
                    "is_automated": .bool(row.isAutomated), "description": .string(row.description),
                ]
            }
            try await call.answer(.ok, json: .array(rows))
        } catch let error as RegistryError {
            throw APIError(.internalServerError, "\(error)")
        }
    }
}
