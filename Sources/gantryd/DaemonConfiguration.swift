internal import ByteText
internal import Engine
internal import Glibc
internal import Images
internal import Layers
internal import JSON
internal import Logging
internal import Networking

/// Everything the daemon was told, checked.
struct DaemonConfiguration {
    static let version = "0.1.0"
    static let commit = "unknown"

    var engine = EngineConfiguration()
    var images = ImageOptions()
    var network: NetworkConfiguration
    var pidfile = "/run/gantry/gantryd.pid"
    var hosts = ["unix:///run/gantry/gantry.sock"]
    var group: String?
    var logLevel = Logger.Level.info
    var shutdownTime = Duration.seconds(5)
    /// Keys of the file that this release does not use.
    var unused: [String] = []

    init(_ settings: [String: JSON], insecureTCP: Bool) throws(DaemonError) {
        try SettingRule.check(settings)
        let reader = SettingsReader(settings)
        engine.dataRoot = try Self.absolute(reader.text("data-root") ?? engine.dataRoot, "data-root")
        engine.execRoot = try Self.absolute(reader.text("exec-root") ?? engine.execRoot, "exec-root")
        pidfile = try reader.text("pidfile") ?? pidfile
        group = try reader.text("group")
        hosts = try reader.list("hosts") ?? hosts
        logLevel = try Self.level(reader)
        engine.debug = logLevel <= .debug
        engine.version = Self.version
        engine.commit = Self.commit
        if let seconds = try reader.number("shutdown-timeout") { shutdownTime = .seconds(min(max(0, seconds), 86400)) }

        // Several daemons on one machine keep out of each other's way by the place of their data.
        let isStandard = engine.dataRoot == EngineConfiguration().dataRoot
        let instance = Self.hash(engine.dataRoot)
        network = NetworkConfiguration(
            instance: instance, bridgeName: isStandard ? "gantry0" : "gantry" + instance)
        if !isStandard { engine.cgroupParent += "-" + instance }
        try readNetwork(reader)
        try readDefaults(reader)
        try readConfinement(reader)
        try readRegistries(reader)
        engine.labels = try reader.list("labels") ?? []
        unused = settings.keys.filter { key in
            if case .honoured? = SettingRule.all[key] { false } else { true }
        }.sorted()
        if hosts.contains(where: { $0.hasBytePrefix("tcp://") }), !insecureTCP {
            throw DaemonError(
                "tcp:// without TLS gives everybody who reaches it root on this machine; "
                    + "use unix://, or say --insecure-tcp if that is what you want")
        }
    }

    private mutating func readNetwork(_ reader: SettingsReader) throws(DaemonError) {
        network.bip = try reader.text("bip")
        network.userBridge = try reader.text("bridge")
        if network.bip != nil, network.userBridge != nil {
            throw DaemonError("you specified -b & --bip, mutually exclusive options; please specify only one")
        }
        network.fixedCIDR = try reader.text("fixed-cidr")
        network.defaultGateway = try reader.text("default-gateway")
        if let mtu = try reader.number("mtu"), mtu != 0 {
            guard (68...65535).contains(mtu) else { throw DaemonError("invalid mtu \(mtu): it must be 68 to 65535") }
            network.mtu = mtu
        }
        network.icc = try reader.flag("icc") ?? true
        network.firewall = try reader.flag("iptables") ?? true
        let masquerade = try reader.flag("ip-masq") ?? true
        network.ipMasquerade = network.firewall && masquerade
        network.ipForward = try reader.flag("ip-forward") ?? true
        network.defaultBindAddress = try reader.text("ip") ?? "0.0.0.0"
        if !network.icc, !network.firewall {
            throw DaemonError("you specified --iptables=false with --icc=false; icc=false needs the firewall to work")
        }
    }

    private mutating func readDefaults(_ reader: SettingsReader) throws(DaemonError) {
        engine.dns = try reader.list("dns") ?? []
        engine.dnsSearch = try reader.list("dns-search") ?? []
        engine.dnsOptions = try reader.list("dns-opts") ?? []
        if let text = try reader.text("default-shm-size") {
            guard let size = Self.size(text) else { throw DaemonError("invalid default-shm-size: \"\(text)\"") }
            engine.sharedMemorySize = size
        }
        let driver = try reader.text("log-driver") ?? engine.logDriver
        guard ["json-file", "none"].contains(driver) else {
            throw DaemonError("log-driver \(driver) is not supported; json-file and none are")
        }
        engine.logDriver = driver
        let storage = try reader.text("storage-driver") ?? ""
        guard let driver = StorageDriverName(storage) else {
            throw DaemonError("storage-driver \(storage) is not supported; overlay2, vfs and btrfs are")
        }
        images.storageDriver = driver
        engine.monitorExecutable = try Self.monitorExecutable()
    }

    private static func absolute(_ path: String, _ name: String) throws(DaemonError) -> String {
        guard path.hasBytePrefix("/") else { throw DaemonError("\(name) must be an absolute path, not \(path)") }
        return path.count > 1 && path.hasByteSuffix("/") ? String(path.dropLast(bytes: 1)) : path
    }

    private static func level(_ reader: SettingsReader) throws(DaemonError) -> Logger.Level {
        let text = try reader.text("log-level") ?? "info"
        let levels: [String: Logger.Level] = [
            "trace": .trace, "debug": .debug, "info": .info, "warn": .warning, "warning": .warning, "error": .error,
            "fatal": .critical, "panic": .critical,
        ]
        guard let level = levels[text] else {
            throw DaemonError("invalid log level \"\(text)\": it is debug, info, warn, error or fatal")
        }
        return try reader.flag("debug") == true ? min(level, .debug) : level
    }

    /// FNV-1a in eight hexadecimal digits: a name for this daemon's things, not a secret.
    private static func hash(_ text: String) -> String {
        let value = text.utf8.reduce(0x811C_9DC5 as UInt32) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// `64m`, `1GiB`, `1024`.
    private static func size(_ text: String) -> Int64? {
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard let number = Int64(digits) else { return nil }
        let shifts = ["": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40]
        var unit = text.dropFirst(digits.count).lowercased()
        if unit.hasByteSuffix("ib") {
            unit.removeLast(2)
        } else if unit.count == 2, unit.hasByteSuffix("b") {
            unit.removeLast()
        }
        guard let shift = shifts[unit], number > 0, number < Int64(1) << (62 - shift) else { return nil }
        // bounded: fewer than 62 bits together, checked above
        return number << shift
    }

    /// Beside this program.
    private static func monitorExecutable() throws(DaemonError) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else { throw DaemonError("/proc is not mounted") }
        let path = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let directory = String(path[..<(path.lastIndex(ofByte: "/") ?? path.startIndex)])
        let program = directory + "/gantry-runtime"
        guard access(program, X_OK) == 0 else {
            throw DaemonError("gantry-runtime is missing beside gantryd in \(directory); install both")
        }
        return program
    }
}
