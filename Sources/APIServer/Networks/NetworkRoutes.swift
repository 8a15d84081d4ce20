internal import DockerAPI
internal import Engine
internal import HTTP

/// The networks there are.
struct NetworkRoutes: Sendable {
    let engine: Engine

    var routes: [Route] {
        [
            Route("GET", "/networks", list), Route("GET", "/networks/{id}", inspect),
            Route("DELETE", "/networks/{id}", remove),
        ]
    }

    @Sendable private func list(_ call: Call) async throws {
        try await call.answer(.ok, try await engine.networks(filters: try call.filters()))
    }

    @Sendable private func inspect(_ call: Call) async throws {
        try await call.answer(.ok, try await engine.network(call.path("id")))
    }

    @Sendable private func remove(_ call: Call) async throws {
        let network = try await engine.network(call.path("id"))
        throw APIError(.forbidden, "\(network.Name) is a pre-defined network and cannot be removed")
    }
}
