internal import ByteText
internal import JSON

/// Parses a bundle's mount options (runtime-spec 1.2, "Linux mount options"; runc's names where the specification has none).
/// Other options are passed to the file system.
package enum MountOptions {
    /// An option of the mount itself: a flag and its value. With `r` in front it includes submounts.
    enum Attribute: String, CaseIterable {
        case ro, rw, nosuid, suid, nodev, dev, noexec, exec, noatime, atime, nodiratime, diratime, relatime, norelatime,
            strictatime, nostrictatime, nosymfollow, symfollow

        /// By name. A switch, because the synthesized initializer builds a hash table first.
        init?(_ name: String) {
            guard let found = Self.allCases.first(where: { $0.rawValue == name }) else { return nil }
            self = found
        }

        var change: (flag: MountFlags, isOn: Bool) {
            switch self {
            case .ro: return (.readOnly, true)
            case .rw: return (.readOnly, false)
            case .nosuid: return (.noSuid, true)
            case .suid: return (.noSuid, false)
            case .nodev: return (.noDev, true)
            case .dev: return (.noDev, false)
            case .noexec: return (.noExec, true)
            case .exec: return (.noExec, false)
            case .noatime: return (.noATime, true)
            case .atime: return (.noATime, false)
            case .nodiratime: return (.noDirectoryATime, true)
            case .diratime: return (.noDirectoryATime, false)
            case .relatime: return (.relativeATime, true)
            case .norelatime: return (.relativeATime, false)
            case .strictatime: return (.strictATime, true)
            case .nostrictatime: return (.strictATime, false)
            case .nosymfollow: return (.noSymbolicLinks, true)
            case .symfollow: return (.noSymbolicLinks, false)
            }
        }
    }

    /// Options of the whole file system; the kernel uses the same names.
    static let superblock = ["sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand"]
    /// Passed on, but ignored when the file system does not have them, as with their mount(2) flags.
    static let optional = ["acl", "noacl", "iversion", "noiversion"]
    static let withoutEffect = ["defaults", "silent", "loud", "bind"]

    /// The names of all options, for `features`.
    package static var names: [String] {
        let attributes = Attribute.allCases.map(\.rawValue)
        let propagations = MountPropagation.allCases.map(\.rawValue)
        return
            (attributes + attributes.map { "r" + $0 } + propagations + superblock + optional + withoutEffect
            + ["rbind", "remount", "tmpcopyup", "idmap", "ridmap"]).sorted()
    }

    static func apply(_ option: String, to mount: inout MountSpec) {
        if let change = Attribute(option)?.change {
            mount.attributes.turn(change.flag, on: change.isOn)
        } else if option.hasBytePrefix("r"), let change = Attribute(String(option.dropFirst(bytes: 1)))?.change {
            mount.recursive.turn(change.flag, on: change.isOn)
        } else if let propagation = MountPropagation(rawValue: option) {
            mount.propagation = propagation
        } else if option == "rbind" {
            mount.flags.remove(.nonRecursive)
        } else if option == "remount" {
            mount.flags.insert(.remount)
        } else if option == "idmap" || option == "ridmap" {
            mount.flags.insert(option == "idmap" ? .mapped : .recursivelyMapped)
        } else if option == "tmpcopyup", mount.kind == .tmpfs {
            mount.flags.insert(.copyUp)
        } else if !withoutEffect.contains(option), mount.kind != .bind {
            // Bind mounts have no file system options.
            mount.data += split(option)
        }
    }

    /// Splits an entry at commas; `\,` and quotes protect a comma (overlay, SELinux contexts).
    static func split(_ option: String) -> [String] {
        var parts: [String] = []
        var current = ""
        var isQuoted = false
        var isEscaped = false
        for character in option {
            if character == ",", !isQuoted, !isEscaped {
                if !current.isEmpty { parts.append(current) }
                current = ""
                continue
            }
            if character == "\"" && !isEscaped { isQuoted.toggle() }
            isEscaped = character == "\\" && !isEscaped
            current.append(character)
        }
        if !current.isEmpty { parts.append(current) }
        return parts
    }
}

extension MountSpec.Kind {
    init(fileSystem: String) {
        switch fileSystem {
        case "tmpfs": self = .tmpfs
        case "proc": self = .proc
        case "sysfs": self = .sysfs
        case "devpts": self = .devpts
        case "mqueue": self = .mqueue
        case "cgroup", "cgroup2": self = .cgroup
        default: self = .other
        }
    }
}

extension MountSpec {
    /// Parses a bundle's mount; relative host paths are resolved against the bundle's directory.
    init(_ item: JSON, bundle: String, bindPropagation: MountPropagation) throws(LaunchFailure) {
        guard let destination = item["destination"]?.stringValue, !destination.isEmpty else {
            throw LaunchFailure("config.json: a mount has no destination")
        }
        let type = item["type"]?.stringValue ?? ""
        let options = item["options"]?.arrayValue?.compactMap { $0.stringValue } ?? []
        let isBind = type == "bind" || options.contains("bind") || options.contains("rbind")
        var source = item["source"]?.stringValue ?? ""
        if isBind {
            guard !source.isEmpty else {
                throw LaunchFailure("config.json: the bind mount on \(destination) has no source")
            }
            if !source.hasBytePrefix("/") { source = bundle + "/" + source }
        }
        self.init(isBind ? .bind : Kind(fileSystem: type), source: source, destination)
        self.type = type
        if isBind {
            flags.insert(.nonRecursive)
            propagation = bindPropagation
        }
        for option in options { MountOptions.apply(option, to: &self) }
        try readMappings(item)
        guard kind != .other || !type.isEmpty && type != "none" || flags.contains(.remount) else {
            throw LaunchFailure("config.json: the mount on \(destination) has no type")
        }
    }

    private mutating func readMappings(_ item: JSON) throws(LaunchFailure) {
        func list(_ name: String) throws(LaunchFailure) -> [IdentityMapping] {
            var mappings: [IdentityMapping] = []
            for range in item[name]?.arrayValue ?? [] {
                guard let container = range["containerID"]?.intValue.flatMap({ UInt32(exactly: $0) }),
                    let host = range["hostID"]?.intValue.flatMap({ UInt32(exactly: $0) }),
                    let count = range["size"]?.intValue.flatMap({ UInt32(exactly: $0) })
                else { throw LaunchFailure("config.json: \(name) of the mount on \(destination) has no valid ranges") }
                mappings.append(IdentityMapping(container: container, host: host, count: count))
            }
            return mappings
        }
        userMappings = try list("uidMappings")
        groupMappings = try list("gidMappings")
        guard userMappings.isEmpty == groupMappings.isEmpty else {
            throw LaunchFailure("config.json: the mount on \(destination) needs both uidMappings and gidMappings")
        }
        if !userMappings.isEmpty, !flags.contains(.recursivelyMapped) { flags.insert(.mapped) }
        guard !isMapped || kind == .bind else {
            throw LaunchFailure(
                "config.json: the mount on \(destination) is not a bind mount, so its owners cannot be mapped")
        }
    }

    /// Whether owners are mapped.
    var isMapped: Bool { !flags.isDisjoint(with: [.mapped, .recursivelyMapped]) }
}
