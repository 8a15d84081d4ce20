internal import ByteText
package import Cgroups
internal import Glibc
package import JSON

/// The `config.json` of an OCI runtime bundle (runtime-spec 1.2), converted to a launch.
package struct BundleConfiguration: Sendable {
    package var launch = LaunchSpec()
    package var limits = CgroupLimits()
    /// As in the document; nil when absent.
    package var cgroupsPath: String?
    package var seccomp: SeccompProfile?
    package var hooks = Hooks()
    package var annotations = JSONObject()

    /// Reads the document. Relative paths are resolved against `bundle`.
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
        // By default mounts that the host makes later below a volume propagate into the container, but not the reverse.
        let isPrivate = [.private, .rprivate].contains(launch.rootfsPropagation)
        for item in document["mounts"]?.arrayValue ?? [] {
            var mount = try MountSpec(item, bundle: bundle, bindPropagation: isPrivate ? .rprivate : .rslave)
            // As in runc and crun, below a non-shared root no mount propagates to the host.
            if !launch.rootfsPropagation.isShared { mount.flags.insert(.contained) }
            launch.mounts.append(mount)
        }
        labelMounts(document["linux"]?["mountLabel"]?.stringValue ?? "")
        annotations = document["annotations"]?.objectValue ?? JSONObject()
        // A bundle can require exact limits by this annotation.
        if annotations["gantry.limits"]?.stringValue == "required" { launch.process.clampsLimits = false }
        hooks = try Hooks(document["hooks"])
        launch.waitsForHooks = hooks.has(.prestart, .createRuntime)
        try readLinux(document["linux"] ?? .null)
    }

    /// Adds the SELinux label to every new file system, if the kernel has SELinux.
    private mutating func labelMounts(_ label: String) {
        guard !label.isEmpty, access("/sys/fs/selinux/enforce", F_OK) == 0 else { return }
        launch.mountLabel = label
        for index in launch.mounts.indices where [.tmpfs, .devpts, .other].contains(launch.mounts[index].kind) {
            if launch.mounts[index].data.contains(where: { $0.hasBytePrefix("context=") }) { continue }
            launch.mounts[index].data += launch.labelOptions
        }
    }

    /// Accepts every version 1.x (semver.org); unknown members are ignored.
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
            // The container has its own ptmx, a link into its devpts; Podman lists the host's with --privileged.
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
