internal import DockerAPI
internal import JSON
internal import Runtime

/// What `--security-opt` asks for.
struct SecurityOptions: Sendable {
    /// Which system calls the container's processes may make.
    enum Seccomp: Sendable {
        /// Docker's default profile.
        case standard
        case unconfined
        case profile(SeccompProfile)
    }

    /// The last one that was asked for; nil leaves it to the daemon.
    var seccomp: Seccomp?
    var noNewPrivileges = false

    init(_ options: [String]) throws(EngineError) {
        for option in options { try read(option) }
    }

    private mutating func read(_ option: String) throws(EngineError) {
        if option == "no-new-privileges" {
            noNewPrivileges = true
            return
        }
        // Docker's old word for `label=disable`.
        if option == "disable" { return }
        // The colon is Docker's old separator: it only counts where there is no other.
        guard let separator = [Character("="), ":"].first(where: option.contains),
            let index = option.firstIndex(of: separator)
        else { throw .invalid("invalid --security-opt 1: \(quoted(option))") }
        let value = String(option[option.utf8.index(after: index)...])
        switch option[..<index] {
        case "seccomp": seccomp = value.isEmpty ? nil : try Self.seccomp(value)
        case "no-new-privileges": noNewPrivileges = try Self.truth(value, option)
        case "writable-cgroups":
            if try Self.truth(value, option) { throw .notAvailable("--security-opt writable-cgroups") }
        case "label":
            // There are no labels to switch off; every other value asks for one.
            guard value == "disable" else { throw .notAvailable("the SELinux label of --security-opt \(option)") }
        case "apparmor":
            guard value == "unconfined" || value.isEmpty else {
                throw .notAvailable("the AppArmor profile of --security-opt \(option)")
            }
        default: throw .invalid("invalid --security-opt 2: \(quoted(option))")
        }
    }

    /// `builtin`, `unconfined` or the text of a profile: of a container, and of the daemon's `seccomp-profile`.
    static func seccomp(_ value: String) throws(EngineError) -> Seccomp {
        switch value {
        case "builtin", "": return .standard
        case "unconfined": return .unconfined
        default: break
        }
        guard value.utf8.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") else {
            throw .invalid(
                "Decoding seccomp profile failed: it is not a JSON document; the API takes the profile itself, "
                    + "not the name of its file")
        }
        let profile: SeccompProfile
        do {
            profile = try SeccompProfile(text: Array(value.utf8))
        } catch {
            throw .invalid("Decoding seccomp profile failed: \(error.message)")
        }
        guard !profile.notifies else {
            throw .notAvailable("SCMP_ACT_NOTIFY in a seccomp profile")
        }
        return .profile(profile)
    }

    /// What cannot be forbidden although it is asked for.
    static func warnings(_ seccomp: Seccomp?) -> [String] {
        guard case .profile(let profile) = seccomp else { return [] }
        return profile.unknownDenials().map {
            "The seccomp profile forbids \(quoted($0)), which is no system call that is known here: the rule has no effect."
        }
    }

    /// Go's strconv.ParseBool.
    private static func truth(_ value: String, _ option: String) throws(EngineError) -> Bool {
        switch value {
        case "1", "t", "T", "TRUE", "true", "True": return true
        case "0", "f", "F", "FALSE", "false", "False": return false
        default: throw .invalid("invalid --security-opt 2: \(quoted(option))")
        }
    }
}

extension EngineError {
    /// What this release does not do, by the name that the request has for it.
    static func notAvailable(_ what: String) -> EngineError {
        .invalid("\(what) is not available in this release of Gantry; leave it out (docs/run.md has what is available)")
    }
}

extension LaunchPlan {
    /// Sets what limits every process of the container, the first one and those of `exec`: ulimits, OOM score, and what the security
    /// options forbid. The container's filter also holds for `exec --privileged`, as in Docker.
    func restrict(_ process: inout ProcessSpec, by environment: EngineEnvironment) throws(EngineError) {
        process.rlimits = try Self.limits(record.host.Ulimits)
        // Always: the daemon has a score of its own, which is inherited.
        process.oomScoreAdj = Int32(clamping: record.host.OomScoreAdj)
        let options = try SecurityOptions(record.host.SecurityOpt ?? [])
        process.noNewPrivileges = options.noNewPrivileges
        let profile: SeccompProfile
        switch options.seccomp ?? (record.host.Privileged ? .unconfined : environment.seccomp) {
        case .unconfined: return
        case .standard: profile = .dockerDefault
        case .profile(let own): profile = own
        }
        do throws(LaunchFailure) {
            try process.filter(by: profile, environment.filters)
        } catch {
            throw EngineError(wrapping: error)
        }
    }
}
