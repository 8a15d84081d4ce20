internal import DockerAPI
internal import Engine
internal import Glibc
internal import JSON
internal import Linux

extension DaemonConfiguration {
    /// What containers get that ask for nothing else.
    mutating func readConfinement(_ reader: SettingsReader) throws(DaemonError) {
        engine.noNewPrivileges = try reader.flag("no-new-privileges") ?? false
        let profile = try reader.text("seccomp-profile") ?? "builtin"
        engine.seccompProfile = ["builtin", "unconfined"].contains(profile) ? profile : try Self.profile(profile)
        engine.seccompProfileName = profile
        let cgroups = try reader.text("default-cgroupns-mode") ?? engine.cgroupNamespaceMode
        guard ["private", "host"].contains(cgroups) else {
            throw DaemonError(
                "default cgroup namespace mode (\(cgroups)) is invalid, use \"host\" or \"private\"")
        }
        engine.cgroupNamespaceMode = cgroups
        let ipc = try reader.text("default-ipc-mode") ?? engine.ipcMode
        guard ["private", "shareable"].contains(ipc) else {
            throw DaemonError("default IPC mode setting (\(ipc)) is invalid; use \"shareable\" or \"private\"")
        }
        engine.ipcMode = ipc
        engine.ulimits = try reader.ulimits("default-ulimits")
        do throws(EngineError) {
            try engine.check()
        } catch {
            throw DaemonError("\(error)")
        }
    }

    private static func profile(_ path: String) throws(DaemonError) -> String {
        do {
            return String(decoding: try Descriptor.open(path, O_RDONLY).readAll(limit: 4 << 20), as: UTF8.self)
        } catch {
            throw DaemonError("opening seccomp profile (\(path)) failed: \(error)")
        }
    }
}

extension SettingsReader {
    /// Docker's form: `{"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 64000}}`.
    fileprivate func ulimits(_ key: String) throws(DaemonError) -> [Ulimit] {
        var limits: [Ulimit] = []
        for (name, value) in try object(key).sorted(by: { $0.key < $1.key }) {
            let members = value.objectValue ?? JSONObject()
            let (hard, soft): (Int64?, Int64?)
            do {
                hard = try members.value(matching: "Hard")?.intValue
                soft = try members.value(matching: "Soft")?.intValue
            } catch {
                throw DaemonError("\(key): \(name): \(error)")
            }
            guard let hard, let soft else {
                throw DaemonError("\(key): \(name) must have the whole numbers Hard and Soft")
            }
            limits.append(Ulimit(Name: name, Hard: hard, Soft: soft))
        }
        return limits
    }
}
