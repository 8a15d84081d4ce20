internal import DockerAPI
package import Engine
package import HTTP
package import Images
internal import JSON
package import Logging
internal import NIOCore

/// The Engine API in front of the engine and its images: finds the route, answers, and turns errors into status codes.
package final class APIServer: Sendable {
    /// What the `Server` header and `docker version` call us.
    package static let product = "Gantry/0.1.0 (linux)"

    private let logger: Logger
    private let router: Router
    /// What this machine is called, in lower case.
    private let names: Set<String>

    /// - Parameter names: what this machine is called by clients on TCP.
    package init(engine: Engine, images: ImageService, logger: Logger, names: [String] = []) {
        self.logger = logger
        self.names = Set(names.map { $0.lowercased() })
        router = Router(
            SystemRoutes(engine: engine, images: images).routes + ContainerRoutes(engine: engine).routes
                + ContainerStreamRoutes(engine: engine).routes + ExecRoutes(engine: engine).routes
                + ContainerArchiveRoutes(engine: engine).routes
                + ImageRoutes(engine: engine, images: images).routes + ImageTransferRoutes(images: images).routes
                + PushRoutes(images: images).routes
                + RegistryRoutes(images: images).routes + ManifestRoutes(images: images).routes
                + NetworkRoutes(engine: engine).routes + AbsentRoutes.routes)
    }

    /// Answers one request; the handler of an ``HTTPServer``.
    package func handle(_ request: HTTPRequest, _ responder: HTTPResponder) async throws {
        responder.setCommonHeaders([
            "Api-Version": APIVersion.newest, "Docker-Experimental": "false", "Ostype": "linux",
            "Server": Self.product,
        ])
        do {
            if let refusal = WebPageRequests.refusal(request.headers, isLocal: request.isLocal, names: names) {
                throw refusal
            }
            try await dispatch(request, responder)
        } catch {
            try await answer(error, to: request, responder)
        }
    }

    private func dispatch(_ request: HTTPRequest, _ responder: HTTPResponder) async throws {
        let (version, path) = ProtocolVersion.split(request.path)
        logger.debug("\(request.method) \(request.target.raw)")
        guard let (route, parameters) = router.find(request.method, path) else {
            if request.method == "OPTIONS" { return try await responder.respond(.ok) }
            throw APIError.pageNotFound
        }
        try version.check()
        try await route.action(Call(request: request, responder: responder, version: version, parameters: parameters))
    }

    private func answer(_ error: any Error, to request: HTTPRequest, _ responder: HTTPResponder) async throws {
        guard responder.isFresh else { throw error }
        if Task.isCancelled { throw error }
        let error = APIError(error)
        if error.status.code >= 500, error.status.code != 501, error.status.code != 503 {
            logger.error("\(request.method) \(request.path): \(error.message)")
        }
        var buffer = ByteBuffer(
            bytes: try JSONEncoding.encode(
                ErrorResponse(message: error.message, exitCode: error.exitCode.map { Int($0) })))
        buffer.writeInteger(0x0A as UInt8)
        try await responder.respond(error.status, ["Content-Type": "application/json"], body: buffer)
    }
}
