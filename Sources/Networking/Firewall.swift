internal import ByteText
internal import CNFTables
internal import Netlink

/// The daemon's own nftables table, changed in-process through libnftables(3), one transaction per call.
///
/// Not thread-safe.
final class Firewall {
    private let context: OpaquePointer
    private let ruleset: RulesetSocket
    let table: String
    /// The commands of the last ``install(bridge:network:icc:masquerade:)``, and the table as the kernel lists it afterwards.
    private var commands = ""
    private var listing = ""
    /// The ruleset generation after this daemon's last change.
    private var generation: UInt32
    /// Another program changed the ruleset since this daemon's last change.
    private var hasForeignChange = false

    init(table: String) throws(NetworkError) {
        guard let context = nft_ctx_new(UInt32(NFT_CTX_DEFAULT)) else {
            throw .system("libnftables cannot be started")
        }
        do {
            ruleset = try RulesetSocket()
            generation = try ruleset.generation()
        } catch {
            nft_ctx_free(context)
            throw NetworkError(error)
        }
        self.context = context
        self.table = table
        nft_ctx_buffer_output(context)
        nft_ctx_buffer_error(context)
    }

    deinit {
        nft_ctx_free(context)
    }

    private func run(_ commands: String) throws(NetworkError) {
        guard nft_run_cmd_from_buffer(context, commands) == 0 else {
            let text = nft_ctx_get_error_buffer(context).map { String(cString: $0) } ?? ""
            throw .system("the firewall refused a change: \(text.split(byte: "\n").first ?? "no reason given")")
        }
        let now = try currentGeneration()
        if now &- generation > 1 { hasForeignChange = true }
        generation = now
    }

    private func currentGeneration() throws(NetworkError) -> UInt32 {
        do {
            return try ruleset.generation()
        } catch {
            throw NetworkError(error)
        }
    }

    private func list(_ what: String, terse: Bool) throws(NetworkError) -> String {
        let flags = nft_ctx_output_get_flags(context)
        defer { nft_ctx_output_set_flags(context, flags) }
        if terse { nft_ctx_output_set_flags(context, flags | UInt32(NFT_CTX_OUTPUT_TERSE)) }
        // A missing table or map is an error, and counts as changed.
        guard nft_run_cmd_from_buffer(context, "list \(what)\n") == 0 else { return "" }
        return nft_ctx_get_output_buffer(context).map { String(cString: $0) } ?? ""
    }

    /// Whether another program has changed the table so that it no longer matches the installation and `endpoints`. Changes of
    /// other tables cost only one listing.
    func isDamaged(_ endpoints: [NetworkEndpoint]) throws(NetworkError) -> Bool {
        let now = try currentGeneration()
        guard hasForeignChange || now != generation else { return false }
        guard try list("table ip \(table)", terse: true) == listing else { return true }
        var expected = Set(
            endpoints.flatMap { endpoint in
                endpoint.ports.map { Self.element($0, endpoint.ipAddress).filter { $0 != " " } }
            })
        for map in ["published", "published_at"] {
            for element in Self.elements(in: try list("map ip \(table) \(map)", terse: false)) {
                guard expected.remove("\(map){\(element)}") != nil else { return true }
            }
        }
        guard expected.isEmpty else { return true }
        (generation, hasForeignChange) = (now, false)
        return false
    }

    /// The elements between `elements = {` and `}`, without spaces.
    private static func elements(in listing: String) -> [Substring] {
        // text: nft writes ASCII
        let text = listing.filter { !$0.isWhitespace }
        guard let start = text.firstRange(of: "elements={") else { return [] }
        return text[start.upperBound...].prefix(untilByte: "}").split(byte: ",")
    }

    /// Recreates the table with the ports of `endpoints`, in one transaction.
    func rebuild(_ endpoints: [NetworkEndpoint]) throws(NetworkError) {
        try run(
            "add table ip \(table)\ndelete table ip \(table)\n" + commands
                + endpoints.map { additions($0.ports, $0.ipAddress) }.joined())
        hasForeignChange = false
        listing = try list("table ip \(table)", terse: true)
    }

    /// Recreates chains and rules in one transaction. Maps keep their elements, so that ports of running containers stay
    /// published while a new daemon starts, until ``replaceAll(_:)`` corrects them.
    func install(bridge: String, network: IPv4Network, icc: Bool, masquerade: Bool) throws(NetworkError) {
        var commands = """
            add table ip \(table)
            add map ip \(table) published { type inet_proto . inet_service : ipv4_addr . inet_service; }
            add map ip \(table) published_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
            add chain ip \(table) publish
            add chain ip \(table) prerouting { type nat hook prerouting priority dstnat; policy accept; }
            add chain ip \(table) output { type nat hook output priority -100; policy accept; }
            add chain ip \(table) postrouting { type nat hook postrouting priority srcnat; policy accept; }
            add chain ip \(table) guard { type filter hook prerouting priority raw; policy accept; }
            add chain ip \(table) forward { type filter hook forward priority filter; policy accept; }
            flush table ip \(table)
            add rule ip \(table) publish dnat ip to ip daddr . meta l4proto . th dport map @published_at
            add rule ip \(table) publish dnat ip to meta l4proto . th dport map @published
            add rule ip \(table) prerouting fib daddr type local jump publish
            add rule ip \(table) output fib daddr type local jump publish
            add rule ip \(table) postrouting oifname "\(bridge)" ct status dnat ip saddr { 127.0.0.0/8, \(network) } masquerade
            add rule ip \(table) guard iifname != "lo" ip daddr 127.0.0.0/8 drop
            add rule ip \(table) forward oifname "\(bridge)" ct state established,related accept
            add rule ip \(table) forward oifname "\(bridge)" ct status dnat accept
            add rule ip \(table) forward iifname != "\(bridge)" oifname "\(bridge)" drop

            """
        if masquerade {
            commands += "add rule ip \(table) postrouting oifname != \"\(bridge)\" ip saddr \(network) masquerade\n"
        }
        if !icc {
            commands += "add rule ip \(table) forward iifname \"\(bridge)\" oifname \"\(bridge)\" drop\n"
        }
        try run(commands)
        self.commands = commands
        listing = try list("table ip \(table)", terse: true)
    }

    func publish(_ ports: [PublishedEndpointPort], to address: String) throws(NetworkError) {
        if ports.isEmpty { return }
        try run(additions(ports, address))
    }

    /// Publishes exactly the ports of `endpoints`, in one transaction.
    func replaceAll(_ endpoints: [NetworkEndpoint]) throws(NetworkError) {
        try run(
            "flush map ip \(table) published\nflush map ip \(table) published_at\n"
                + endpoints.map { additions($0.ports, $0.ipAddress) }.joined())
    }

    private func additions(_ ports: [PublishedEndpointPort], _ address: String) -> String {
        ports.map { "add element ip \(table) \(Self.element($0, address))\n" }.joined()
    }

    func withdraw(_ ports: [PublishedEndpointPort], from address: String) throws(NetworkError) {
        if ports.isEmpty { return }
        try run(ports.map { "delete element ip \(table) \(Self.element($0, address))\n" }.joined())
    }

    func remove() throws(NetworkError) {
        try run("add table ip \(table)\ndelete table ip \(table)\n")
    }

    private static func element(_ port: PublishedEndpointPort, _ address: String) -> String {
        let target = "\(port.transport.rawValue) . \(port.hostPort) : \(address) . \(port.containerPort)"
        return port.hostIP == "0.0.0.0" ? "published { \(target) }" : "published_at { \(port.hostIP) . \(target) }"
    }
}
