internal import ByteText
internal import CLinux
internal import Glibc
package import JSON

extension BundleConfiguration {
    /// Reads an OCI `process` object, also for `exec --process`.
    package static func process(_ value: JSON) throws(LaunchFailure) -> ProcessSpec {
        try DocumentShape.process.check(value, "process")
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
        try readUser(value["user"] ?? .null, &process)
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
            guard !process.rlimits.contains(where: { $0.resource == number }) else {
                throw LaunchFailure("config.json: limit \(name) is there twice")
            }
            process.rlimits.append(
                ResourceLimit(resource: number, soft: unsigned(item["soft"]), hard: unsigned(item["hard"])))
        }
        // Without the privilege to raise limits, the container runs with lower ones.
        process.clampsLimits = linux_permitted_capabilities() & Capability.mask(["SYS_RESOURCE"]) == 0
        if let item = value["scheduler"], !item.isNull { process.scheduling = try scheduling(item) }
        if let item = value["ioPriority"], !item.isNull {
            let level = item["priority"]?.intValue ?? 0
            guard let kind = IOPriority.kinds[item["class"]?.stringValue ?? ""], (0...7).contains(level) else {
                throw LaunchFailure("config.json: ioPriority has an unknown class, or a priority beyond 0 to 7")
            }
            process.ioPriority = IOPriority(kind: kind, level: Int32(level))
        }
        if let affinity = value["execCPUAffinity"] {
            process.initialAffinity = try processors(affinity["initial"]?.stringValue ?? "")
            process.finalAffinity = try processors(affinity["final"]?.stringValue ?? "")
        }
        process.appArmorProfile = value["apparmorProfile"]?.stringValue ?? ""
        // Without AppArmor in the kernel every process is unconfined.
        if process.appArmorProfile == "unconfined", access("/sys/kernel/security/apparmor", F_OK) != 0 {
            process.appArmorProfile = ""
        }
        process.seLinuxLabel = value["selinuxLabel"]?.stringValue ?? ""
        if !process.seLinuxLabel.isEmpty { try needSELinux() }
        return process
    }

    package static func needSELinux() throws(LaunchFailure) {
        guard access("/sys/fs/selinux/enforce", F_OK) == 0 else {
            throw LaunchFailure("selinux label is specified in config, but selinux is disabled or not supported")
        }
    }

    /// An ID as a whole number in range. Refused rather than clamped or truncated to another user's ID (CVE-2024-40635).
    static func identifier(_ value: JSON?, _ name: String) throws(LaunchFailure) -> UInt32 {
        guard let value, !value.isNull else { return 0 }
        guard let number = value.intValue, number >= 0, number < Int(UInt32.max) else {
            throw LaunchFailure("config.json: \(name) is not a number from 0 to 4294967294")
        }
        return UInt32(number)
    }

    private static func readUser(_ user: JSON, _ process: inout ProcessSpec) throws(LaunchFailure) {
        var groups: [UInt32] = []
        for item in user["additionalGids"]?.arrayValue ?? [] {
            groups.append(try identifier(item, "process.user.additionalGids"))
        }
        process.user = .ids(
            uid: try identifier(user["uid"], "process.user.uid"), gid: try identifier(user["gid"], "process.user.gid"),
            groups: groups)
        if let umask = user["umask"]?.intValue { process.umask = UInt32(clamping: umask) }
    }

    private static func scheduling(_ item: JSON) throws(LaunchFailure) -> Scheduling {
        var value = Scheduling()
        guard let policy = Scheduling.policies[item["policy"]?.stringValue ?? ""] else {
            throw LaunchFailure("config.json: scheduler has no policy, or an unknown one")
        }
        value.policy = policy
        for name in strings(item["flags"]) {
            guard let flag = Scheduling.flagNames[name] else {
                throw LaunchFailure("config.json: scheduler has an unknown flag: \(name)")
            }
            value.flags |= flag
        }
        value.nice = Int32(clamping: item["nice"]?.intValue ?? 0)
        value.priority = UInt32(clamping: item["priority"]?.intValue ?? 0)
        value.runtime = unsigned(item["runtime"])
        value.deadline = unsigned(item["deadline"])
        value.period = unsigned(item["period"])
        return value
    }

    /// `0-3,7` as a bit mask.
    static func processors(_ list: String) throws(LaunchFailure) -> [UInt8] {
        var mask: [UInt8] = []
        for part in list.split(byte: ",") {
            let ends = part.split(byte: "-", maxSplits: 1, omittingEmptySubsequences: false).map {
                UInt16($0.filter { $0 != " " })
            }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last, last < 8192 else {
                throw LaunchFailure("config.json: execCPUAffinity: \(list) is not a list of CPUs")
            }
            for number in Int(first)...Int(last) {
                // The kernel requires whole words.
                while mask.count <= number / 8 || mask.count % 8 != 0 { mask.append(0) }
                mask[number / 8] |= 1 << UInt8(number % 8)
            }
        }
        return mask
    }

    static func unsigned(_ value: JSON?) -> UInt64 {
        if case .number(let text)? = value, let number = UInt64(text) { return number }
        return value?.intValue.map { UInt64(bitPattern: $0) } ?? 0
    }
}
