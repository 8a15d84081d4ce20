internal import JSON
internal import ByteText
internal import DockerAPI
internal import Glibc
internal import Linux
internal import Runtime

/// `-v source:destination[:options]` and `--mount type=bind|tmpfs`, read once when a container is created.
struct BindPlan: Sendable {
    /// As `inspect` shows them.
    var mounts: [MountPoint] = []

    /// Reads and checks the mounts of a request; a missing source is made for `-v`, as Docker does, and refused for `--mount`.
    init(_ host: HostConfig, dataRoot: String) throws(EngineError) {
        for bind in host.Binds ?? [] {
            var mount = try Self.parse(bind: bind)
            try mount.check(dataRoot, isPropagationGiven: Self.namesPropagation(mount.Mode))
            mounts.append(mount)
        }
        for request in host.Mounts ?? [] where request.`Type` == "bind" {
            var mount = try Self.check(request)
            try mount.check(dataRoot, isPropagationGiven: !(request.BindOptions?.Propagation ?? "").isEmpty)
            mounts.append(mount)
        }
        var seen: Set<String> = []
        for mount in mounts where !seen.insert(mount.Destination).inserted {
            throw .invalid("Duplicate mount point: \(mount.Destination)")
        }
    }

    private static func namesPropagation(_ mode: String) -> Bool {
        mode.split(byte: ",").contains { MountPropagation(rawValue: String($0)) != nil }
    }

    private static func parse(bind: String) throws(EngineError) -> MountPoint {
        let parts = bind.split(byte: ":", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else {
            if parts.count == 1, bind.hasBytePrefix("/") {
                throw .invalid(
                    "anonymous volume \(bind): volumes are not available yet; bind a directory with -v /source:\(bind)")
            }
            throw .invalid("invalid volume specification: '\(bind)'")
        }
        guard parts[0].hasBytePrefix("/") else {
            throw .invalid(
                "volume \"\(parts[0])\": named volumes are not available yet; bind a directory by its absolute path")
        }
        var mount = MountPoint()
        mount.Source = try clean(parts[0], in: bind)
        mount.Destination = try clean(parts[1], in: bind)
        if mount.Destination == "/" {
            throw .invalid(
                "invalid volume specification: '\(bind)': invalid mount config for type \"bind\": "
                    + "destination can't be '/'")
        }
        mount.Propagation = "rprivate"
        if parts.count == 3 {
            mount.Mode = parts[2]
            for option in parts[2].split(byte: ",") {
                switch option {
                case "ro": mount.RW = false
                case "rw": mount.RW = true
                case "z", "Z", "cached", "delegated", "consistent", "nocopy", "rbind", "bind": break
                case "rprivate", "private", "rshared", "shared", "rslave", "slave": mount.Propagation = String(option)
                default: throw .invalid("invalid mode: \(parts[2])")
                }
            }
        }
        var status = stat()
        if stat(mount.Source, &status) != 0, errno == ENOENT {
            do {
                try Directory.make(mount.Source)
            } catch {
                throw .invalid("error while creating mount source path '\(mount.Source)': \(error)")
            }
        }
        return mount
    }

    private static func check(_ request: MountRequest) throws(EngineError) -> MountPoint {
        guard let source = request.Source, source.hasBytePrefix("/") else {
            throw .invalid(
                "invalid mount config for type \"bind\": invalid mount path: '\(request.Source ?? "")' "
                    + "mount path must be absolute")
        }
        guard request.Target.hasBytePrefix("/") else {
            throw .invalid(
                "invalid mount config for type \"bind\": invalid mount path: '\(request.Target)' "
                    + "mount path must be absolute")
        }
        var status = stat()
        if stat(source, &status) != 0 {
            guard request.BindOptions?.CreateMountpoint == true else {
                throw .invalid("invalid mount config for type \"bind\": bind source path does not exist: \(source)")
            }
            do {
                try Directory.make(source)
            } catch {
                throw .invalid("error while creating mount source path '\(source)': \(error)")
            }
        }
        var mount = MountPoint()
        mount.Source = try clean(source, in: source)
        mount.Destination = try clean(request.Target, in: request.Target)
        mount.RW = request.ReadOnly != true
        let propagation = request.BindOptions?.Propagation ?? ""
        mount.Propagation = propagation.isEmpty ? "rprivate" : propagation
        return mount
    }

    /// An absolute path without `.`, `..` and doubled slashes.
    private static func clean(_ path: String, in text: String) throws(EngineError) -> String {
        guard path.hasBytePrefix("/") else {
            throw .invalid(
                "invalid volume specification: '\(text)': invalid mount config for type \"bind\": "
                    + "invalid mount path: '\(path)' mount path must be absolute")
        }
        return cleaned(path)
    }

    static func cleaned(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(byte: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}

extension MountPoint {
    /// The data root, or what holds it: a private copy of its mounts would keep layers of other containers mounted, and their
    /// removal would fail.
    fileprivate mutating func check(_ dataRoot: String, isPropagationGiven: Bool) throws(EngineError) {
        guard Source.hasBytePrefix(dataRoot) || dataRoot.hasBytePrefix(Source) else { return }
        guard isPropagationGiven else {
            Propagation = "rslave"
            return
        }
        guard ["rslave", "rshared"].contains(Propagation) else {
            throw .invalid(
                "invalid mount config: must use either propagation mode \"rslave\" or \"rshared\" when mount source is within "
                    + "the daemon root, daemon root: \(quoted(dataRoot)), bind mount source: \(quoted(Source)), "
                    + "propagation: \(quoted(Propagation))")
        }
    }

    /// The mount as the runtime makes it.
    var spec: MountSpec {
        MountSpec(
            .bind, source: Source, Destination, flags: RW ? [] : .readOnly,
            propagation: MountPropagation(rawValue: Propagation) ?? .rprivate)
    }
}
