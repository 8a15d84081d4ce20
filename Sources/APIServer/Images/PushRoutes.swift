internal import DockerAPI
internal import Engine
internal import HTTP
internal import Images
internal import JSON
internal import OCI
internal import Registry

/// `POST /images/{name}/push`.
struct PushRoutes: Sendable {
    let images: ImageService

    var routes: [Route] { [Route("POST", "/images/{name...}/push", push)] }

    @Sendable private func push(_ call: Call) async throws {
        guard let name = try ImageName.reference(call.path("name"), call.query("tag")) else {
            throw APIError.badRequest("invalid reference format")
        }
        let credentials = call.credentials(for: name.domain)
        try await TransferStream.run(call) { progress throws(ImageError) in
            try await images.push(name, credentials: credentials, progress: progress)
        }
    }
}
