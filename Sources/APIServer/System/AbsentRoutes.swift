internal import HTTP
internal import JSON

/// Parts of the API whose honest answer is that there is nothing, or nothing yet.
enum AbsentRoutes {
    static var routes: [Route] { nothing + swarm + later }

    private static var nothing: [Route] {
        [
            Route("GET", "/volumes") { try await $0.answer(.ok, json: ["Volumes": [], "Warnings": nil]) },
            Route("POST", "/volumes/prune") {
                try await $0.answer(.ok, json: ["VolumesDeleted": nil, "SpaceReclaimed": 0])
            },
            Route("POST", "/networks/prune") { try await $0.answer(.ok, json: ["NetworksDeleted": nil]) },
            Route("POST", "/build/prune") {
                try await $0.answer(.ok, json: ["CachesDeleted": nil, "SpaceReclaimed": 0])
            },
            Route("GET", "/volumes/{name}", noVolume), Route("DELETE", "/volumes/{name}", noVolume),
            Route("GET", "/plugins") { try await $0.answer(.ok, json: []) },
        ]
    }

    @Sendable private static func noVolume(_ call: Call) throws {
        throw APIError(.notFound, "get \(call.path("name")): no such volume")
    }

    /// Docker's answer of a node that is not in a swarm.
    private static var swarm: [Route] {
        ["swarm", "nodes", "services", "tasks", "secrets", "configs"].flatMap { name in
            ["GET", "POST", "DELETE"].flatMap { method in
                [Route(method, "/\(name)", noSwarm), Route(method, "/\(name)/{rest...}", noSwarm)]
            }
        }
    }

    @Sendable private static func noSwarm(_ call: Call) throws {
        throw APIError(
            .serviceUnavailable,
            "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this "
                + "node to swarm and try again.")
    }

    private static var later: [Route] {
        [
            ("POST", "/volumes/create", "creating volumes"), ("POST", "/networks/create", "creating networks"),
            ("POST", "/networks/{id}/connect", "connecting to networks"),
            ("POST", "/networks/{id}/disconnect", "disconnecting from networks"),
            ("POST", "/build", "building images"),
            ("POST", "/session", "building images"), ("POST", "/grpc", "building images"),
            ("GET", "/containers/{id}/stats", "container statistics"),
            ("GET", "/containers/{id}/attach/ws", "attaching over a web socket"),
            ("HEAD", "/containers/{id}/archive", "copying files"),
            ("GET", "/containers/{id}/archive", "copying files"),
            ("PUT", "/containers/{id}/archive", "copying files"),
        ].map { method, template, what in
            Route(method, template) { _ in throw APIError.notYet(what) }
        }
    }
}
