internal import ByteText
package import DockerAPI
internal import Networking

extension Engine {
    package func networks(filters: [String: [String]]) async throws(EngineError) -> [NetworkResource] {
        let values = FilterValues(filters)
        try values.refuseAllBut(["dangling", "driver", "id", "label", "name", "scope", "type"])
        for kind in values["type"] where !["builtin", "custom"].contains(kind) {
            throw .invalid("invalid filter: 'type'='\(kind)'")
        }
        let dangling = try values.flag("dangling")
        var rows: [NetworkResource] = []
        for network in await environment.networks.networks() {
            // The three there are come with the engine: no labels, and never dangling.
            let isAdmitted =
                values.matches("name", network.name) && values.matches("id", network.id)
                && values.equals("driver", network.driver) && values.equals("scope", "local")
                && values.equals("type", "builtin") && values.labels("label", [:]) && dangling != true
            if isAdmitted { rows.append(resource(network)) }
        }
        return rows
    }

    package func network(_ name: String) async throws(EngineError) -> NetworkResource {
        let all = await environment.networks.networks()
        if let exact = all.first(where: { $0.name == name || $0.id == name }) { return resource(exact) }
        let matches = name.isEmpty ? [] : all.filter { $0.id.hasBytePrefix(name) }
        guard let match = matches.first, matches.count == 1 else { throw .noSuchNetwork(name) }
        return resource(match)
    }

    private func resource(_ network: NetworkInformation) -> NetworkResource {
        var resource = NetworkResource()
        resource.Name = network.name
        resource.Id = network.id
        resource.Created = environment.startedAt
        resource.Driver = network.driver
        resource.IPAM.Config = network.subnet.map { [.init(Subnet: $0, Gateway: network.gateway)] } ?? []
        resource.Options = network.options
        for endpoint in network.endpoints {
            guard let record = try? environment.index.find(endpoint.containerID).record else { continue }
            resource.Containers[endpoint.containerID] = .init(
                Name: record.name, EndpointID: endpoint.id, MacAddress: endpoint.macAddress,
                IPv4Address: "\(endpoint.ipAddress)/\(endpoint.prefixLength)")
        }
        return resource
    }
}
