internal import ByteText
internal import Layers
internal import Cgroups
package import DockerAPI
internal import Glibc
internal import Images
internal import JSON
internal import Linux
internal import Logging
internal import OCI

extension Engine {
    /// - Parameter readOnlyIsRecursive: whether a read-only bind is read-only beneath too, as from API 1.44 on.
    package func create(
        name: String?, _ request: ContainerCreateRequest, platform: String?, readOnlyIsRecursive: Bool
    ) async throws(EngineError) -> ContainerCreateResponse {
        let id = makeIdentifier()
        return try await environment.images.using(request.config.Image, refused: EngineError.image) {
            image async throws(EngineError) in
            var warnings: [String] = []
            var record = try draft(id, request, image, platform, &warnings)
            record.readOnlyIsRecursive = readOnlyIsRecursive
            let chosen = try reserve(name, for: id)
            do throws(EngineError) {
                try await prepare(record, named: chosen, image)
            } catch {
                environment.index.release(name: chosen, of: id)
                throw error
            }
            return ContainerCreateResponse(Id: id, Warnings: warnings)
        }
    }

    static func checked(name: String) throws(EngineError) -> String {
        let bare = name.hasBytePrefix("/") ? String(name.dropFirst(bytes: 1)) : name
        let isValid =
            bare.utf8.count > 1
            && bare.utf8.enumerated().allSatisfy { index, byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"): index > 0
                default: false
                }
            }
        guard isValid else {
            throw .invalid(
                "Invalid container name (\(bare)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        }
        return bare
    }

    private func reserve(_ name: String?, for id: String) throws(EngineError) -> String {
        let index = environment.index
        if let name, !name.isEmpty {
            let name = try Self.checked(name: name)
            try index.reserve(name: name, for: id)
            return name
        }
        while true {
            let name = NameGenerator.name { index.isFree(name: $0) }
            // Somebody may have taken it in between.
            if (try? index.reserve(name: name, for: id)) != nil { return name }
        }
    }

    /// Directories, row and event; undone when one of them fails.
    private func prepare(
        _ draft: ContainerRecord, named name: String, _ image: ImageRecord
    ) async throws(EngineError) {
        var record = draft
        record.name = name
        let container = Container(record, environment: environment)
        try await container.makeParts(layers: image.layers)
        environment.index.insert(container)
        environment.journal.publish(
            EventMessage(
                Type: "container", Action: "create",
                Actor: .init(
                    ID: record.id,
                    Attributes: (record.config.Labels ?? [:]).merging([
                        "image": record.config.Image, "name": record.name,
                    ]) { $1 }), timeNano: Clock.nanoseconds()))
    }

    /// The record that a request and its image amount to.
    private func draft(
        _ id: String, _ request: ContainerCreateRequest, _ image: ImageRecord, _ platform: String?,
        _ warnings: inout [String]
    ) throws(EngineError) -> ContainerRecord {
        var config = request.config
        var host = request.HostConfig
        try check(platform, image)
        var options = OptionCheck(config, host, image: image.configuration.config)
        try options.check()
        config.merge(image.configuration.config)
        try complete(&host)
        let mode = config.NetworkDisabled == true ? "none" : host.NetworkMode
        let endpoints = try OptionCheck.endpoints(
            request.NetworkingConfig, mode: mode, asked: request.HostConfig.NetworkMode)
        if config.Hostname.isEmpty {
            config.Hostname =
                host.NetworkMode == "host" || host.UTSMode == "host" ? Self.hostname() : String(id.prefix(12))
        }
        guard Self.isHostname(config.Hostname) else {
            throw .invalid(
                "invalid hostname \(quoted(config.Hostname)): at most 64 bytes, without white space and control characters"
            )
        }
        let words = (config.Entrypoint?.words ?? []) + (config.Cmd?.words ?? [])
        guard let path = words.first, !path.isEmpty else { throw .invalid("no command specified") }
        if !config.WorkingDir.isEmpty, !config.WorkingDir.hasBytePrefix("/") {
            throw .invalid("the working directory '\(config.WorkingDir)' is invalid, it needs to be an absolute path")
        }
        if !config.WorkingDir.isEmpty { config.WorkingDir = BindPlan.cleaned(config.WorkingDir) }
        if let signal = config.StopSignal, !signal.isEmpty, Signal.number(signal) == nil {
            throw .invalid("invalid signal: \(signal)")
        }
        let environment = environment
        var resources = ResourceCheck(isUpdate: false) { environment.kernelLimits.abilities(environment) }
        try resources.check(&host)
        if host.PidsLimit == 0 { host.PidsLimit = nil }
        if host.Memory > 0, host.MemorySwap == 0 { host.MemorySwap = host.Memory.saturatingMultiply(2) }
        warnings += options.warnings + resources.warnings
        // What the start would refuse is refused now.
        warnings += SecurityOptions.warnings(try SecurityOptions(host.SecurityOpt ?? []).seccomp)
        _ = try DevicePlan(host)
        _ = try CgroupLimits(host)
        _ = try LaunchPlan.limits(host.Ulimits)
        _ = try LaunchPlan.capabilities(
            add: host.CapAdd?.words ?? [], drop: host.CapDrop?.words ?? [], privileged: host.Privileged)
        let mounts = try BindPlan(host, dataRoot: environment.configuration.dataRoot).mounts
        for port in (request.config.ExposedPorts ?? [:]).keys { _ = try PortPlan.parse(port) }
        var ports = config.ExposedPorts ?? [:]
        for port in host.PortBindings.keys { ports[port.contains(byte: "/") ? port : port + "/tcp"] = EmptyObject() }
        if !ports.isEmpty { config.ExposedPorts = ports }
        let now = Timestamp.now()
        let record = ContainerRecord(
            id: id, name: "", created: now.description,
            createdAt: now.unixNanoseconds, image: image.id.description, path: path,
            args: Array(words.dropFirst()), config: config, host: host,
            endpoints: endpoints, mounts: mounts)
        _ = try PortPlan.requests(record)
        return record
    }

    private func check(_ platform: String?, _ image: ImageRecord) throws(EngineError) {
        guard let platform, !platform.isEmpty else { return }
        let wanted: Platform
        do {
            wanted = try Platform(platform)
        } catch {
            throw .invalid("\(error)")
        }
        guard wanted.architecture != image.configuration.architecture else { return }
        throw .image(
            .notFound(
                "image with reference \(image.repoTags.first ?? image.id.description) was found but does not match the "
                    + "specified platform: wanted \(platform), actual: \(image.configuration.os)/\(image.configuration.architecture)"
            ))
    }

    /// Docker's defaults where the request is silent.
    private func complete(_ host: inout HostConfig) throws(EngineError) {
        let configuration = environment.configuration
        switch host.NetworkMode {
        case "", "default": host.NetworkMode = "bridge"
        case "bridge", "host", "none": break
        case let mode where mode.hasBytePrefix("container:"):
            // One that is missing is an error of the start, as in Docker: clients take 404 here for a missing image, and pull.
            if let name = mode.dropping(prefix: "container:"), let other = try? find(String(name)) {
                host.NetworkMode = "container:" + other.id
            }
        default: break
        }
        if host.ShmSize == 0 { host.ShmSize = configuration.sharedMemorySize }
        if host.IpcMode.isEmpty { host.IpcMode = configuration.ipcMode }
        if host.CgroupnsMode.isEmpty { host.CgroupnsMode = configuration.cgroupNamespaceMode }
        if host.RestartPolicy.Name.isEmpty { host.RestartPolicy.Name = "no" }
        if host.AutoRemove, host.RestartPolicy.Name != "no" {
            throw .invalid("can't create 'AutoRemove' container with restart policy")
        }
        if host.LogConfig.`Type`.isEmpty { host.LogConfig.`Type` = configuration.logDriver }
        for limit in configuration.ulimits where !host.Ulimits.contains(where: { $0.Name == limit.Name }) {
            host.Ulimits.append(limit)
        }
        if host.Runtime.isEmpty { host.Runtime = OptionCheck.runtime }
        if configuration.noNewPrivileges,
            !(host.SecurityOpt ?? []).contains(where: { $0.hasBytePrefix("no-new-privileges") })
        {
            host.SecurityOpt = (host.SecurityOpt ?? []) + ["no-new-privileges"]
        }
    }

    /// What sethostname(2) takes and is one word of /etc/hosts: at most 64 bytes.
    static func isHostname(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 64 && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }

    private static func hostname() -> String {
        var name = utsname()
        guard uname(&name) == 0 else { return "localhost" }
        return withUnsafeBytes(of: name.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

extension ContainerConfig {
    /// What the image says, where the request does not.
    mutating func merge(_ image: ImageConfiguration.Config) {
        if User.isEmpty { User = image.user }
        if WorkingDir.isEmpty { WorkingDir = image.workingDir }
        // As Docker: an entrypoint of the request replaces the image's command too, also one that is an empty word and means none;
        // an empty list only takes the image's entrypoint away.
        if Entrypoint?.words.isEmpty ?? true {
            if Cmd?.words.isEmpty ?? true { Cmd = image.cmd.map { Words($0) } }
            if Entrypoint == nil { Entrypoint = image.entrypoint.map { Words($0) } }
        }
        if Entrypoint?.words == [""] { Entrypoint = nil }
        let given = Env ?? []
        var merged = given
        for variable in image.env {
            let name = variable.prefix(untilByte: "=")
            if !given.contains(where: { $0.prefix(untilByte: "=") == name }) { merged.append(variable) }
        }
        Env = merged
        var ports = ExposedPorts ?? [:]
        for port in image.exposedPorts.flatMap(PortPlan.exposed) { ports[port] = EmptyObject() }
        ExposedPorts = ports.isEmpty ? nil : ports
        var labels = image.labels
        labels.merge(Labels ?? [:]) { $1 }
        Labels = labels
        if StopSignal?.isEmpty ?? true, !image.stopSignal.isEmpty { StopSignal = image.stopSignal }
    }
}
