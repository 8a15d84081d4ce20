internal import DockerAPI
internal import Networking

extension Container {
    /// `connect` and `disconnect`: an event of the network, with the container as an attribute. Who is in another container's
    /// network is in none of its own.
    func publishNetwork(_ action: String) {
        let name = record.networkMode
        let drivers = ["bridge": "bridge", "host": "host", "none": "null"]
        guard let driver = drivers[name] else { return }
        environment.journal.publish(
            EventMessage(
                Type: "network", Action: action,
                Actor: .init(
                    ID: environment.networks.id(of: name), Attributes: ["container": id, "name": name, "type": driver]),
                timeNano: Clock.nanoseconds()))
    }
}
