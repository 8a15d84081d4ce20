internal import JSON

/// What a bundle's mount options mean (runtime-spec 1.2, "Linux mount options"; runc's names where the specification
/// has none). Options that are not here are the file system's.
package enum MountOptions {
    /// An option of one mount: the flag and whether it is switched on. With `r` in front, of everything beneath too.
    static let attributes: [String: (flag: MountFlags, isOn: Bool)] = [
        "ro": (.readOnly, true), "rw": (.readOnly, false), "nosuid": (.noSuid, true), "suid": (.noSuid, false),
        "nodev": (.noDev, true), "dev": (.noDev, false), "noexec": (.noExec, true), "exec": (.noExec, false),
        "noatime": (.noATime, true), "atime": (.noATime, false), "nodiratime": (.noDirectoryATime, true),
        "diratime": (.noDirectoryATime, false), "relatime": (.relativeATime, true),
        "norelatime": (.relativeATime, false), "strictatime": (.strictATime, true),
        "nostrictatime": (.strictATime, false), "nosymfollow": (.noSymbolicLinks, true),
        "symfollow": (.noSymbolicLinks, false),
    ]
    static let propagations: [String: MountPropagation] = [
        "private": .private, "rprivate": .rprivate, "slave": .slave, "rslave": .rslave, "shared": .shared,
        "rshared": .rshared, "unbindable": .unbindable, "runbindable": .runbindable,
    ]
    /// Of the whole file system; the kernel knows them by these names.
    static let superblock: Set<String> = [
        "sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand",
    ]
    /// Passed on, and nothing is said when the file system has no such option, as mount(2) does with their flags.
    static let optional: Set<String> = ["acl", "noacl", "iversion", "noiversion"]
    static let withoutEffect: Set<String> = ["defaults", "silent", "loud", "bind"]

    /// Every option by name, for `features`.
    package static var names: [String] {
        (Array(attributes.keys) + attributes.keys.map { "r" + $0 } + propagations.keys + superblock + optional
            + withoutEffect + ["rbind", "remount", "tmpcopyup", "idmap", "ridmap"]).sorted()
    }

    static func apply(_ option: String, to mount: inout MountSpec) {
        if let change = attributes[option] {
            mount.attributes.turn(change.flag, on: change.isOn)
        } else if option.hasPrefix("r"), let change = attributes[String(option.dropFirst())] {
            mount.recursive.turn(change.flag, on: change.isOn)
        } else if let propagation = propagations[option] {
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
            // A bind has no options of a file system.
            mount.data += split(option)
        }
    }

    /// One entry may hold several options with commas between; `\,` and quotes keep a comma (overlay, SELinux contexts).
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
    /// A mount of a bundle; paths of the host start from the bundle's directory.
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
            if !source.hasPrefix("/") { source = bundle + "/" + source }
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
                "config.json: the mount on \(destination) is no bind mount, so its owners cannot be mapped")
        }
    }

    /// Whether owners are mapped.
    var isMapped: Bool { !flags.isDisjoint(with: [.mapped, .recursivelyMapped]) }
}
