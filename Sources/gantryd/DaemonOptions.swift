internal import ByteText
internal import ArgumentParser
internal import JSON

/// The command line of `gantryd`: each option is one key of the configuration file.
struct DaemonOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gantryd",
        abstract: "The daemon of Gantry: images and containers behind Docker's Engine API.")

    @Option(name: .customLong("data-root"), help: "Where images and containers are kept (default /var/lib/gantry).")
    var dataRoot: String?
    @Option(name: .customLong("exec-root"), help: "Where live state is kept (default /run/gantry).")
    var execRoot: String?
    @Option(name: [.customLong("pidfile"), .customShort("p")], help: "The pid file (default /run/gantry/gantryd.pid).")
    var pidfile: String?
    @Option(
        name: [.customLong("host"), .customShort("H")],
        help: "Where to listen: unix:///path, or tcp://address:port with --insecure-tcp. May be repeated.")
    var hosts: [String] = []
    @Flag(name: .customLong("insecure-tcp"), help: "Allow tcp:// without TLS: whoever reaches it is root here.")
    var insecureTCP = false
    @Option(name: [.customLong("group"), .customShort("G")], help: "The group that may use the socket.")
    var group: String?
    @Option(name: .customLong("config-file"), help: "The configuration (default /etc/gantry/daemon.json).")
    var configFile: String?
    @Flag(name: .customLong("validate"), help: "Check the configuration and exit.")
    var validateOnly = false
    @Flag(name: [.customLong("debug"), .customShort("D")], help: "Log more.")
    var debug = false
    @Option(name: [.customLong("log-level"), .customShort("l")], help: "debug, info, warn, error or fatal.")
    var logLevel: String?
    @Flag(name: [.customLong("version"), .customShort("v")], help: "Print the version and exit.")
    var version = false

    @Option(name: .customLong("bip"), help: "Address and mask of the bridge: 10.88.0.1/24.")
    var bip: String?
    @Option(name: [.customLong("bridge"), .customShort("b")], help: "An existing bridge to use, or none.")
    var bridge: String?
    @Option(name: .customLong("fixed-cidr"), help: "The range of container addresses.")
    var fixedCIDR: String?
    @Option(name: .customLong("mtu"), help: "The MTU of the bridge.")
    var mtu: Int?
    @Option(name: .customLong("ip"), help: "The address that ports are published on.")
    var ip: String?
    @Flag(name: .customLong("icc"), inversion: .prefixedNo, help: "Containers may talk to each other.")
    var icc: Bool?
    @Flag(name: .customLong("iptables"), inversion: .prefixedNo, help: "Write firewall rules.")
    var iptables: Bool?
    @Flag(name: .customLong("ip-masq"), inversion: .prefixedNo, help: "Containers leave with the host's address.")
    var ipMasquerade: Bool?
    @Flag(name: .customLong("ip-forward"), inversion: .prefixedNo, help: "Switch on net.ipv4.ip_forward.")
    var ipForward: Bool?
    @Option(name: .customLong("dns"), help: "A name server for containers. May be repeated.")
    var dns: [String] = []
    @Option(name: .customLong("dns-search"), help: "A search domain for containers. May be repeated.")
    var dnsSearch: [String] = []
    @Option(name: .customLong("dns-opt"), help: "A resolver option for containers. May be repeated.")
    var dnsOptions: [String] = []

    @Option(name: .customLong("insecure-registry"), help: "A registry that may be used without TLS. May be repeated.")
    var insecureRegistries: [String] = []
    @Option(name: .customLong("registry-mirror"), help: "A mirror of Docker Hub. May be repeated.")
    var registryMirrors: [String] = []
    @Option(name: .customLong("max-concurrent-downloads"), help: "Layers fetched at once by a pull.")
    var maxConcurrentDownloads: Int?
    @Option(name: .customLong("max-concurrent-uploads"), help: "Blobs sent at once by a push.")
    var maxConcurrentUploads: Int?
    @Option(name: .customLong("max-download-attempts"), help: "How often a broken transfer is tried again.")
    var maxDownloadAttempts: Int?
    @Option(name: .customLong("http-proxy"), help: "The proxy for registries without TLS.")
    var httpProxy: String?
    @Option(name: .customLong("https-proxy"), help: "The proxy for registries.")
    var httpsProxy: String?
    @Option(name: .customLong("no-proxy"), help: "Hosts, domains and networks that need no proxy, comma-separated.")
    var noProxy: String?
    @Option(name: .customLong("default-shm-size"), help: "Size of /dev/shm in containers.")
    var sharedMemorySize: String?
    @Option(name: .customLong("log-driver"), help: "json-file or none.")
    var logDriver: String?
    @Flag(name: .customLong("no-new-privileges"), help: "Containers gain no privileges by executing set-user-id files.")
    var noNewPrivileges = false
    @Option(
        name: .customLong("seccomp-profile"), help: "builtin, unconfined, or a file with the profile of containers.")
    var seccompProfile: String?
    @Option(name: .customLong("default-cgroupns-mode"), help: "private or host.")
    var cgroupNamespaceMode: String?
    @Option(name: .customLong("default-ipc-mode"), help: "private or shareable.")
    var ipcMode: String?
    @Option(name: .customLong("label"), help: "A label of the daemon. May be repeated.")
    var labels: [String] = []
    @Option(name: .customLong("storage-driver"), help: "overlay2, vfs or btrfs.")
    var storageDriver: String?
    @Option(name: .customLong("shutdown-timeout"), help: "Seconds that running requests get when the daemon stops.")
    var shutdownTimeout: Int?

    /// What was said on the command line, under the keys of the configuration file.
    var settings: [String: JSON] {
        var settings: [String: JSON] = [:]
        let texts = [
            "data-root": dataRoot, "exec-root": execRoot, "pidfile": pidfile, "group": group, "log-level": logLevel,
            "bip": bip, "bridge": bridge, "fixed-cidr": fixedCIDR, "ip": ip, "default-shm-size": sharedMemorySize,
            "log-driver": logDriver, "storage-driver": storageDriver, "seccomp-profile": seccompProfile,
            "default-cgroupns-mode": cgroupNamespaceMode, "default-ipc-mode": ipcMode,
            "http-proxy": httpProxy, "https-proxy": httpsProxy, "no-proxy": noProxy,
        ]
        for (key, value) in texts { settings[key] = value.map { .string($0) } }
        let numbers = [
            "mtu": mtu, "max-concurrent-downloads": maxConcurrentDownloads,
            "max-concurrent-uploads": maxConcurrentUploads, "max-download-attempts": maxDownloadAttempts,
            "shutdown-timeout": shutdownTimeout,
        ]
        for (key, value) in numbers { settings[key] = value.map { JSON($0) } }
        let flags = ["icc": icc, "iptables": iptables, "ip-masq": ipMasquerade, "ip-forward": ipForward]
        for (key, value) in flags { settings[key] = value.map { .bool($0) } }
        if debug { settings["debug"] = true }
        if noNewPrivileges { settings["no-new-privileges"] = true }
        let lists = [
            "hosts": hosts, "dns": dns, "dns-search": dnsSearch, "dns-opts": dnsOptions, "labels": labels,
            "insecure-registries": insecureRegistries, "registry-mirrors": registryMirrors,
        ]
        for (key, value) in lists where !value.isEmpty { settings[key] = .array(value.map { .string($0) }) }
        return settings
    }

    /// Docker's spelling of switches: `--icc=false` is `--no-icc`, `--debug=true` is `--debug`.
    static func normalized(_ arguments: [String]) -> [String] {
        let switches: Set<String> = [
            "debug", "icc", "iptables", "ip-masq", "ip-forward", "insecure-tcp", "validate", "no-new-privileges",
        ]
        return arguments.compactMap { argument in
            let parts = argument.split(byte: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, argument.hasBytePrefix("--"),
                switches.contains(String(parts[0].dropFirst(bytes: 2)))
            else {
                return argument
            }
            switch parts[1].lowercased() {
            case "true", "1": return parts[0]
            case "false", "0":
                return ["--icc", "--iptables", "--ip-masq", "--ip-forward"].contains(parts[0])
                    ? "--no-" + parts[0].dropFirst(2) : nil
            default: return argument
            }
        }
    }
}
