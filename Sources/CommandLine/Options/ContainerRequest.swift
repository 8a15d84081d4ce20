internal import ByteText
internal import Flags
internal import JSON
internal import OCI

/// The body of `POST /containers/create` out of the flags of `run` and `create`. Only what was said is sent.
struct ContainerRequest {
    var body = JSONObject()
    let isTerminal: Bool
    let isInteractive: Bool
    let attachInput: Bool
    let attachOutput: Bool
    let attachErrors: Bool
    let autoRemove: Bool

    /// `words` are the image and what follows it.
    init(_ flags: ParsedFlags, words: [String], isDetached: Bool, environment: Environment) throws(CommandError) {
        isTerminal = flags.bool("tty")
        isInteractive = flags.bool("interactive")
        autoRemove = flags.bool("rm")
        let streams = Set(flags.list("attach").map { $0.lowercased() })
        if isDetached {
            (attachInput, attachOutput, attachErrors) = (false, false, false)
        } else if streams.isEmpty {
            (attachInput, attachOutput, attachErrors) = (flags.bool("interactive"), true, true)
        } else {
            attachInput = streams.contains("stdin")
            attachOutput = streams.contains("stdout")
            attachErrors = streams.contains("stderr")
        }
        try addConfiguration(flags, words, environment)
        try addHealth(flags)
        var host = JSONObject()
        try addResources(flags, &host)
        try addHost(flags, &host)
        try addNetworks(flags, &host)
        body["HostConfig"] = .object(host)
    }

    // MARK: What the image could say too

    private mutating func addConfiguration(
        _ flags: ParsedFlags, _ words: [String], _ environment: Environment
    ) throws(CommandError) {
        body["Image"] = .string(words[0])
        if words.count > 1 { body["Cmd"] = strings(words.dropFirst()) }
        set(&body, "Hostname", flags.string("hostname"))
        set(&body, "Domainname", flags.string("domainname"))
        set(&body, "User", flags.string("user"))
        set(&body, "WorkingDir", flags.string("workdir"))
        set(&body, "MacAddress", flags.string("mac-address"))
        body["AttachStdin"] = .bool(attachInput)
        body["AttachStdout"] = .bool(attachOutput)
        body["AttachStderr"] = .bool(attachErrors)
        body["Tty"] = .bool(isTerminal)
        body["OpenStdin"] = .bool(isInteractive)
        body["StdinOnce"] = .bool(isInteractive && attachInput)
        let variables = try Pairs.environment(
            files: flags.list("env-file"), words: flags.list("env"), lookup: { environment[$0] })
        if !variables.isEmpty { body["Env"] = strings(variables) }
        if let entrypoint = flags.optional("entrypoint") {
            // An empty one clears the image's (Docker sends [""] for that).
            body["Entrypoint"] = [.string(entrypoint)]
        }
        let labels = try Pairs.labels(files: flags.list("label-file"), words: flags.list("label"))
        if !labels.isEmpty { body["Labels"] = .object(JSONObject(labels.map { ($0.0, .string($0.1)) })) }
        set(&body, "StopSignal", flags.string("stop-signal"))
        if let seconds = flags.int("stop-timeout") { body["StopTimeout"] = JSON(seconds) }

        var volumes = JSONObject()
        for word in flags.list("volume") {
            if let path = try MountFlag.volume(word).anonymous { volumes[path] = .object(JSONObject()) }
        }
        if !volumes.isEmpty { body["Volumes"] = .object(volumes) }
    }

    private mutating func addHealth(_ flags: ParsedFlags) throws(CommandError) {
        let names = [
            "health-interval", "health-timeout", "health-start-period", "health-start-interval", "health-retries",
        ]
        if flags.bool("no-healthcheck") {
            if flags.isSet("health-cmd") || names.contains(where: flags.isSet) {
                throw CommandError("--no-healthcheck conflicts with --health-* options")
            }
            body["Healthcheck"] = ["Test": ["NONE"]]
            return
        }
        var health = JSONObject()
        if flags.isSet("health-cmd") {
            let command = flags.string("health-cmd")
            health["Test"] = command.isEmpty ? ["NONE"] : ["CMD-SHELL", .string(command)]
        }
        let keys = ["Interval", "Timeout", "StartPeriod", "StartInterval"]
        for (name, key) in zip(names, keys) {
            guard let value = flags.optional(name).flatMap(GoDuration.nanoseconds) else { continue }
            if value < 0 { throw CommandError("--\(name) cannot be negative") }
            health[key] = JSON(value)
        }
        if let retries = flags.int("health-retries") {
            if retries < 0 { throw CommandError("--health-retries cannot be negative") }
            health["Retries"] = JSON(retries)
        }
        if !health.isEmpty { body["Healthcheck"] = .object(health) }
    }

