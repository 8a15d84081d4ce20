internal import ByteText
package import JSON

/// The column PORTS of `ps`: neighbouring ports are one range.
package enum PortList {
    private struct Port {
        var address: String
        var host: Int
        var inside: Int
        var protocolName: String
    }

    /// `ports` as in the container list: IP, PrivatePort, PublicPort, Type.
    package static func text(_ ports: [JSON]) -> String {
        var list = ports.map { port in
            Port(
                address: port["IP"]?.stringValue ?? "", host: Int(port["PublicPort"]?.intValue ?? 0),
                inside: Int(port["PrivatePort"]?.intValue ?? 0), protocolName: port["Type"]?.stringValue ?? "tcp")
        }
        list.sort { left, right in
            if left.inside != right.inside { return left.inside < right.inside }
            if left.address != right.address { return left.address < right.address }
            if left.host != right.host { return left.host < right.host }
            return left.protocolName < right.protocolName
        }
        var result: [String] = []
        var single: [String] = []
        var groups: [String: (first: Int, last: Int)] = [:]
        var order: [String] = []
        for port in list {
            var key = port.protocolName
            if !port.address.isEmpty {
                if port.host != port.inside {
                    let address = port.address.contains(byte: ":") ? "[\(port.address)]" : port.address
                    single.append("\(address):\(port.host)->\(port.inside)/\(port.protocolName)")
                    continue
                }
                key = "\(port.address)/\(port.protocolName)"
            }
            if let group = groups[key] {
                if port.inside == group.last { continue }
                if port.inside == group.last.saturatingAdd(1) {
                    groups[key]?.last = port.inside
                    continue
                }
                result.append(line(key, group))
                groups[key] = (port.inside, port.inside)
            } else {
                groups[key] = (port.inside, port.inside)
                order.append(key)
            }
        }
        for key in order {
            if let group = groups[key] { result.append(line(key, group)) }
        }
        return (result + single).joined(separator: ", ")
    }

    private static func line(_ key: String, _ group: (first: Int, last: Int)) -> String {
        let parts = key.split(byte: "/")
        let range = group.first == group.last ? String(group.first) : "\(group.first)-\(group.last)"
        guard parts.count == 2 else { return "\(range)/\(key)" }
        let address = parts[0].contains(byte: ":") ? "[\(parts[0])]" : String(parts[0])
        return "\(address):\(range)->\(range)/\(parts[1])"
    }
}
