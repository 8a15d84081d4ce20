internal import Glibc
internal import JSON
internal import Linux

/// `daemon.json`, with Docker's keys.
enum ConfigurationFile {
    static let standardPath = "/etc/gantry/daemon.json"

    /// Keys that do something here.
    static let effective: Set<String> = [
        "bip", "bridge", "data-root", "debug", "default-gateway", "default-shm-size", "dns", "dns-opts", "dns-search",
        "exec-root", "fixed-cidr", "group", "hosts", "icc", "insecure-registries", "ip", "ip-forward", "ip-masq",
        "iptables", "labels", "live-restore", "log-driver", "log-level", "max-concurrent-downloads",
        "max-concurrent-uploads", "max-download-attempts", "mtu", "no-new-privileges", "no-proxy", "http-proxy",
        "https-proxy", "pidfile", "proxies", "registry-mirror-map", "registry-mirrors", "shutdown-timeout",
        "storage-driver",
    ]

    /// Docker's other keys: taken, so that a file can be moved over, and named in the log.
    static let accepted: Set<String> = [
        "allow-direct-routing", "allow-nondistributable-artifacts", "authorization-plugins", "bip6",
        "bridge-accept-fwmark", "builder", "cdi-spec-dirs", "cgroup-parent", "containerd", "containerd-namespace",
        "containerd-plugins-namespace", "cpu-rt-period", "cpu-rt-runtime", "cri-containerd",
        "default-address-pools", "default-cgroupns-mode", "default-gateway-v6", "default-ipc-mode",
        "default-network-opts", "default-runtime", "default-stop-timeout", "default-ulimits", "deprecated-key-path",
        "exec-opts", "experimental", "features", "firewall-backend", "fixed-cidr-v6", "host-gateway-ip",
        "host-gateway-ips", "init", "init-path", "ip-forward-no-drop", "ip6tables",
        "ipv6", "log-format", "log-opts", "metrics-addr",
        "min-api-version", "network-control-plane-mtu", "network-diagnostic-port",
        "node-generic-resources", "nri-opts", "raw-logs", "rootless", "runtimes", "seccomp-profile",
        "selinux-enabled", "storage-opts", "swarm-default-advertise-addr", "tls", "tlscacert", "tlscert", "tlskey",
        "tlsverify", "userland-proxy", "userland-proxy-path", "userns-remap",
    ]

    /// The file's settings. The standard file may be missing; one that was named may not.
    static func read(_ path: String?) throws(DaemonError) -> [String: JSON] {
        let name = path ?? standardPath
        var bytes: [UInt8]
        do {
            bytes = try Descriptor.open(name, O_RDONLY).readAll(limit: 1 << 20)
        } catch {
            if path == nil, error.code == ENOENT { return [:] }
            throw DaemonError("unable to configure the daemon with file \(name): \(error)")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        if bytes.allSatisfy({ $0 <= 0x20 }) { return [:] }
        let json: JSON
        do {
            json = try JSON.parse(bytes)
        } catch {
            throw DaemonError("unable to configure the daemon with file \(name): \(error)")
        }
        guard let object = json.objectValue else {
            throw DaemonError("unable to configure the daemon with file \(name): it must be one object")
        }
        let unknown = object.keys.filter { !effective.contains($0) && !accepted.contains($0) }
        guard unknown.isEmpty else {
            throw DaemonError(
                "unable to configure the daemon with file \(name): "
                    + "the following directives don't match any configuration option: "
                    + unknown.joined(separator: ", "))
        }
        var settings: [String: JSON] = [:]
        for (key, value) in object { settings[key] = value }
        return settings
    }

    /// Both together; a key may be in only one of them.
    static func merged(
        file: [String: JSON], flags: [String: JSON]
    ) throws(DaemonError) -> [String: JSON] {
        let both = flags.keys.filter { file[$0] != nil }.sorted()
        guard both.isEmpty else {
            let list = both.map { key in
                "\(key): (from flag: \(flags[key]?.text() ?? ""), from file: \(file[key]?.text() ?? ""))"
            }
            throw DaemonError(
                "the following directives are specified both as a flag and in the configuration file: "
                    + list.joined(separator: ", "))
        }
        return file.merging(flags) { old, _ in old }
    }
}
