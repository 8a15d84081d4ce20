internal import ByteText
internal import DockerAPI
internal import JSON
internal import OCI

/// What a request asks for and this release does not do is refused by its name; what may be left out without harm is named in the
/// warnings of the answer. Every field of the API is in one of three lists (honoured, refused, warned): the table is in the tests.
struct OptionCheck {
    let config: ContainerConfig
    let host: HostConfig
    let image: ImageConfiguration.Config
    private(set) var warnings: [String] = []

    /// `config` and `host` as the client sent them.
    init(_ config: ContainerConfig, _ host: HostConfig, image: ImageConfiguration.Config) {
        self.config = config
        self.host = host
        self.image = image
    }

    mutating func check() throws(EngineError) {
        try checkTexts()
        try checkConfig()
        try checkModes()
        try checkHost()
        try checkLog()
        try checkSharedNetwork()
        try Self.check(host.RestartPolicy)
        try checkMounts()
    }

    mutating func addWarning(_ text: String) {
        if !warnings.contains(text) { warnings.append(text) }
    }

    /// What becomes a line of a file in the container, or an argument of the kernel's, must not become two of them.
    private func checkTexts() throws(EngineError) {
        let lines = [
            ("ExtraHosts", host.ExtraHosts ?? []), ("Dns", host.Dns), ("DnsSearch", host.DnsSearch),
            ("DnsOptions", host.DnsOptions), ("Domainname", [config.Domainname]),
        ]
        for (name, values) in lines {
            if let value = values.first(where: { $0.utf8.contains { $0 < 0x20 || $0 == 0x7F } }) {
                throw .invalid("invalid \(name) \(quoted(value)): control characters cannot be in it")
            }
        }
        let words = (config.Entrypoint?.words ?? []) + (config.Cmd?.words ?? []) + (config.Env ?? [])
        if let word = words.first(where: { $0.utf8.contains(0) }) {
            throw .invalid("invalid argument or variable \(quoted(word)): a null character cannot be in it")
        }
    }

    // MARK: Config

    private mutating func checkConfig() throws(EngineError) {
        for variable in config.Env ?? [] where variable.isEmpty || variable.hasBytePrefix("=") {
            throw .invalid("invalid environment variable: \(variable)")
        }
        let test = config.Healthcheck?.Test ?? []
        if let health = config.Healthcheck, test != ["NONE"], !test.isEmpty || health.isTimed {
            throw .notAvailable("Healthcheck (--health-cmd and the other --health flags)")
        }
        if let health = image.healthcheck, health.test != ["NONE"], !health.test.isEmpty, test != ["NONE"] {
            warnings.append("The image's HEALTHCHECK is not run: health checks are not available in this release.")
        }
        let places = Set(
            (host.Mounts ?? []).map(\.Target) + (host.Tmpfs ?? [:]).keys + (host.Binds ?? []).compactMap(Self.target))
        // Clients name the places of binds here too.
        for path in (config.Volumes ?? [:]).keys.sorted() where !places.contains(path) {
            throw .invalid(
                "anonymous volume \(path): volumes are not available yet; bind a directory with -v /source:\(path)")
        }
        for path in image.volumes where !places.contains(path) {
            warnings.append(
                "The image's VOLUME \(path) is a directory of the container itself: volumes are not available in this release."
            )
        }
        if config.ArgsEscaped == true { warnings.append("ArgsEscaped has no effect on linux.") }
    }

    private static func target(_ bind: String) -> String? {
        let parts = bind.split(byte: ":", omittingEmptySubsequences: false)
        return parts.count > 1 ? String(parts[1]) : nil
    }

    // MARK: HostConfig

    private func checkModes() throws(EngineError) {
        func check(_ name: String, _ value: String, _ known: [String], shared: Bool, _ refusal: String)
            throws(EngineError)
        {
            guard !known.contains(value) else { return }
            if shared, value.hasBytePrefix("container:"), value.utf8.count > "container:".utf8.count {
                throw .notAvailable("\(name) \(value)")
            }
            throw .invalid("\(refusal): \(value)")
        }
        try check(
            "IpcMode", host.IpcMode, ["", "none", "private", "shareable", "host"], shared: true, "invalid IPC mode")
        try check("PidMode", host.PidMode, ["", "host"], shared: true, "invalid PID mode")
        try check("UTSMode", host.UTSMode, ["", "host"], shared: false, "invalid UTS mode")
        try check("UsernsMode", host.UsernsMode, ["", "host"], shared: false, "invalid USER namespace mode")
        try check(
            "CgroupnsMode", host.CgroupnsMode, ["", "private", "host"], shared: false,
            "invalid cgroup namespace mode")
        if !host.Cgroup.isEmpty { throw .notAvailable("Cgroup \(host.Cgroup)") }
        if host.UTSMode == "host", !config.Hostname.isEmpty {
            throw .invalid("conflicting options: hostname and the UTS mode")
        }
    }

