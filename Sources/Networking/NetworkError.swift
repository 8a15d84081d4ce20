internal import Linux
internal import Netlink

/// Errors of the network service; their descriptions are shown to users.
package enum NetworkError: Error, Sendable, CustomStringConvertible {
    /// A host port is in use: by whom, and the next free one.
    case portTaken(address: String, port: UInt16, transport: String, holder: String, nextFree: UInt16?)
    case noSuchNetwork(String)
    case poolExhausted(String)
    case invalid(String)
    case system(String)

    init(_ error: NetlinkError) { self = .system("\(error)") }
    init(_ error: SystemError) { self = .system("\(error)") }

    package var description: String {
        switch self {
        case .portTaken(let address, let port, let transport, let holder, let nextFree):
            // Clients match the second half.
            "port \(port) is taken by \(holder)" + (nextFree.map { "; \($0) is free" } ?? "")
                + ": failed to bind host port \(address):\(port)/\(transport): "
                + "Bind for \(address):\(port) failed: port is already allocated"
        case .noSuchNetwork(let name): "network \(name) not found"
        case .poolExhausted(let network): "no available IPv4 addresses on this network's address pool: \(network)"
        case .invalid(let text), .system(let text): text
        }
    }
}