    // MARK: What concerns the host

    private func addResources(_ flags: ParsedFlags, _ host: inout JSONObject) throws(CommandError) {
        try Self.addLimits(flags, &host)
        for (name, key) in [
            ("cpu-rt-period", "CpuRealtimePeriod"), ("cpu-rt-runtime", "CpuRealtimeRuntime"),
            ("memory-swappiness", "MemorySwappiness"), ("oom-score-adj", "OomScoreAdj"),
        ] {
            if let value = flags.int(name) { host[key] = JSON(value) }
        }
        if let size = flags.optional("shm-size").flatMap(Quantities.bytes) { host["ShmSize"] = JSON(size) }
        if flags.bool("oom-kill-disable") { host["OomKillDisable"] = true }
        for (name, key, isRate) in [
            ("device-read-bps", "BlkioDeviceReadBps", true), ("device-write-bps", "BlkioDeviceWriteBps", true),
            ("device-read-iops", "BlkioDeviceReadIOps", false), ("device-write-iops", "BlkioDeviceWriteIOps", false),
        ] where flags.isSet(name) {
            var rules: [JSON] = []
            for text in flags.list(name) { rules.append(try Limits.throttle(text, isRate: isRate)) }
            host[key] = .array(rules)
        }
        if flags.isSet("blkio-weight-device") {
            var rules: [JSON] = []
            for text in flags.list("blkio-weight-device") { rules.append(try Limits.weight(text)) }
            host["BlkioWeightDevice"] = .array(rules)
        }
        if flags.isSet("ulimit") { host["Ulimits"] = .array(flags.list("ulimit").compactMap(Limits.ulimit)) }
        if flags.isSet("device") {
            var devices: [JSON] = []
            for text in flags.list("device") { devices.append(try Limits.device(text)) }
            host["Devices"] = .array(devices)
        }
        if flags.isSet("device-cgroup-rule") { host["DeviceCgroupRules"] = strings(flags.list("device-cgroup-rule")) }
        if flags.isSet("gpus") {
            let value = flags.string("gpus")
            guard value == "all" || Int64(value) != nil else {
                throw CommandError("unsupported value of --gpus: \(value)")
            }
            host["DeviceRequests"] = [
                ["Driver": "", "Count": JSON(Int64(value) ?? -1), "Capabilities": [["gpu"]], "Options": [:]]
            ]
        }
    }

    /// The limits that `update` can change too.
    static func addLimits(_ flags: ParsedFlags, _ host: inout JSONObject) throws(CommandError) {
        for (name, key) in [
            ("memory", "Memory"), ("memory-reservation", "MemoryReservation"), ("memory-swap", "MemorySwap"),
        ] {
            guard let text = flags.optional(name) else { continue }
            host[key] = JSON(text == "-1" ? -1 : Quantities.bytes(text) ?? 0)
        }
        if let cpus = flags.optional("cpus").flatMap(Quantities.nanoCPUs) { host["NanoCpus"] = JSON(cpus) }
        for (name, key) in [
            ("cpu-shares", "CpuShares"), ("cpu-period", "CpuPeriod"), ("cpu-quota", "CpuQuota"),
            ("pids-limit", "PidsLimit"), ("blkio-weight", "BlkioWeight"),
        ] {
            if let value = flags.int(name) { host[key] = JSON(value) }
        }
        if flags.isSet("cpuset-cpus") { host["CpusetCpus"] = .string(flags.string("cpuset-cpus")) }
        if flags.isSet("cpuset-mems") { host["CpusetMems"] = .string(flags.string("cpuset-mems")) }
    }

