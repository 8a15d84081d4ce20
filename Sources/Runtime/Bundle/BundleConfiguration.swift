internal import ByteText
package import Cgroups
internal import Glibc
package import JSON

/// An OCI runtime bundle's `config.json` (runtime-spec 1.2), as what this runtime does with it.
package struct BundleConfiguration: Sendable {
    package var launch = LaunchSpec()
    package var limits = CgroupLimits()
    /// As the document has it; nil when it is absent.
    package var cgroupsPath: String?
    package var seccomp: SeccompProfile?
    package var hooks = Hooks()
    package var annotations = JSONObject()

    /// Reads the document; `bundle` is the directory that relative paths start from.
    package init(_ text: [UInt8], bundle: String) throws(LaunchFailure) {
        let document: JSON
        do {
            document = try JSON.parse(text)
        } catch {
            throw LaunchFailure("config.json: \(error)")
        }
        try Self.refuseNulls(document)
        try DocumentShape.configuration.check(document, "config.json: ")
        try Self.checkVersion(document["ociVersion"]?.stringValue)
        launch.namespaces = try NamespaceChoices(document["linux"]?["namespaces"] ?? .null)
        guard let root = document["root"]?["path"]?.stringValue, !root.isEmpty else {
            throw LaunchFailure("config.json: root.path is missing")
        }
        launch.rootfsPath = root.hasBytePrefix("/") ? root : bundle + "/" + root
        launch.readonlyRootfs = document["root"]?["readonly"]?.boolValue ?? false
        launch.hostname = document["hostname"]?.stringValue ?? ""
        launch.domainname = document["domainname"]?.stringValue ?? ""
        if let process = document["process"] { launch.process = try Self.process(process) }
        try readRootPropagation(document["linux"]?["rootfsPropagation"]?.stringValue ?? "")
        // What the host mounts later beneath a volume comes in, unless the bundle says otherwise; nothing goes out.
        let isPrivate = [.private, .rprivate].contains(launch.rootfsPropagation)
        for item in document["mounts"]?.arrayValue ?? [] {
            var mount = try MountSpec(item, bundle: bundle, bindPropagation: isPrivate ? .rprivate : .rslave)
            // As with runc and crun, nothing goes out beneath a root that is not shared.
            if !launch.rootfsPropagation.isShared { mount.flags.insert(.contained) }
            launch.mounts.append(mount)
        }
        labelMounts(document["linux"]?["mountLabel"]?.stringValue ?? "")
        annotations = document["annotations"]?.objectValue ?? JSONObject()
        // A bundle that cannot do with less says so.
        if annotations["gantry.limits"]?.stringValue == "required" { launch.process.clampsLimits = false }
        hooks = try Hooks(document["hooks"])
        launch.waitsForHooks = hooks.has(.prestart, .createRuntime)
        try readLinux(document["linux"] ?? .null)
    }

    /// Where the kernel has SELinux, every file system that is made for the container has its label.
    private mutating func labelMounts(_ label: String) {
        guard !label.isEmpty, access("/sys/fs/selinux/enforce", F_OK) == 0 else { return }
        launch.mountLabel = label
        for index in launch.mounts.indices where [.tmpfs, .devpts, .other].contains(launch.mounts[index].kind) {
            if launch.mounts[index].data.contains(where: { $0.hasBytePrefix("context=") }) { continue }
            launch.mounts[index].data += launch.labelOptions
        }
    }

    /// Everything that calls itself 1.x is compatible (semver.org), and new members are ignored.
    private static func checkVersion(_ version: String?) throws(LaunchFailure) {
        guard let version, !version.isEmpty else { throw LaunchFailure("config.json: ociVersion is missing") }
        let numbers = version.prefix { $0 != "-" && $0 != "+" }.split(byte: ".", omittingEmptySubsequences: false)
        guard (2...3).contains(numbers.count), numbers.allSatisfy({ UInt32($0) != nil }) else {
            throw LaunchFailure("config.json: ociVersion \(version) is not a version")
        }
        guard numbers[0] == "1" else {
            throw LaunchFailure("config.json: ociVersion \(version) is not supported; this runtime reads 1.x")
        }
    }

    /// runc's default is `rslave`.
    private mutating func readRootPropagation(_ name: String) throws(LaunchFailure) {
        guard let propagation = name.isEmpty ? .rslave : MountPropagation(rawValue: name) else {
            throw LaunchFailure("config.json: rootfsPropagation \(name) is not one of the kernel's")
        }
        launch.rootfsPropagation = propagation
    }

    static func strings(_ value: JSON?) -> [String] { value?.arrayValue?.compactMap { $0.stringValue } ?? [] }

    private mutating func readLinux(_ linux: JSON) throws(LaunchFailure) {
        launch.maskedPaths = Self.strings(linux["maskedPaths"])
        launch.readonlyPaths = Self.strings(linux["readonlyPaths"])
        for (name, value) in linux["sysctl"]?.objectValue ?? JSONObject() {
            launch.sysctls.append((name, value.stringValue ?? ""))
        }
        try readNamespaces(linux)
        try readDomain(linux)
        for item in linux["devices"]?.arrayValue ?? [] {
            let kinds: [String: DeviceSpec.Kind] = ["c": .character, "u": .character, "b": .block, "p": .fifo]
            guard let path = item["path"]?.stringValue, let kind = kinds[item["type"]?.stringValue ?? ""] else {
                throw LaunchFailure("config.json: a device has no path or an unknown type")
            }
            // The container's own stands there, a link into its devpts; Podman asks for the host's with --privileged.
            if path == "/dev/ptmx" { continue }
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
        if let profile = linux["seccomp"], !profile.isNull { seccomp = try SeccompProfile(profile) }
    }
}
