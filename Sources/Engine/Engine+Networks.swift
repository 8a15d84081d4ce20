internal import ByteText
package import DockerAPI
internal import Networking

extension Engine {
    package func networks(filters: [String: [String]]) async throws(EngineError) -> [NetworkResource] {
        var rows: [NetworkResource] = []
        for network in await environment.networks.networks() {
            let isAdmitted = filters.allSatisfy { name, values in
                values.isEmpty
                    || values.contains { value in
                        switch name {
                        case "name": network.name.contains(value)
                        case "id": network.id.hasBytePrefix(value)
                        case "driver": network.driver == value
                        case "scope": value == "local"
                        case "type": value == "builtin"
                        case "dangling": value == "false" || value == "0"
                        default: false
                        }
                    }
            }
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