    private func addHost(_ flags: ParsedFlags, _ host: inout JSONObject) throws(CommandError) {
        var binds: [String] = []
        for word in flags.list("volume") {
            if let bind = try MountFlag.volume(word).bind { binds.append(bind) }
        }
        if !binds.isEmpty { host["Binds"] = strings(binds) }
        if flags.isSet("mount") {
            var mounts: [JSON] = []
            for text in flags.list("mount") { mounts.append(try MountFlag.mount(text)) }
            host["Mounts"] = .array(mounts)
        }
        if flags.isSet("tmpfs") {
            host["Tmpfs"] = .object(
                JSONObject(
                    flags.list("tmpfs").map { word in
                        guard let colon = word.firstIndex(ofByte: ":") else { return (word, "") }
                        return (String(word[..<colon]), .string(String(word[word.utf8.index(after: colon)...])))
                    }))
        }
        set(&host, "ContainerIDFile", flags.string("cidfile"))
        let options = Pairs.object(flags.list("log-opt"))
        if flags.isSet("log-driver") || !options.isEmpty {
            host["LogConfig"] = ["Type": .string(flags.string("log-driver")), "Config": .object(options)]
        }
        if flags.isSet("restart") { host["RestartPolicy"] = try Limits.restartPolicy(flags.string("restart")) }
        if autoRemove {
            let policy = host["RestartPolicy"]?["Name"]?.stringValue ?? "no"
            if policy != "no" { throw CommandError("conflicting options: cannot specify both --restart and --rm") }
            host["AutoRemove"] = true
        }
        for (name, key) in [
            ("volumes-from", "VolumesFrom"), ("cap-add", "CapAdd"), ("cap-drop", "CapDrop"), ("dns", "Dns"),
            ("dns-option", "DnsOptions"), ("dns-search", "DnsSearch"), ("group-add", "GroupAdd"), ("link", "Links"),
        ] where flags.isSet(name) {
            host[key] = strings(flags.list(name))
        }
        if flags.isSet("add-host") {
            host["ExtraHosts"] = strings(
                flags.list("add-host").map { word in
                    guard word.contains(byte: "="), let sign = word.firstIndex(ofByte: "=") else { return word }
                    var address = String(word[word.utf8.index(after: sign)...])
                    if address.hasBytePrefix("["), address.hasByteSuffix("]") {
                        address = String(address.dropFirst().dropLast())
                    }
                    return "\(word[..<sign]):\(address)"
                })
        }
        for (name, key) in [
            ("cgroup-parent", "CgroupParent"), ("cgroupns", "CgroupnsMode"), ("ipc", "IpcMode"), ("pid", "PidMode"),
            ("userns", "UsernsMode"), ("uts", "UTSMode"), ("runtime", "Runtime"), ("volume-driver", "VolumeDriver"),
            ("isolation", "Isolation"),
        ] {
            set(&host, key, flags.string(name))
        }
        if flags.bool("privileged") { host["Privileged"] = true }
        if flags.bool("read-only") { host["ReadonlyRootfs"] = true }
        if flags.isSet("init") { host["Init"] = .bool(flags.bool("init")) }
        if flags.isSet("security-opt") {
            var paths: [String] = []
            var rest: [String] = []
            for word in flags.list("security-opt") {
                if word == "systempaths=unconfined" { paths.append(word) } else { rest.append(word) }
            }
            host["SecurityOpt"] = strings(try Limits.securityOptions(rest))
            if !paths.isEmpty {
                host["MaskedPaths"] = .array([])
                host["ReadonlyPaths"] = .array([])
            }
        }
        if flags.isSet("sysctl") { host["Sysctls"] = .object(Pairs.object(flags.list("sysctl"))) }
        if flags.isSet("annotation") { host["Annotations"] = .object(Pairs.object(flags.list("annotation"))) }
        if flags.isSet("storage-opt") { host["StorageOpt"] = .object(Pairs.object(flags.list("storage-opt"))) }
        if isTerminal, let size = WindowSize.current {
            host["ConsoleSize"] = [JSON(size.rows), JSON(size.columns)]
        }
    }

