internal import ByteText
internal import Cgroups
internal import DockerAPI
internal import Glibc
internal import Linux
internal import Runtime

/// From Docker's words to the runtime's: what a container's record means for its first process.
struct LaunchPlan {
    let record: ContainerRecord
    let files: ContainerFiles

    static let maskedPaths = LaunchSpec.dockerMaskedPaths
    static let readonlyPaths = LaunchSpec.dockerReadonlyPaths

    /// The capabilities of the container: Docker's default set with additions and removals.
    static func capabilities(add: [String], drop: [String], privileged: Bool) throws(EngineError) -> UInt64 {
        func numbers(_ names: [String]) throws(EngineError) -> (all: Bool, mask: UInt64) {
            var all = false
            var mask: UInt64 = 0
            for name in names {
                if name.uppercased() == "ALL" {
                    all = true
                } else if let number = Capability.number(named: name) {
                    mask |= 1 << UInt64(number)
                } else {
                    throw .invalid("invalid capability: unknown capability: \"\(name)\"")
                }
            }
            return (all, mask)
        }
        if privileged { return Capability.all }
        let added = try numbers(add)
        let dropped = try numbers(drop)
        let defaults = Capability.mask(Capability.dockerDefault)
        if dropped.all { return (added.all ? Capability.all : 0) | added.mask }
        return (added.all ? Capability.all : defaults | added.mask) & ~dropped.mask
    }

    func capabilities() throws(EngineError) -> UInt64 {
        try Self.capabilities(
            add: record.host.CapAdd?.words ?? [], drop: record.host.CapDrop?.words ?? [],
            privileged: record.host.Privileged)
    }

    /// The environment: PATH, HOSTNAME, TERM, then what was asked for, which wins.
    static func environment(_ config: ContainerConfig) -> [String] {
        var environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        if !config.Hostname.isEmpty { environment.append("HOSTNAME=\(config.Hostname)") }
        if config.Tty { environment.append("TERM=xterm") }
        return merge(environment, config.Env ?? [])
    }

    /// `base` with the variables of `extra` replaced or added; a name without `=` removes the variable.
    static func merge(_ base: [String], _ extra: [String]) -> [String] {
        var merged = base
        for variable in extra {
            let name = variable.prefix(untilByte: "=")
            let index = merged.firstIndex { $0.prefix(untilByte: "=") == name }
            guard variable.contains(byte: "=") else {
                if let index { merged.remove(at: index) }
                continue
            }
            if let index { merged[index] = variable } else { merged.append(variable) }
        }
        return merged
    }

    /// The first process's specification, but for what ``restrict(_:by:)`` adds.
    func spec(
        cgroups: [CgroupJoin], devices: [DeviceSpec], joined network: String?
    ) throws(EngineError) -> LaunchSpec {
        let host = record.host
        let config = record.config
        var spec = LaunchSpec()
        spec.process.args = [record.path] + record.args
        spec.process.env = Self.environment(config)
        spec.process.cwd = config.WorkingDir.isEmpty ? "/" : config.WorkingDir
        spec.process.user = .name(config.User)
        spec.process.additionalGroups = host.GroupAdd ?? []
        spec.process.capabilities = CapabilitySets(try capabilities())
        spec.process.isLenient = true
        spec.process.keyring = "_ses.\(record.id)"
        spec.process.tty = config.Tty
        if host.ConsoleSize.count == 2 {
            spec.process.rows = UInt16(clamping: host.ConsoleSize[0])
            spec.process.columns = UInt16(clamping: host.ConsoleSize[1])
        }
        spec.process.openStdin = config.OpenStdin
        spec.process.stdinOnce = config.StdinOnce

        spec.hostname = config.Hostname
        spec.domainname = config.Domainname
        spec.namespaces = try namespaces(network)
        spec.takesNetworkFromDaemon = network == nil && record.networkMode != "host"
        spec.mounts = mounts()
        spec.readonlyRootfs = host.ReadonlyRootfs
        if !host.Privileged {
            spec.maskedPaths = host.MaskedPaths ?? LaunchSpec.dockerMaskedPaths
            spec.readonlyPaths = host.ReadonlyPaths ?? LaunchSpec.dockerReadonlyPaths
        }
        spec.devices = devices
        spec.sysctls = (host.Sysctls ?? [:]).sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        spec.cgroups = cgroups
        return spec
    }

