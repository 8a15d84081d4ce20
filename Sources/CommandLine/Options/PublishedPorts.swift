internal import ByteText
internal import JSON

/// What `-p`, `--publish` and `--expose` mean.
package struct PublishedPorts: Equatable {
    package struct Binding: Equatable {
        package var address: String
        /// Empty: the daemon picks one. May be a range it picks from.
        package var port: String
    }

    /// Container ports such as `80/tcp`, in the order given.
    package private(set) var exposed: [String] = []
    package private(set) var bindings: [String: [Binding]] = [:]

    package init() {}

    /// Reads `[[ADDRESS:]HOSTPORT:]PORT[/PROTOCOL]`, ranges, and the long form `target=80,published=8080`.
    package mutating func publish(_ text: String) throws(CommandError) {
        if text.contains(byte: "=") { return try publishLong(text) }
        let (body, protocolName) = try PublishedPorts.splitProtocol(text)
        let (address, host, container) = try PublishedPorts.split(body)
        guard !container.isEmpty else { throw CommandError("no port specified: \(text)<empty>") }
        guard let ports = PublishedPorts.range(container) else {
            throw CommandError("invalid containerPort: \(container)")
        }
        var hosts: ClosedRange<Int>?
        if !host.isEmpty {
            guard let range = PublishedPorts.range(host) else { throw CommandError("invalid hostPort: \(host)") }
            // One container port may take any of a range of host ports.
            guard range.count == ports.count || ports.count == 1 else {
                throw CommandError("invalid ranges specified for container and host Ports: \(container) and \(host)")
            }
            hosts = range
        }
        for (index, port) in ports.enumerated() {
            var text = ""
            if let hosts {
                text =
                    hosts.count == ports.count
                    ? String(hosts.lowerBound + index) : "\(hosts.lowerBound)-\(hosts.upperBound)"
            }
            add("\(port)/\(protocolName)", Binding(address: address, port: text))
        }
    }

    private mutating func publishLong(_ text: String) throws(CommandError) {
        var target = ""
        var published = ""
        var protocolName = "tcp"
        for field in text.split(byte: ",") {
            let parts = field.split(byte: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw CommandError("invalid field: \(field)") }
            let value = String(parts[1])
            switch parts[0].lowercased() {
            case "target": target = value
            case "published": published = value
            case "protocol": protocolName = value.lowercased()
            case "mode": break
            default: throw CommandError("invalid field key: \(parts[0])")
            }
        }
        guard PublishedPorts.range(target) != nil else { throw CommandError("invalid containerPort: \(target)") }
        try publish("\(published.isEmpty ? "" : published + ":")\(target)/\(protocolName)")
    }

    private mutating func add(_ port: String, _ binding: Binding) {
        if !exposed.contains(port) { exposed.append(port) }
        bindings[port, default: []].append(binding)
    }

    /// Reads `PORT[-PORT][/PROTOCOL]` of `--expose`.
    package mutating func expose(_ text: String) throws(CommandError) {
        if text.contains(byte: ":") { throw CommandError("invalid port format for --expose: \(text)") }
        let (body, protocolName) = try PublishedPorts.splitProtocol(text)
        guard let ports = PublishedPorts.range(body) else {
            throw CommandError(
                "invalid range format for --expose: \(body), error: invalid start port '\(body)': invalid syntax")
        }
        for port in ports where !exposed.contains("\(port)/\(protocolName)") {
            exposed.append("\(port)/\(protocolName)")
        }
    }

    private static func splitProtocol(_ text: String) throws(CommandError) -> (String, String) {
        guard let slash = text.lastIndex(ofByte: "/") else { return (text, "tcp") }
        let name = text[text.utf8.index(after: slash)...].lowercased()
        guard ["tcp", "udp", "sctp"].contains(name) else { throw CommandError("invalid proto: \(name)") }
        return (String(text[..<slash]), name)
    }

    private static func split(_ text: String) throws(CommandError) -> (address: String, host: String, port: String) {
        let parts = text.split(byte: ":", omittingEmptySubsequences: false).map(String.init)
        switch parts.count {
        case 1: return ("", "", parts[0])
        case 2: return ("", parts[0], parts[1])
        default:
            var address = parts.dropLast(2).joined(separator: ":")
            if address.hasBytePrefix("["), address.hasByteSuffix("]") {
                address = String(address.dropFirst().dropLast())
            }
            guard address.isEmpty || isAddress(address) else { throw CommandError("invalid IP address: \(address)") }
            return (address, parts[parts.count - 2], parts[parts.count - 1])
        }
    }

    static func range(_ text: String) -> ClosedRange<Int>? {
        let parts = text.split(byte: "-", omittingEmptySubsequences: false)
        guard parts.count <= 2, let low = UInt16(parts[0]), let high = UInt16(parts[parts.count - 1]), low <= high
        else { return nil }
        return Int(low)...Int(high)
    }

    /// Whether this is an IPv4 or IPv6 address.
    static func isAddress(_ text: String) -> Bool {
        let octets = text.split(byte: ".", omittingEmptySubsequences: false)
        if octets.count == 4, octets.allSatisfy({ UInt8($0) != nil }) { return true }
        return text.contains(byte: ":") && text.utf8.allSatisfy { $0.isASCIIHexDigit || ":.%".utf8.contains($0) }
            && text.split(byte: ":", omittingEmptySubsequences: false).count > 2
    }

    var exposedJSON: JSON { .object(JSONObject(exposed.map { ($0, .object(JSONObject())) })) }

    var bindingsJSON: JSON {
        .object(
            JSONObject(
                exposed.compactMap { port in
                    bindings[port].map { list in
                        (port, .array(list.map { ["HostIp": .string($0.address), "HostPort": .string($0.port)] }))
                    }
                }))
    }
}