    private mutating func addNetworks(_ flags: ParsedFlags, _ host: inout JSONObject) throws(CommandError) {
        var ports = PublishedPorts()
        for word in flags.list("publish") { try ports.publish(word) }
        if !ports.bindings.isEmpty { host["PortBindings"] = ports.bindingsJSON }
        for word in flags.list("expose") { try ports.expose(word) }
        if !ports.exposed.isEmpty { body["ExposedPorts"] = ports.exposedJSON }
        if flags.bool("publish-all") { host["PublishAllPorts"] = true }

        var networks: [NetworkAttachment] = []
        for word in flags.list("network") { networks.append(try NetworkAttachment(word)) }
        host["NetworkMode"] = .string(networks.first?.name ?? "default")
        var endpoints = JSONObject()
        for (index, network) in networks.enumerated() {
            var endpoint = network.endpoint
            if index == 0 { try addEndpoint(flags, network.name, &endpoint) }
            if !endpoint.isEmpty || networks.count > 1 { endpoints[network.name] = .object(endpoint) }
        }
        if networks.isEmpty {
            var endpoint = JSONObject()
            try addEndpoint(flags, "default", &endpoint)
            if !endpoint.isEmpty { endpoints["default"] = .object(endpoint) }
        }
        if !endpoints.isEmpty { body["NetworkingConfig"] = ["EndpointsConfig": .object(endpoints)] }
    }

    private func addEndpoint(
        _ flags: ParsedFlags, _ name: String, _ endpoint: inout JSONObject
    ) throws(CommandError) {
        let isUser = !["default", "bridge", "host", "none"].contains(name) && !name.hasBytePrefix("container:")
        if flags.isSet("network-alias") {
            guard isUser else {
                throw CommandError("network-scoped aliases are only supported for user-defined networks")
            }
            endpoint["Aliases"] = strings(flags.list("network-alias"))
        }
        if isUser, flags.isSet("link") { endpoint["Links"] = strings(flags.list("link")) }
        var addresses = JSONObject()
        set(&addresses, "IPv4Address", flags.string("ip"))
        set(&addresses, "IPv6Address", flags.string("ip6"))
        if flags.isSet("link-local-ip") { addresses["LinkLocalIPs"] = strings(flags.list("link-local-ip")) }
        if !addresses.isEmpty { endpoint["IPAMConfig"] = .object(addresses) }
    }
}

/// One `--network`: a name, or `name=N,alias=A,ip=…`.
struct NetworkAttachment {
    var name = ""
    var endpoint = JSONObject()

    init(_ text: String) throws(CommandError) {
        guard text.contains(byte: "="), text.contains(byte: ",") || text.hasBytePrefix("name=") else {
            name = text
            return
        }
        var aliases: [String] = []
        var driver = JSONObject()
        var addresses = JSONObject()
        for field in MountFlag.csv(text) {
            let (key, value) = Pairs.split(field)
            switch key.lowercased() {
            case "name": name = value
            case "alias": aliases.append(value)
            case "ip": addresses["IPv4Address"] = .string(value)
            case "ip6": addresses["IPv6Address"] = .string(value)
            case "mac-address": endpoint["MacAddress"] = .string(value)
            case "driver-opt":
                let (option, setting) = Pairs.split(value)
                driver[option] = .string(setting)
            case "gw-priority": endpoint["GwPriority"] = JSON(Int64(value) ?? 0)
            default: throw CommandError("invalid field key \(key)")
            }
        }
        if !aliases.isEmpty { endpoint["Aliases"] = strings(aliases) }
        if !addresses.isEmpty { endpoint["IPAMConfig"] = .object(addresses) }
        if !driver.isEmpty { endpoint["DriverOpts"] = .object(driver) }
    }
}

extension Pairs {
    static func object(_ words: [String]) -> JSONObject {
        JSONObject(words.map { (split($0).0, .string(split($0).1)) })
    }
}

func strings(_ list: some Sequence<String>) -> JSON { .array(list.map { .string($0) }) }

private func set(_ object: inout JSONObject, _ key: String, _ value: String) {
    if !value.isEmpty { object[key] = .string(value) }
}