    private mutating func checkHost() throws(EngineError) {
        if !host.Isolation.isEmpty, host.Isolation.lowercased() != "default" {
            throw .invalid("invalid isolation (\(host.Isolation)): linux only supports 'default'")
        }
        if !["", Self.runtime].contains(host.Runtime) {
            throw .invalid("unknown or invalid runtime name: \(host.Runtime)")
        }
        if host.Init == true { throw .notAvailable("Init (--init)") }
        if !(host.StorageOpt ?? [:]).isEmpty { throw .notAvailable("StorageOpt (--storage-opt)") }
        if !(host.VolumesFrom ?? []).isEmpty { throw .notAvailable("VolumesFrom (--volumes-from)") }
        if !["", "local"].contains(host.VolumeDriver) {
            throw .notAvailable("VolumeDriver (--volume-driver) \(host.VolumeDriver)")
        }
        if !(host.Links ?? []).isEmpty {
            throw .invalid("--link is not available yet; give the address with --add-host NAME:ADDRESS")
        }
        if let request = host.DeviceRequests?.first {
            let driver = request["Driver"]?.stringValue ?? ""
            let wanted = (request["Capabilities"]?.arrayValue ?? []).map { list in
                "[" + (list.arrayValue ?? []).compactMap(\.stringValue).joined(separator: " ") + "]"
            }
            throw .invalid(
                "could not select device driver \(quoted(driver)) with capabilities: [\(wanted.joined(separator: " "))]: "
                    + "DeviceRequests (--gpus) are not available in this release")
        }
        if !(-1000...1000).contains(host.OomScoreAdj) {
            throw .invalid("Invalid value \(host.OomScoreAdj), range for oom score adj is [-1000, 1000]")
        }
        if host.ShmSize < 0 { throw .invalid("SHM size can not be less than 0") }
        if host.Annotations?[""] != nil {
            throw .invalid("invalid Annotations: the empty string is not permitted as an annotation key")
        }
        if !(host.Annotations ?? [:]).isEmpty {
            warnings.append("Annotations are kept and shown, and have no effect on the runtime.")
        }
        let isUnpublished = ["host", "none"].contains(host.NetworkMode) || config.NetworkDisabled == true
        if isUnpublished, !host.PortBindings.isEmpty {
            warnings.append(
                host.NetworkMode == "host"
                    ? "Published ports are discarded when using host network mode"
                    : "Published ports are discarded when the container has no network")
        }
    }

    /// The only one there is.
    static let runtime = "gantry-runtime"

    static func check(_ policy: RestartPolicy) throws(EngineError) {
        switch policy.Name {
        case "": break
        case "no", "always", "unless-stopped":
            guard policy.MaximumRetryCount != 0 else { return }
            throw .invalid(
                "invalid restart policy: maximum retry count can only be used with 'on-failure'"
                    + (policy.MaximumRetryCount < 0 ? " and cannot be negative" : ""))
        case "on-failure":
            if policy.MaximumRetryCount < 0 {
                throw .invalid("invalid restart policy: maximum retry count cannot be negative")
            }
        default:
            throw .invalid(
                "invalid restart policy: unknown policy '\(policy.Name)'; "
                    + "use one of 'no', 'always', 'on-failure', or 'unless-stopped'")
        }
    }

    // MARK: Logs