    static func limits(_ limits: [Ulimit]) throws(EngineError) -> [ResourceLimit] {
        var result: [ResourceLimit] = []
        for limit in limits {
            guard let number = ResourceLimit.number(named: limit.Name) else {
                throw .invalid("invalid ulimit type: \(limit.Name)")
            }
            result.append(
                ResourceLimit(
                    resource: number, soft: UInt64(bitPattern: limit.Soft), hard: UInt64(bitPattern: limit.Hard)))
        }
        return result
    }

    private func namespaces(_ network: String?) throws(EngineError) -> NamespaceChoices {
        var choices = NamespaceChoices()
        let host = record.host
        if record.networkMode == "host" { choices.network = .host }
        if let network { choices.network = .path(network) }
        if host.PidMode == "host" { choices.pid = .host }
        if host.IpcMode == "host" { choices.ipc = .host }
        if host.UTSMode == "host" { choices.uts = .host }
        // Docker's default on cgroup v1 is the host's namespace, on v2 a private one.
        if host.CgroupnsMode == "host" { choices.cgroup = .host }
        return choices
    }

    private func mounts() -> [MountSpec] {
        let host = record.host
        var mounts = MountSpec.dockerDefaults(sharedMemorySize: host.ShmSize > 0 ? host.ShmSize : 64 << 20)
        if host.Privileged {
            for index in mounts.indices where [.sysfs, .cgroup].contains(mounts[index].kind) {
                mounts[index].flags.remove(.readOnly)
            }
        }
        switch host.IpcMode {
        case "none": mounts.removeAll { $0.destination == "/dev/shm" }
        case "host":
            for index in mounts.indices where mounts[index].destination == "/dev/shm" {
                mounts[index] = MountSpec(.bind, source: "/dev/shm", "/dev/shm", flags: mounts[index].flags)
            }
        default: break
        }
        let taken = Set(record.mounts.map(\.Destination) + (host.Tmpfs ?? [:]).keys)
        mounts.removeAll { taken.contains($0.destination) && $0.destination != "/proc" && $0.destination != "/sys" }
        for (destination, source) in [
            ("/etc/resolv.conf", files.resolver), ("/etc/hostname", files.hostname), ("/etc/hosts", files.hosts),
        ] where !taken.contains(destination) {
            mounts.append(
                MountSpec(
                    .bind, source: source, destination, flags: host.ReadonlyRootfs ? [.readOnly] : [],
                    propagation: .rprivate))
        }
        for (destination, options) in (host.Tmpfs ?? [:]).sorted(by: { $0.key < $1.key }) {
            mounts.append(Self.tmpfs(destination, options))
        }
        for request in host.Mounts ?? [] where request.`Type` == "tmpfs" {
            var options: [String] = []
            if let size = request.TmpfsOptions?.SizeBytes, size > 0 { options.append("size=\(size)") }
            if let mode = request.TmpfsOptions?.Mode, mode > 0 { options.append("mode=" + String(mode, radix: 8)) }
            if request.ReadOnly == true { options.append("ro") }
            options += (request.TmpfsOptions?.Options ?? []).compactMap(\.first)
            mounts.append(Self.tmpfs(request.Target, options.joined(separator: ",")))
        }
        // Parents before what lies beneath them.
        mounts += record.mounts.map(bind).sorted {
            $0.destination.split(byte: "/").count < $1.destination.split(byte: "/").count
        }
        return mounts
    }

    private func bind(_ mount: MountPoint) -> MountSpec {
        var spec = mount.spec
        let request = (record.host.Mounts ?? []).first {
            $0.`Type` == "bind" && BindPlan.cleaned($0.Target) == mount.Destination
        }
        spec.apply(request?.BindOptions, readOnlyIsRecursive: record.readOnlyIsRecursive == true)
        return spec
    }

    private static func tmpfs(_ destination: String, _ options: String) -> MountSpec {
        var flags: MountFlags = [.noSuid, .noDev, .noExec]
        var data: [String] = []
        for option in options.split(byte: ",").map(String.init) {
            switch option {
            case "ro": flags.insert(.readOnly)
            case "rw", "defaults": break
            case "exec": flags.remove(.noExec)
            case "suid": flags.remove(.noSuid)
            case "dev": flags.remove(.noDev)
            case "noexec": flags.insert(.noExec)
            case "nosuid": flags.insert(.noSuid)
            case "nodev": flags.insert(.noDev)
            case "noatime": flags.insert(.noATime)
            default: data.append(option)
            }
        }
        return MountSpec(.tmpfs, destination, flags: flags, data: data)
    }
}
