internal import Flags
internal import JSON

/// The command line of `gantryd`: most flags are a key of the configuration file.
struct DaemonOptions {
    private let flags: ParsedFlags

    init(_ words: some Sequence<String>) throws(FlagError) {
        flags = try ParsedFlags(words, flags: Self.rows.map(\.flag), interspersed: true)
    }

    var wantsHelp: Bool { flags.wantsHelp }
    var version: Bool { flags.bool("version") }
    var validateOnly: Bool { flags.bool("validate") }
    var insecureTCP: Bool { flags.bool("insecure-tcp") }
    var configFile: String? { flags.optional("config-file") }
    /// Words that are no flags; the daemon takes none.
    var arguments: [String] { flags.arguments }

    /// What was said on the command line, under the keys of the configuration file.
    var settings: [String: JSON] {
        var settings: [String: JSON] = [:]
        for (flag, key) in Self.rows where flags.isSet(flag.name) {
            guard let key else { continue }
            switch flag.kind {
            case .bool: settings[key] = .bool(flags.bool(flag.name))
            case .int: settings[key] = flags.int(flag.name).map { JSON($0) }
            case .list: settings[key] = .array(flags.list(flag.name).map { .string($0) })
            case .string, .value: settings[key] = .string(flags.string(flag.name))
            }
        }
        return settings
    }

    static var help: String {
        "Usage:  gantryd [OPTIONS]\n\nThe daemon of Gantry: images and containers behind Docker's Engine API.\n\nOptions:\n"
            + FlagTable.text(rows.map(\.flag).sorted { $0.name < $1.name })
    }

    /// A flag, and the key of the configuration file that it sets.
    private typealias Row = (flag: Flag, key: String?)

    private static func key(
        _ name: String, _ short: Unicode.Scalar? = nil, _ kind: Flag.Kind = .string, _ summary: String,
        key: String? = nil
    ) -> Row {
        (Flag(name, short, kind, summary), key ?? name)
    }

    private static func own(
        _ name: String, _ short: Unicode.Scalar? = nil, _ kind: Flag.Kind = .bool(), _ summary: String
    ) -> Row {
        (Flag(name, short, kind, summary), nil)
    }

    private static let rows: [Row] = [
        own("config-file", nil, .string, "The configuration (default /etc/gantry/daemon.json)"),
        own("insecure-tcp", nil, .bool(), "Allow tcp:// without TLS: whoever reaches it is root here"),
        own("validate", nil, .bool(), "Check the configuration and exit"),
        own("version", "v", .bool(), "Print the version and exit"),

        key("data-root", nil, .string, "Where images and containers are kept (default /var/lib/gantry)"),
        key("exec-root", nil, .string, "Where live state is kept (default /run/gantry)"),
        key("pidfile", "p", .string, "The pid file (default /run/gantry/gantryd.pid)"),
        key(
            "host", "H", .list(), "Where to listen: unix:///path, or tcp://address:port with --insecure-tcp",
            key: "hosts"),
        key("group", "G", .string, "The group that may use the socket"),
        key("debug", "D", .bool(), "Log more"),
        key("log-level", "l", .string, "debug, info, warn, error or fatal"),
        key("label", nil, .list(), "A label of the daemon", key: "labels"),
        key("storage-driver", nil, .string, "overlay2, vfs or btrfs"),
        key("shutdown-timeout", nil, .int, "Seconds that running requests get when the daemon stops"),

        key("bip", nil, .string, "Address and mask of the bridge: 10.88.0.1/24"),
        key("bridge", "b", .string, "An existing bridge to use, or none"),
        key("fixed-cidr", nil, .string, "The range of container addresses"),
        key("mtu", nil, .int, "The MTU of the bridge"),
        key("ip", nil, .string, "The address that ports are published on"),
        key("icc", nil, .bool(true), "Containers may talk to each other"),
        key("iptables", nil, .bool(true), "Write firewall rules"),
        key("ip-masq", nil, .bool(true), "Containers leave with the host's address"),
        key("ip-forward", nil, .bool(true), "Switch on net.ipv4.ip_forward"),
        key("dns", nil, .list(), "A name server for containers"),
        key("dns-search", nil, .list(), "A search domain for containers"),
        key("dns-opt", nil, .list(), "A resolver option for containers", key: "dns-opts"),

        key("insecure-registry", nil, .list(), "A registry that may be used without TLS", key: "insecure-registries"),
        key("registry-mirror", nil, .list(), "A mirror of Docker Hub", key: "registry-mirrors"),
        key("max-concurrent-downloads", nil, .int, "Layers fetched at once by a pull"),
        key("max-concurrent-uploads", nil, .int, "Blobs sent at once by a push"),
        key("max-download-attempts", nil, .int, "How often a broken transfer is tried again"),
        key("http-proxy", nil, .string, "The proxy for registries without TLS"),
        key("https-proxy", nil, .string, "The proxy for registries"),
        key("no-proxy", nil, .string, "Hosts, domains and networks that need no proxy, comma-separated"),

        key("default-shm-size", nil, .string, "Size of /dev/shm in containers"),
        key("log-driver", nil, .string, "json-file or none"),
        key("no-new-privileges", nil, .bool(), "Containers gain no privileges by executing set-user-id files"),
        key("seccomp-profile", nil, .string, "builtin, unconfined, or a file with the profile of containers"),
        key("default-cgroupns-mode", nil, .string, "private or host"),
        key("default-ipc-mode", nil, .string, "private or shareable"),
    ]
}