    private mutating func checkLog() throws(EngineError) {
        let log = host.LogConfig
        guard ["", "json-file", "none"].contains(log.`Type`) else {
            throw .invalid("logger: no log driver named '\(log.`Type`)' is registered; use json-file or none")
        }
        guard let option = log.Config.keys.sorted().first(where: { !Self.isDefault($0, log.Config[$0] ?? "") }) else {
            return
        }
        // Docker does not look at the options of no log.
        if log.`Type` == "none" {
            warnings.append("Options of the log driver have no effect: the log driver is none.")
            return
        }
        guard Self.logOptions.contains(option) else {
            throw .invalid("unknown log opt '\(option)' for json-file log driver")
        }
        throw .notAvailable("LogConfig option \(option) (--log-opt)")
    }

    /// What json-file does anyway.
    private static func isDefault(_ option: String, _ value: String) -> Bool {
        switch option {
        case "mode": ["", "blocking"].contains(value)
        case "max-file": value == "1"
        case "max-size": value == "-1"
        case "compress": value == "false"
        default: false
        }
    }

    private static let logOptions: Set = [
        "mode", "max-buffer-size", "max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex",
        "tag",
    ]

    // MARK: Networks

    /// A container in another one's network has nothing of its own there.
    private mutating func checkSharedNetwork() throws(EngineError) {
        let mac = config.MacAddress ?? ""
        if ["host", "none"].contains(host.NetworkMode), !mac.isEmpty {
            warnings.append("MacAddress has no effect without a network of the container's own.")
        }
        guard host.NetworkMode.hasBytePrefix("container:") || host.NetworkMode == "container" else { return }
        func conflict(_ isAsked: Bool, _ what: String) throws(EngineError) {
            if isAsked { throw .invalid("conflicting options: \(what)") }
        }
        if host.NetworkMode == "container" || host.NetworkMode == "container:" {
            throw .invalid("invalid network mode: invalid container format container:<name|id>")
        }
        try conflict(!config.Hostname.isEmpty, "hostname and the network mode")
        try conflict(!host.Dns.isEmpty, "dns and the network mode")
        try conflict(!(host.ExtraHosts ?? []).isEmpty, "custom host-to-IP mapping and the network mode")
        try conflict(!mac.isEmpty, "mac-address and the network mode")
        try conflict(
            !host.PortBindings.isEmpty || host.PublishAllPorts, "port publishing and the container type network mode")
        try conflict(
            !(config.ExposedPorts ?? [:]).isEmpty, "port exposing and the container type network mode")
    }

    /// The one network there is, by the name that ``HostConfig/NetworkMode`` has for it.
    static func endpoints(
        _ networking: NetworkingConfig?, mode: String, asked: String
    ) throws(EngineError) -> [String: EndpointSettings] {
        var endpoints: [String: EndpointSettings] = [:]
        for (name, settings) in (networking?.EndpointsConfig ?? [:]).sorted(by: { $0.key < $1.key }) {
            let network = name == "default" || name.isEmpty ? "bridge" : name
            guard network == mode || name == asked else {
                if ["bridge", "host", "none"].contains(network) {
                    throw .invalid(
                        "Container cannot be connected to network endpoints: \(mode), \(network): more than one network is "
                            + "not available in this release")
                }
                throw .noSuchNetwork(network)
            }
            try check(settings)
            endpoints[mode] = settings
        }
        return endpoints
    }

    private static func check(_ settings: EndpointSettings) throws(EngineError) {
        let addresses = settings.IPAMConfig ?? EndpointIPAMConfig()
        if !(addresses.IPv4Address ?? "").isEmpty || !(addresses.IPv6Address ?? "").isEmpty {
            throw .invalid(
                "invalid endpoint settings:\nuser-specified IP address is supported on user-defined networks only")
        }
        if !(addresses.LinkLocalIPs ?? []).isEmpty {
            throw .notAvailable("LinkLocalIPs (--link-local-ip) of an endpoint")
        }
        if !(settings.Aliases ?? []).isEmpty {
            throw .invalid(
                "invalid endpoint settings:\nnetwork-scoped aliases are only supported for user-defined networks")
        }
        if !(settings.Links ?? []).isEmpty { throw .notAvailable("the setting Links of an endpoint") }
        if let option = settings.DriverOpts?.keys.sorted().first {
            throw .notAvailable("the setting DriverOpts of an endpoint (\(option))")
        }
    }
}

extension HealthConfig {
    fileprivate var isTimed: Bool {
        [Interval, Timeout, StartPeriod, StartInterval].contains { ($0 ?? 0) != 0 } || (Retries ?? 0) != 0
    }
}
