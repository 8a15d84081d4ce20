internal import ByteText

/// Where a daemon listens.
package enum DaemonEndpoint: Equatable {
    case unix(String)
    case tcp(host: String, port: String)

    package static let standard = DaemonEndpoint.unix("/run/gantry/gantry.sock")

    /// Reads what `-H` takes: `unix:///path`, `tcp://host:port`, `host:port`, `:port`.
    package init(_ text: String) throws(CommandError) {
        let refusal = CommandError(
            "Failed to initialize: unable to resolve docker endpoint: invalid bind address format: \(text)")
        if text.hasBytePrefix("unix://") {
            let path = String(text.dropFirst(7))
            self = path.isEmpty ? .standard : .unix(path)
            return
        }
        var address = text[...]
        if text.hasBytePrefix("tcp://") {
            address = text.dropFirst(6)
        } else if text.hasBytePrefix("http://") {
            address = text.dropFirst(7)
        } else if text.split(byte: "/").count > 1 || text.hasByteSuffix("/") {
            throw refusal
        }
        if let slash = address.firstIndex(ofByte: "/") { address = address[..<slash] }
        if address.hasBytePrefix("["), let close = address.firstIndex(ofByte: "]") {
            let port = address[address.utf8.index(after: close)...]
            self = .tcp(
                host: String(address[address.utf8.index(after: address.startIndex)..<close]),
                port: port.hasBytePrefix(":") && port.count > 1 ? String(port.dropFirst(bytes: 1)) : "2375")
            return
        }
        let parts = address.split(byte: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let host = parts.first else { throw refusal }
        let port = parts.count > 1 ? String(parts[1]) : "2375"
        guard let number = UInt16(port), number > 0 else { throw refusal }
        self = .tcp(host: host.isEmpty ? "127.0.0.1" : String(host), port: port)
    }

    /// As `-H` takes it.
    var text: String {
        switch self {
        case .unix(let path): "unix://\(path)"
        case .tcp(let host, let port): host.contains(byte: ":") ? "tcp://[\(host)]:\(port)" : "tcp://\(host):\(port)"
        }
    }
}
