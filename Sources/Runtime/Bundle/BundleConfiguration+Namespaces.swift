internal import ByteText
internal import Glibc
internal import JSON

extension NamespaceChoices {
    /// A namespace with a path is joined, one without is created, and one that is not listed is the caller's.
    init(_ list: JSON) throws(LaunchFailure) {
        self = .host
        var seen: [Kind] = []
        for item in list.arrayValue ?? [] {
            let type = item["type"]?.stringValue ?? ""
            guard let kind = Kind(rawValue: type) else {
                throw LaunchFailure("config.json: unknown namespace \(type)")
            }
            guard !seen.contains(kind) else {
                throw LaunchFailure("config.json: the \(type) namespace is there twice")
            }
            seen.append(kind)
            let path = item["path"]?.stringValue ?? ""
            guard path.isEmpty || path.hasBytePrefix("/") else {
                throw LaunchFailure("config.json: namespace path \(path) is not absolute")
            }
            self[kind] = path.isEmpty ? .new : .path(path)
        }
    }
}

extension BundleConfiguration {
    /// Reads ID mappings and clock offsets.
    mutating func readNamespaces(_ linux: JSON) throws(LaunchFailure) {
        launch.userMappings = try Self.mappings(linux["uidMappings"], "uidMappings")
        launch.groupMappings = try Self.mappings(linux["gidMappings"], "gidMappings")
        var areMapped = (!launch.userMappings.isEmpty, !launch.groupMappings.isEmpty)
        if launch.namespaces.user.isNew, areMapped == (false, false) {
            // As in crun: an unprivileged user gets a mapping of his own ID.
            launch.userMappings = [IdentityMapping(container: 0, host: geteuid(), count: 1)]
            launch.groupMappings = [IdentityMapping(container: 0, host: getegid(), count: 1)]
            areMapped = (true, true)
        }
        switch launch.namespaces.user {
        case .host where areMapped.0 || areMapped.1:
            throw LaunchFailure("config.json: ID mappings without a user namespace")
        case .new where !areMapped.0 || !areMapped.1:
            throw LaunchFailure("config.json: a new user namespace needs uidMappings and gidMappings")
        default: break
        }
        try readClocks(linux["timeOffsets"]?.objectValue ?? JSONObject())
        guard !launch.hostname.isEmpty || !launch.domainname.isEmpty else { return }
        guard launch.namespaces.uts != .host else {
            throw LaunchFailure("config.json: hostname or domainname without a uts namespace would change the host's")
        }
    }

    /// The number of IDs; a mapping of all IDs has 2^32, which is stored as the maximum.
    private static func length(_ value: JSON?, _ name: String) throws(LaunchFailure) -> UInt32 {
        guard let number = value?.intValue, number >= 0, number <= UInt32.max else {
            throw LaunchFailure("config.json: \(name) is not a number from 0 to 4294967295")
        }
        return UInt32(number)
    }

    private static func mappings(_ value: JSON?, _ name: String) throws(LaunchFailure) -> [IdentityMapping] {
        var mappings: [IdentityMapping] = []
        for item in value?.arrayValue ?? [] {
            mappings.append(
                IdentityMapping(
                    container: try identifier(item["containerID"], "linux.\(name).containerID"),
                    host: try identifier(item["hostID"], "linux.\(name).hostID"),
                    count: try length(item["size"], "linux.\(name).size")))
        }
        return mappings
    }

    private mutating func readClocks(_ offsets: JSONObject) throws(LaunchFailure) {
        for (clock, value) in offsets {
            guard clock == "monotonic" || clock == "boottime" else {
                throw LaunchFailure("config.json: timeOffsets: unknown clock \(clock)")
            }
            launch.clockOffsets.append(
                ClockOffset(
                    clock: clock, seconds: value["secs"]?.intValue ?? 0,
                    nanoseconds: try Self.identifier(value["nanosecs"], "linux.timeOffsets.\(clock).nanosecs")))
        }
        guard launch.clockOffsets.isEmpty || launch.namespaces.time.isNew else {
            throw LaunchFailure("config.json: timeOffsets without a new time namespace")
        }
    }

    /// Reads the personality, and refuses settings that this runtime does not support.
    mutating func readDomain(_ linux: JSON) throws(LaunchFailure) {
        if let personality = linux["personality"], !personality.isNull {
            let domains: [String: UInt64] = ["LINUX": 0, "LINUX32": 8]
            guard let domain = domains[personality["domain"]?.stringValue ?? ""] else {
                throw LaunchFailure("config.json: personality has an unknown domain; LINUX and LINUX32 are known")
            }
            guard (personality["flags"]?.arrayValue ?? []).isEmpty else {
                throw LaunchFailure("config.json: personality flags are not supported; the specification defines none")
            }
            launch.process.personality = domain
        }
        if let resources = linux["intelRdt"], !resources.isNull {
            throw LaunchFailure("config.json: intelRdt is not supported; remove it to run without it")
        }
        // mountLabel without SELinux is ignored, because engines write it anyway.
    }

    /// Refuses strings with a NUL, which would be truncated in system calls.
    static func refuseNulls(_ value: JSON) throws(LaunchFailure) {
        switch value {
        case .string(let text):
            guard !text.utf8.contains(0) else { throw LaunchFailure("config.json: a string has a NUL character") }
        case .array(let items): for item in items { try refuseNulls(item) }
        case .object(let members): for (_, item) in members { try refuseNulls(item) }
        default: break
        }
    }
}
