package import Cgroups
internal import Glibc
package import JSON

/// An OCI runtime bundle's `config.json` (runtime-spec 1.2), as what this runtime does with it.
package struct BundleConfiguration: Sendable {
    /// One hook: a program outside the container that gets the state on standard input.
    package struct Hook: Sendable {
        package var path: String
        package var args: [String]
        package var env: [String]
    }

    package var launch = LaunchSpec()
    package var limits = CgroupLimits()
    /// As the document has it; nil when it is absent.
    package var cgroupsPath: String?
    package var seccomp: SeccompProfile?
    /// `prestart` and `createRuntime`, `poststart`, `poststop`.
    package var createHooks: [Hook] = []
    package var poststartHooks: [Hook] = []
    package var poststopHooks: [Hook] = []
    package var annotations = JSONObject()

    /// Reads the document; `bundle` is the directory that relative paths start from.
    package init(_ text: [UInt8], bundle: String) throws(LaunchFailure) {
        let document: JSON
        do {
            document = try JSON.parse(text)
        } catch {
            throw LaunchFailure("config.json: \(error)")
        }
        let root = document["root"]?["path"]?.stringValue ?? "rootfs"
        launch.rootfsPath = root.hasPrefix("/") ? root : bundle + "/" + root
        launch.readonlyRootfs = document["root"]?["readonly"]?.boolValue ?? false
        launch.hostname = document["hostname"]?.stringValue ?? ""
        launch.domainname = document["domainname"]?.stringValue ?? ""
        if let process = document["process"] { launch.process = try Self.process(process) }
        try refuseUnsupported(document)
        try readRootPropagation(document["linux"]?["rootfsPropagation"]?.stringValue ?? "")
        // What the host mounts later beneath a volume comes in, unless the bundle says otherwise; nothing goes out.
        let isPrivate = [.private, .rprivate].contains(launch.rootfsPropagation)
        for item in document["mounts"]?.arrayValue ?? [] {
            launch.mounts.append(
                try MountSpec(item, bundle: bundle, bindPropagation: isPrivate ? .rprivate : .rslave))
        }
        annotations = document["annotations"]?.objectValue ?? JSONObject()
        if let hooks = document["hooks"] {
            createHooks = Self.hooks(hooks["prestart"]) + Self.hooks(hooks["createRuntime"])
            poststartHooks = Self.hooks(hooks["poststart"])
            poststopHooks = Self.hooks(hooks["poststop"])
        }
        launch.waitsForHooks = !createHooks.isEmpty
        try readLinux(document["linux"] ?? .null)
    }

    /// runc's default is `rslave`.
    private mutating func readRootPropagation(_ name: String) throws(LaunchFailure) {
        guard let propagation = name.isEmpty ? .rslave : MountOptions.propagations[name] else {
            throw LaunchFailure("config.json: rootfsPropagation \(name) is not one of the kernel's")
        }
        launch.rootfsPropagation = propagation
    }

    private func refuseUnsupported(_ document: JSON) throws(LaunchFailure) {
        for kind in ["createContainer", "startContainer"] where !(document["hooks"]?[kind]?.arrayValue ?? []).isEmpty {
            throw LaunchFailure("config.json: hooks of the kind \(kind) are not supported yet")
        }
        for key in ["uidMappings", "gidMappings"] where !(document["linux"]?[key]?.arrayValue ?? []).isEmpty {
            throw LaunchFailure("config.json: user namespaces are not supported yet")
        }
        for key in ["apparmorProfile", "selinuxLabel"] {
            guard let value = document["process"]?[key]?.stringValue, !value.isEmpty else { continue }
            let enabled =
                key == "selinuxLabel" ? "/sys/fs/selinux/enforce" : "/sys/kernel/security/apparmor/profiles"
            // What the kernel does not have cannot be asked of it; what it has must not be left out silently.
            if access(enabled, F_OK) == 0, value != "unconfined" {
                throw LaunchFailure("config.json: \(key) is not supported yet")
            }
        }
    }

    private static func strings(_ value: JSON?) -> [String] { value?.arrayValue?.compactMap { $0.stringValue } ?? [] }

    private static func hooks(_ value: JSON?) -> [Hook] {
        (value?.arrayValue ?? []).compactMap { item in
            guard let path = item["path"]?.stringValue else { return nil }
            let args = strings(item["args"])
            return Hook(path: path, args: args.isEmpty ? [path] : args, env: strings(item["env"]))
        }
    }

    /// An OCI `process` object, also that of `exec --process`.
    package static func process(_ value: JSON) throws(LaunchFailure) -> ProcessSpec {
        var process = ProcessSpec()
        process.args = strings(value["args"])
        process.env = strings(value["env"])
        process.cwd = value["cwd"]?.stringValue ?? "/"
        process.tty = value["terminal"]?.boolValue ?? false
        process.columns = UInt16(clamping: value["consoleSize"]?["width"]?.intValue ?? 0)
        process.rows = UInt16(clamping: value["consoleSize"]?["height"]?.intValue ?? 0)
        process.noNewPrivileges = value["noNewPrivileges"]?.boolValue ?? false
        process.oomScoreAdj = value["oomScoreAdj"]?.intValue.map { Int32(clamping: $0) }
        process.openStdin = true
        let user = value["user"]
        let gid = UInt32(clamping: user?["gid"]?.intValue ?? 0)
        var groups: [UInt32] = [gid]
        for item in user?["additionalGids"]?.arrayValue ?? [] {
            if let number = item.intValue, !groups.contains(UInt32(clamping: number)) {
                groups.append(UInt32(clamping: number))
            }
        }
        process.user = .ids(uid: UInt32(clamping: user?["uid"]?.intValue ?? 0), gid: gid, groups: groups)
        if let umask = user?["umask"]?.intValue { process.umask = UInt32(clamping: umask) }
        let sets = value["capabilities"]
        process.capabilities = CapabilitySets(
            bounding: Capability.mask(strings(sets?["bounding"])),
            effective: Capability.mask(strings(sets?["effective"])),
            permitted: Capability.mask(strings(sets?["permitted"])),
            inheritable: Capability.mask(strings(sets?["inheritable"])),
            ambient: Capability.mask(strings(sets?["ambient"])))
        for item in value["rlimits"]?.arrayValue ?? [] {
            guard let name = item["type"]?.stringValue, let number = ResourceLimit.number(named: name) else {
                throw LaunchFailure("config.json: unknown limit \(item["type"]?.stringValue ?? "")")
            }
            process.rlimits.append(
                ResourceLimit(resource: number, soft: unsigned(item["soft"]), hard: unsigned(item["hard"])))
        }
        return process
    }

    private static func unsigned(_ value: JSON?) -> UInt64 {
        if case .number(let text)? = value, let number = UInt64(text) { return number }
        return value?.intValue.map { UInt64(bitPattern: $0) } ?? 0
    }

    private mutating func readLinux(_ linux: JSON) throws(LaunchFailure) {
        launch.maskedPaths = Self.strings(linux["maskedPaths"])
        launch.readonlyPaths = Self.strings(linux["readonlyPaths"])
        for (name, value) in linux["sysctl"]?.objectValue ?? JSONObject() {
            launch.sysctls.append((name, value.stringValue ?? ""))
        }
        try readNamespaces(linux["namespaces"]?.arrayValue ?? [])
        for item in linux["devices"]?.arrayValue ?? [] {
            let kinds: [String: DeviceSpec.Kind] = ["c": .character, "u": .character, "b": .block, "p": .fifo]
            guard let path = item["path"]?.stringValue, let kind = kinds[item["type"]?.stringValue ?? ""] else {
                throw LaunchFailure("config.json: a device has no path or an unknown type")
            }
            launch.devices.append(
                DeviceSpec(
                    kind, path, major: UInt32(clamping: item["major"]?.intValue ?? 0),
                    minor: UInt32(clamping: item["minor"]?.intValue ?? 0),
                    mode: UInt32(clamping: item["fileMode"]?.intValue ?? 0o666),
                    uid: UInt32(clamping: item["uid"]?.intValue ?? 0), gid: UInt32(clamping: item["gid"]?.intValue ?? 0)
                ))
        }
        cgroupsPath = linux["cgroupsPath"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
        limits = try CgroupLimits(oci: linux["resources"] ?? .null)
        if let profile = linux["seccomp"], profile != .null { seccomp = try SeccompProfile(profile) }
    }

    private mutating func readNamespaces(_ items: [JSON]) throws(LaunchFailure) {
        launch.namespaces.pid = .host
        launch.namespaces.network = .host
        launch.namespaces.ipc = .host
        launch.namespaces.uts = .host
        launch.namespaces.cgroup = .host
        launch.namespaces.mount = .host
        for item in items {
            let path = item["path"]?.stringValue ?? ""
            let choice: NamespaceChoice = path.isEmpty ? .new : .path(path)
            switch item["type"]?.stringValue ?? "" {
            case "mount": launch.namespaces.mount = choice
            case "pid": launch.namespaces.pid = choice
            case "network": launch.namespaces.network = choice
            case "ipc": launch.namespaces.ipc = choice
            case "uts": launch.namespaces.uts = choice
            case "cgroup": launch.namespaces.cgroup = choice
            case "user": launch.namespaces.user = choice
            case "time": launch.namespaces.time = choice
            default: throw LaunchFailure("config.json: unknown namespace \(item["type"]?.stringValue ?? "")")
            }
        }
    }
}
