internal import ByteText
internal import Images
internal import JSON
internal import Layers
package import DockerAPI
internal import Networking

extension Engine {
    package func inspect(_ name: String, size: Bool) async throws(EngineError) -> ContainerInspect {
        let container = try find(name)
        let record = container.record
        var document = ContainerInspect()
        document.Id = record.id
        document.Created = record.created
        document.Path = record.path
        document.Args = record.args
        document.State = record.state
        document.Image = record.image
        document.ResolvConfPath = container.files.resolver
        document.HostnamePath = container.files.hostname
        document.HostsPath = container.files.hosts
        document.LogPath = record.host.LogConfig.`Type` == "none" ? "" : container.files.log
        document.Name = "/" + record.name
        document.Driver = environment.snapshots.driverName.rawValue
        document.GraphDriver.Name = document.Driver
        document.RestartCount = record.lifecycle.restarts
        document.ExecIDs = await container.liveExecs()
        document.HostConfig = record.host
        if !record.host.Privileged {
            document.HostConfig.MaskedPaths = record.host.MaskedPaths ?? LaunchPlan.maskedPaths
            document.HostConfig.ReadonlyPaths = record.host.ReadonlyPaths ?? LaunchPlan.readonlyPaths
        }
        document.Mounts = record.mounts
        document.Config = record.config
        document.NetworkSettings = Self.settings(record)
        if size {
            document.SizeRw = try await writtenSize(record.id)
            document.SizeRootFs = await rootSize(record, document.SizeRw ?? 0)
        }
        return document
    }

    func rootSize(_ record: ContainerRecord, _ own: Int64) async -> Int64 {
        // Without its image there is nothing below the container's own files to count.
        ((try? environment.images.resolve(record.image))?.size ?? 0).saturatingAdd(own)
    }

    static func settings(_ record: ContainerRecord) -> NetworkSettings {
        var settings = NetworkSettings()
        settings.Ports = PortPlan.settings(record)
        var endpoint = record.endpoints[record.networkMode] ?? EndpointSettings()
        if let process = record.phase.process {
            settings.SandboxID = record.id
            settings.SandboxKey = "/proc/\(process.pid)/ns/net"
        }
        if let place = record.endpoint {
            endpoint.NetworkID = place.networkID
            endpoint.EndpointID = place.id
            endpoint.IPAddress = place.ipAddress
            endpoint.IPPrefixLen = Int(place.prefixLength)
            endpoint.Gateway = place.gateway
            endpoint.MacAddress = place.macAddress
            settings.EndpointID = place.id
            settings.IPAddress = place.ipAddress
            settings.IPPrefixLen = Int(place.prefixLength)
            settings.Gateway = place.gateway
            settings.MacAddress = place.macAddress
        }
        if !record.networkMode.hasBytePrefix("container:") { settings.Networks = [record.networkMode: endpoint] }
        return settings
    }
}

extension Container {
    /// The exec instances that have not ended, or nil when there are none.
    func liveExecs() -> [String]? {
        let live = execs.values.filter { if case .ended = $0.phase { false } else { true } }.map(\.id)
        return live.isEmpty ? nil : live.sorted()
    }
}
