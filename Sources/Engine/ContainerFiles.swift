internal import ByteText
internal import Glibc
internal import Linux

/// The files that a container gets from its host: /etc/hostname, /etc/hosts and /etc/resolv.conf, and the log; all in
/// `containers/ID` of the data root.
struct ContainerFiles: Sendable {
    let directory: String
    let id: String

    var hostname: String { directory + "/hostname" }
    var hosts: String { directory + "/hosts" }
    var resolver: String { directory + "/resolv.conf" }
    var log: String { directory + "/" + id + "-json.log" }

    init(dataRoot: String, id: String) {
        directory = dataRoot + "/containers/" + id
        self.id = id
    }

    func makeDirectory() throws(SystemError) {
        try Directory.make(directory, mode: 0o710)
    }

    /// Writes in place, because the file may be mounted in a container.
    static func write(_ text: String, to path: String) throws(SystemError) {
        let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o644)
        var text = text
        do {
            try text.withUTF8 { try file.writeAll(UnsafeRawBufferPointer($0)) }
        } catch let error as SystemError {
            throw error
        } catch {
            throw SystemError("write", path, code: EIO)
        }
    }

    /// `address` is nil without a network of its own; in the host's network the names are the host's, as long as none are added.
    static func hosts(
        hostname: String, domainname: String, address: String?, extra: [String], gateway: String?,
        sharesHostNetwork: Bool
    ) -> String {
        if sharesHostNetwork, extra.isEmpty,
            let host = try? Descriptor.open("/etc/hosts", O_RDONLY).readAll(limit: 1 << 20)
        {
            return String(decoding: host, as: UTF8.self)
        }
        var text = """
            127.0.0.1\tlocalhost
            ::1\tlocalhost ip6-localhost ip6-loopback
            fe00::\tip6-localnet
            ff00::\tip6-mcastprefix
            ff02::1\tip6-allnodes
            ff02::2\tip6-allrouters

            """
        var hasInternal = false
        for entry in extra {
            let separator = entry.firstIndex(ofByte: "=") ?? entry.firstIndex(ofByte: ":")
            guard let separator else { continue }
            let name = entry[..<separator]
            var target = String(entry[entry.utf8.index(after: separator)...])
            if target.hasBytePrefix("["), target.hasByteSuffix("]") {
                target = String(target.dropFirst(bytes: 1).dropLast(bytes: 1))
            }
            if target == "host-gateway" { target = gateway ?? "127.0.0.1" }
            if name == "host.docker.internal" { hasInternal = true }
            text += "\(target)\t\(name)\n"
        }
        if !hasInternal { text += "\(gateway ?? "127.0.0.1")\thost.docker.internal\n" }
        if let address {
            let full = domainname.isEmpty ? hostname : "\(hostname).\(domainname) \(hostname)"
            text += "\(address)\t\(full)\n"
        }
        return text
    }

    /// The host's resolver configuration, without servers that only the host can reach.
    static func resolver(servers: [String], search: [String], options: [String], sharesHostNetwork: Bool) -> String {
        let host = (try? Descriptor.open("/etc/resolv.conf", O_RDONLY).readAll(limit: 1 << 20)) ?? []
        let lines = String(decoding: host, as: UTF8.self).lines
        func words(_ name: String) -> [[String]] {
            lines.map { $0.words.map(String.init) }.filter { $0.first == name }
        }
        var nameServers = servers
        if nameServers.isEmpty {
            nameServers = words("nameserver").compactMap { $0.dropFirst().first }
            if !sharesHostNetwork {
                nameServers.removeAll { $0.hasBytePrefix("127.") || $0 == "::1" }
                if nameServers.isEmpty { nameServers = ["8.8.8.8", "8.8.4.4"] }
            }
        }
        let searched = search.isEmpty ? (words("search").last.map { Array($0.dropFirst()) } ?? []) : search
        let chosen = options.isEmpty ? words("options").flatMap { $0.dropFirst() } : options
        var text = nameServers.map { "nameserver \($0)\n" }.joined()
        if !searched.isEmpty, searched != ["."] { text += "search \(searched.joined(separator: " "))\n" }
        if !chosen.isEmpty { text += "options \(chosen.joined(separator: " "))\n" }
        return text
    }
}
