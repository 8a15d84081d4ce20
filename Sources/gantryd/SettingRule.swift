internal import ByteText
internal import JSON

/// What becomes of a key of `daemon.json`. Docker's keys are all here; another one is refused.
enum SettingRule: Sendable {
    case honoured
    /// Taken, so that a file can be moved over, and named in the log.
    case ignored
    /// Asks for protection that this release cannot give: a daemon that started without it would run what its
    /// administrator wanted confined. The text says what is the case instead.
    case refused(String)

    static let all: [String: SettingRule] = {
        var rules: [String: SettingRule] = [:]
        for key in honouredKeys { rules[key] = .honoured }
        for key in ignoredKeys { rules[key] = .ignored }
        for (key, reason) in refusedKeys { rules[key] = .refused(reason) }
        return rules
    }()

    private static let honouredKeys = [
        "bip", "bridge", "data-root", "debug", "default-cgroupns-mode", "default-gateway", "default-ipc-mode",
        "default-shm-size", "default-ulimits", "dns", "dns-opts", "dns-search", "exec-root", "fixed-cidr", "group",
        "hosts",
        "icc", "insecure-registries", "ip", "ip-forward", "ip-masq", "iptables", "labels", "live-restore", "log-driver",
        "log-level", "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts", "mtu",
        "no-new-privileges", "no-proxy", "http-proxy", "https-proxy", "pidfile", "proxies", "registry-mirror-map",
        "registry-mirrors", "seccomp-profile", "shutdown-timeout", "storage-driver",
    ]

    private static let ignoredKeys = [
        "allow-direct-routing", "allow-nondistributable-artifacts", "bip6", "bridge-accept-fwmark", "builder",
        "cdi-spec-dirs", "containerd", "containerd-namespace", "containerd-plugins-namespace", "cpu-rt-period",
        "cpu-rt-runtime", "cri-containerd", "default-address-pools", "default-gateway-v6",
        "default-stop-timeout", "deprecated-key-path", "exec-opts", "experimental", "features", "firewall-backend",
        "fixed-cidr-v6", "host-gateway-ip", "host-gateway-ips", "init", "init-path", "ip-forward-no-drop", "ip6tables",
        "ipv6", "log-format", "log-opts", "metrics-addr", "min-api-version", "network-control-plane-mtu",
        "network-diagnostic-port", "node-generic-resources", "raw-logs", "runtimes", "swarm-default-advertise-addr",
        "userland-proxy", "userland-proxy-path",
    ]

    private static let refusedKeys = [
        "authorization-plugins": "no plugin is asked: whoever reaches the API may do everything",
        "cgroup-parent": "containers are in a cgroup of this daemon's own",
        "default-network-opts": "networks have the daemon's own options alone",
        "default-runtime": "containers are run by gantry-runtime",
        "nri-opts": "no plugin is asked about containers",
        "rootless": "this daemon runs as root",
        "selinux-enabled": "containers get no SELinux labels",
        "storage-opts": "the storage of containers is not limited",
        "tls": "the API is not served with TLS", "tlscacert": "the API is not served with TLS",
        "tlscert": "the API is not served with TLS", "tlskey": "the API is not served with TLS",
        "tlsverify": "the API is not served with TLS",
        "userns-remap": "containers run in the host's user namespace",
    ]

    /// Refuses settings that would be dropped although they protect something.
    static func check(_ settings: [String: JSON]) throws(DaemonError) {
        for (key, value) in settings.sorted(by: { $0.key < $1.key }) {
            guard case .refused(let reason)? = all[key], asks(key, value) else { continue }
            throw DaemonError(
                "the setting \(key) (\(value.text())) cannot be honoured by this release: \(reason); take it out of the "
                    + "configuration to start without it")
        }
    }

    /// Whether a value asks for more than Docker's default.
    private static func asks(_ key: String, _ value: JSON) -> Bool {
        switch value {
        case .null: return false
        case .bool(let flag): return flag
        case .number(let literal): return literal != "0"
        case .string(let text): return !text.isEmpty && !(key == "default-runtime" && text == "gantry-runtime")
        case .array(let list):
            // Of the options of storage drivers only those that limit containers protect anything.
            guard key == "storage-opts" else { return !list.isEmpty }
            return list.contains { option in
                let name = option.stringValue?.split(byte: "=").first ?? ""
                return name.hasByteSuffix(".size") || name == "size" || name == "btrfs.min_space"
            }
        case .object(let members):
            // Of the settings of NRI the switch.
            guard key == "nri-opts" else { return !members.isEmpty }
            return members["enable"]?.boolValue == true
        }
    }
}
