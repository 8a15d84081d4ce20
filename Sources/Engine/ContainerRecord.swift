package import DockerAPI
package import Networking

/// Everything about a container that outlives it and the daemon: one row of the database.
package struct ContainerRecord: Codable, Sendable {
    let id: String
    package var name: String
    /// RFC 3339 with nanoseconds, and the same in nanoseconds since 1970.
    let created: String
    let createdAt: Int64
    /// The image's digest.
    let image: String
    let path: String
    let args: [String]
    var config: ContainerConfig
    var host: HostConfig
    var endpoints: [String: EndpointSettings]
    var mounts: [MountPoint]
    /// Whether read-only binds are so beneath too; nil for a container of a release that did not know it.
    var readOnlyIsRecursive: Bool?
    package var lifecycle = ContainerLifecycle()
    /// Its place in the bridge network while it runs.
    package var endpoint: NetworkEndpoint?

    enum CodingKeys: String, CodingKey {
        case id, name, created, createdAt, image, path, args, config, host, endpoints, mounts, readOnlyIsRecursive
        case lifecycle, endpoint
    }

    var shortID: String { String(id.prefix(12)) }

    /// `bridge`, `host`, `none` or `container:…`.
    var networkMode: String {
        if config.NetworkDisabled == true { return "none" }
        return host.NetworkMode.isEmpty || host.NetworkMode == "default" ? "bridge" : host.NetworkMode
    }

    /// Asked for with its network, or in the older place.
    var macAddress: String {
        let own = endpoints[networkMode]?.MacAddress ?? ""
        return own.isEmpty ? config.MacAddress ?? "" : own
    }

    package var phase: Phase { lifecycle.phase }

    /// As the API shows it.
    package var state: ContainerState { ContainerState(lifecycle) }
}
