internal import ByteText
package import JSON

/// The system calls a container may make, in Docker's profile format, which is a superset of OCI's.
package struct SeccompProfile: Equatable, Sendable {
    /// A condition on one argument (libseccomp's comparison).
    struct Argument: Equatable, Sendable {
        var index: UInt32
        var comparison: Comparison
        var value: UInt64
        /// The second value of a masked comparison.
        var second: UInt64 = 0
    }

    /// Raw values are those of `enum scmp_compare`.
    enum Comparison: UInt32, Sendable {
        case notEqual = 1
        case less, lessOrEqual, equal, greaterOrEqual, greater, maskedEqual
    }

    enum Action: Equatable, Sendable {
        case allow, log, killProcess, killThread, trap
        /// Asks the listener at `listenerPath`.
        case notify
        case error(UInt16)
        case trace(UInt16)
    }

    struct Rule: Equatable, Sendable {
        var names: [String]
        var action: Action
        var arguments: [Argument] = []
        var needsCapabilities: [String] = []
        var excludesCapabilities: [String] = []
        /// Go's names: amd64, arm64, x86, …
        var needsArchitectures: [String] = []
        var excludesArchitectures: [String] = []
    }

    var defaultAction: Action
    /// libseccomp's names without SCMP_ARCH_, in addition to the machine's own.
    var architectures: [String]
    var rules: [Rule]
    /// SECCOMP_FILTER_FLAG_* of seccomp(2).
    package var flags: UInt32 = 0
    /// The socket of the listener for notify actions; empty for none.
    package var listenerPath = ""
    package var listenerMetadata = ""

    /// Whether a rule asks a listener.
    package var notifies: Bool { rules.contains { $0.action == .notify } }

    /// Parses a profile from `--security-opt seccomp=FILE` or OCI's `linux.seccomp`.
    package init(text: [UInt8]) throws(LaunchFailure) {
        let document: JSON
        do {
            document = try JSON.parse(text)
        } catch {
            throw LaunchFailure("the seccomp profile is not a JSON document: \(error)")
        }
        try self.init(document)
    }

    package init(_ document: JSON) throws(LaunchFailure) {
        try DocumentShape.seccomp.check(document, "seccomp")
        guard let action = document["defaultAction"]?.stringValue else {
            throw LaunchFailure("seccomp profile has no defaultAction")
        }
        defaultAction = try Self.action(action, document["defaultErrnoRet"]?.intValue)
        architectures = []
        func architecture(_ name: String) -> String {
            name.hasBytePrefix("SCMP_ARCH_") ? String(name.dropFirst(bytes: 10)) : name
        }
        for item in document["architectures"]?.arrayValue ?? [] {
            if let name = item.stringValue { architectures.append(architecture(name)) }
        }
        let map = document["archMap"]?.arrayValue ?? []
        guard architectures.isEmpty || map.isEmpty else {
            throw LaunchFailure("seccomp profile: both 'architectures' and 'archMap' are specified; use one of them")
        }
        for item in map {
            guard let name = item["architecture"]?.stringValue, architecture(name) == Self.native else { continue }
            for other in item["subArchitectures"]?.arrayValue ?? [] {
                if let name = other.stringValue { architectures.append(architecture(name)) }
            }
        }
        rules = []
        for item in document["syscalls"]?.arrayValue ?? [] where try Self.isForKernel(item) {
            rules.append(try Self.rule(item))
        }
        flags = try Self.flags(document["flags"])
        listenerPath = document["listenerPath"]?.stringValue ?? ""
        listenerMetadata = document["listenerMetadata"]?.stringValue ?? ""
        try checkListener()
    }

    init(defaultAction: Action, architectures: [String], rules: [Rule]) {
        self.defaultAction = defaultAction
        self.architectures = architectures
        self.rules = rules
    }

    #if arch(x86_64)
        static let native = "X86_64"
        static let nativeGo = "amd64"
    #elseif arch(arm64)
        static let native = "AARCH64"
        static let nativeGo = "arm64"
    #else
        static let native = "UNKNOWN"
        static let nativeGo = "unknown"
    #endif

    private static func action(_ name: String, _ value: Int64?) throws(LaunchFailure) -> Action {
        switch name {
        case "SCMP_ACT_ALLOW": return .allow
        case "SCMP_ACT_LOG": return .log
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": return .killThread
        case "SCMP_ACT_KILL_PROCESS": return .killProcess
        case "SCMP_ACT_TRAP": return .trap
        case "SCMP_ACT_NOTIFY": return .notify
        case "SCMP_ACT_ERRNO": return .error(UInt16(truncatingIfNeeded: value ?? 1))
        case "SCMP_ACT_TRACE": return .trace(UInt16(truncatingIfNeeded: value ?? 1))
        default: throw LaunchFailure("seccomp profile has an unknown action: \(name)")
        }
    }

    private static let knownFlags: [String: UInt32] = [
        "SECCOMP_FILTER_FLAG_TSYNC": 1, "SECCOMP_FILTER_FLAG_LOG": 2, "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 32,
    ]
    package static var flagNames: [String] { knownFlags.keys.sorted() }

    /// runc's default when the document has none: without SPEC_ALLOW, kernels before 5.16 slow the whole program down.
    private static func flags(_ value: JSON?) throws(LaunchFailure) -> UInt32 {
        guard let names = value?.arrayValue else { return 4 }
        var flags: UInt32 = 0
        for name in names {
            guard let flag = knownFlags[name.stringValue ?? ""] else {
                throw LaunchFailure("seccomp profile has an unknown flag: \(name.stringValue ?? "")")
            }
            flags |= flag
        }
        return flags
    }

    private func checkListener() throws(LaunchFailure) {
        guard defaultAction != .notify else {
            throw LaunchFailure(
                "seccomp profile: SCMP_ACT_NOTIFY cannot be the default action, because it would block the listener too"
            )
        }
        guard notifies else { return }
        guard !listenerPath.isEmpty else {
            throw LaunchFailure("seccomp profile has SCMP_ACT_NOTIFY, but no listenerPath")
        }
        // Calls needed to pass the listener's descriptor, here and in other runtimes.
        for rule in rules where rule.action == .notify {
            if let name = rule.names.first(where: { ["sendmsg", "write"].contains($0) }) {
                throw LaunchFailure("seccomp profile: SCMP_ACT_NOTIFY cannot be the action of \(name)")
            }
        }
    }

    private static func strings(_ value: JSON?) -> [String] { value?.arrayValue?.compactMap { $0.stringValue } ?? [] }

    private static func rule(_ item: JSON) throws(LaunchFailure) -> Rule {
        var names = strings(item["names"])
        if let name = item["name"]?.stringValue, !name.isEmpty {
            guard names.isEmpty else {
                throw LaunchFailure("seccomp profile: both 'name' and 'names' are specified; use one of them")
            }
            names.append(name)
        }
        guard let action = item["action"]?.stringValue else { throw LaunchFailure("seccomp rule has no action") }
        var rule = Rule(names: names, action: try Self.action(action, item["errnoRet"]?.intValue))
        for argument in item["args"]?.arrayValue ?? [] {
            let order = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]
            guard let name = argument["op"]?.stringValue,
                let position = order.firstIndex(where: { "SCMP_CMP_" + $0 == name }),
                let comparison = Comparison(rawValue: UInt32(position + 1)), let index = argument["index"]?.intValue,
                (0...5).contains(index)
            else { throw LaunchFailure("seccomp rule for \(names.first ?? "") has an unknown condition") }
            rule.arguments.append(
                Argument(
                    index: UInt32(index), comparison: comparison, value: number(argument["value"]),
                    second: number(argument["valueTwo"])))
        }
        rule.needsCapabilities = strings(item["includes"]?["caps"])
        rule.excludesCapabilities = strings(item["excludes"]?["caps"])
        rule.needsArchitectures = strings(item["includes"]?["arches"])
        rule.excludesArchitectures = strings(item["excludes"]?["arches"])
        return rule
    }

    /// Values are unsigned 64-bit numbers; a signed type would lose the upper half.
    private static func number(_ value: JSON?) -> UInt64 {
        if case .number(let text)? = value, let number = UInt64(text) { return number }
        return value?.intValue.map { UInt64(bitPattern: $0) } ?? 0
    }

    /// The rules that apply to a container with these capabilities on this machine.
    func selected(capabilities: UInt64) -> [Rule] {
        func has(_ name: String) -> Bool {
            Capability.number(named: name).map { capabilities & (1 << UInt64($0)) != 0 } ?? false
        }
        return rules.filter { rule in
            rule.needsCapabilities.allSatisfy(has) && !rule.excludesCapabilities.contains(where: has)
                && (rule.needsArchitectures.isEmpty || rule.needsArchitectures.contains(Self.nativeGo))
                && !rule.excludesArchitectures.contains(Self.nativeGo)
        }
    }
}
