// swift-format-ignore-file: AlwaysUseLowerCamelCase
package import JSON

/// One row of `GET /images/json`. Encoded by hand, many times faster than by `Codable`, because there may be thousands.
package struct ImageSummary: Sendable {
    package var Created: Int64 = 0
    package var Id: String = ""
    package var Labels: [String: String]?
    package var ParentId: String = ""
    package var RepoDigests: [String] = []
    package var RepoTags: [String] = []
    package var Size: Int64 = 0
    package var VirtualSize: Int64?

    package init() {}

    package var json: JSON {
        let labels = Labels.map { labels in
            JSON.object(JSONObject(labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        }
        var members: [(String, JSON)] = [
            ("Containers", .number("-1")), ("Created", JSON(Created)), ("Id", .string(Id)),
            ("Labels", labels ?? .null), ("ParentId", .string(ParentId)),
            ("RepoDigests", .array(RepoDigests.map { .string($0) })),
            ("RepoTags", .array(RepoTags.map { .string($0) })), ("SharedSize", .number("-1")), ("Size", JSON(Size)),
        ]
        if let VirtualSize { members.append(("VirtualSize", JSON(VirtualSize))) }
        return .object(JSONObject(members))
    }
}

/// The response of `GET /images/{name}/json`.
package struct ImageInspect: Codable, Sendable, WritesNull {
    package struct RootFS: Codable, Sendable {
        package var `Type`: String = "layers"
        package var Layers: [String]?

        package init() {}
    }

    package struct Metadata: Codable, Sendable {
        package var LastTagTime: String = ContainerState.never

        package init() {}
    }

    package var Id: String = ""
    package var RepoTags: [String] = []
    package var RepoDigests: [String] = []
    package var Parent: String = ""
    package var Comment: String = ""
    package var Created: String?
    package var Container: String?
    package var ContainerConfig: JSON?
    package var DockerVersion: String = ""
    package var Author: String = ""
    package var Config: JSON? = nil
    package var Architecture: String = ""
    package var Variant: String?
    package var Os: String = "linux"
    package var Size: Int64 = 0
    package var VirtualSize: Int64?
    package var GraphDriver: GraphDriver = DockerAPI.GraphDriver()
    package var RootFS: RootFS = RootFS()
    package var Metadata: Metadata = Metadata()

    package static let omitted: Set<String> = [
        "Created", "Container", "ContainerConfig", "Variant", "VirtualSize",
    ]

    package init() {}
}

/// One line of the response of `DELETE /images/{name}`; exactly one member is set.
package struct ImageDeleteItem: Codable, Sendable {
    package var Untagged: String?
    package var Deleted: String?

    package init(Untagged: String? = nil, Deleted: String? = nil) {
        self.Untagged = Untagged
        self.Deleted = Deleted
    }
}

/// One line of the response of `GET /images/{name}/history`.
package struct ImageHistoryItem: Codable, Sendable, WritesNull {
    package var Id: String = "<missing>"
    package var Created: Int64 = 0
    package var CreatedBy: String = ""
    package var Tags: [String]?
    package var Size: Int64 = 0
    package var Comment: String = ""

    package init() {}
}

/// One message of a progress stream (pull, import, load, push).
package struct ProgressMessage: Codable, Sendable {
    package struct Detail: Codable, Sendable {
        package var current: Int64?
        package var total: Int64?

        package init(current: Int64? = nil, total: Int64? = nil) {
            self.current = current
            self.total = total
        }
    }

    package struct Failure: Codable, Sendable {
        package var code: Int?
        package var message: String

        package init(message: String, code: Int? = nil) {
            self.message = message
            self.code = code
        }
    }

    package var stream: String?
    package var status: String?
    package var progressDetail: Detail?
    package var progress: String?
    package var id: String?
    package var errorDetail: Failure?
    package var error: String?
    package var aux: JSON?

    package init() {}
}
