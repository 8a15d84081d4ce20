internal import ByteText
internal import Images
package import DockerAPI
internal import Cgroups
internal import Glibc
package import JSON
internal import Layers
internal import Linux
internal import Networking

extension Engine {
    package func version() -> VersionResponse {
        let configuration = environment.configuration
        return VersionResponse(
            Version: configuration.version, GitCommit: configuration.commit, Arch: Host.architecture,
            KernelVersion: Host.kernel, BuildTime: "")
    }

    /// `GET /info`.
    package func info() async -> JSON {
        let configuration = environment.configuration
        let states = environment.index.all.map(\.record.state.Status)
        let images = (try? environment.images.list(all: true, filters: [:]).count) ?? 0
        let time = Clock.text()
        var info = JSONObject()
        info["ID"] = .string(Host.machine)
        info["Containers"] = JSON(states.count)
        info["ContainersRunning"] = JSON(states.count { $0 == "running" })
        info["ContainersPaused"] = JSON(states.count { $0 == "paused" })
        info["ContainersStopped"] = JSON(states.count { $0 != "running" && $0 != "paused" })
        info["Images"] = JSON(images)
        info["Driver"] = .string(environment.snapshots.driverName.rawValue)
        info["DriverStatus"] = .array(
            environment.snapshots.status().map { .array([.string($0.name), .string($0.value)]) })
        info["SystemStatus"] = .null
        info["Plugins"] = [
            "Volume": ["local"], "Network": ["bridge", "host", "null"], "Authorization": nil,
            "Log": ["json-file", "none"],
        ]
        for name in [
            "MemoryLimit", "SwapLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares", "CPUSet", "PidsLimit",
            "IPv4Forwarding",
            "OomKillDisable",
        ] {
            info[name] = true
        }
        info["Debug"] = .bool(configuration.debug)
        info["NFd"] = JSON(Directory.names(in: "/proc/self/fd").count)
        info["NGoroutines"] = JSON(Directory.names(in: "/proc/self/task").count)
        info["SystemTime"] = .string(time)
        info["LoggingDriver"] = .string(configuration.logDriver)
        info["CgroupDriver"] = "cgroupfs"
        info["CgroupVersion"] = (environment.hierarchy.mode == .v2) ? "2" : "1"
        info["NEventsListener"] = JSON(environment.journal.listenerCount)
        info["KernelVersion"] = .string(Host.kernel)
        info["OperatingSystem"] = .string(Host.operatingSystem)
        info["OSVersion"] = .string(Host.operatingSystemVersion)
        info["OSType"] = "linux"
        info["Architecture"] = .string(Host.machineArchitecture)
        info["IndexServerAddress"] = "https://index.docker.io/v1/"
        info["RegistryConfig"] = registryConfiguration
        info["NCPU"] = JSON(Int64(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        info["MemTotal"] = JSON(Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE))))
        info["GenericResources"] = .null
        info["DockerRootDir"] = .string(configuration.dataRoot)
        info["HttpProxy"] = ""
        info["HttpsProxy"] = ""
        info["NoProxy"] = ""
        info["Name"] = .string(Host.name)
        info["Labels"] = .array(configuration.labels.map { .string($0) })
        info["ExperimentalBuild"] = false
        info["ServerVersion"] = .string(configuration.version)
        info["Runtimes"] = ["gantry-runtime": ["path": "gantry-runtime"]]
        info["DefaultRuntime"] = "gantry-runtime"
        info["Swarm"] = [
            "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "",
            "RemoteManagers": nil,
        ]
        info["LiveRestoreEnabled"] = true
        info["Isolation"] = ""
        info["InitBinary"] = ""
        info["ContainerdCommit"] = ["ID": "", "Expected": ""]
        info["RuncCommit"] = ["ID": "", "Expected": ""]
        info["InitCommit"] = ["ID": "", "Expected": ""]
        var security = ["name=seccomp,profile=\(configuration.seccompProfileName)"]
        if environment.hierarchy.mode == .v2 { security.append("name=cgroupns") }
        if configuration.noNewPrivileges { security.append("name=no-new-privileges") }
        info["SecurityOptions"] = .array(security.map { .string($0) })
        info["Warnings"] = .null
        return .object(info)
    }

    private var registryConfiguration: JSON {
        let configuration = environment.configuration
        var indexes: JSONObject = JSONObject()
        indexes["docker.io"] = [
            "Name": "docker.io", "Mirrors": .array(configuration.registryMirrors.map { .string($0) }), "Secure": true,
            "Official": true,
        ]
        var cidrs: [JSON] = ["127.0.0.0/8", "::1/128"]
        for registry in configuration.insecureRegistries {
            if registry.contains(byte: "/") {
                cidrs.append(.string(registry))
            } else {
                indexes[registry] = ["Name": .string(registry), "Mirrors": [], "Secure": false, "Official": false]
            }
        }
        return [
            "AllowNondistributableArtifactsCIDRs": nil, "AllowNondistributableArtifactsHostnames": nil,
            "InsecureRegistryCIDRs": .array(cidrs), "IndexConfigs": .object(indexes),
            "Mirrors": .array(configuration.registryMirrors.map { .string($0) }),
        ]
    }
}

/// Facts about this machine that do not change while the daemon runs.
enum Host {
    private static let system: utsname = {
        var name = utsname()
        uname(&name)
        return name
    }()

    private static func text<Field>(_ field: Field) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    static let kernel = text(system.release)
    static var name: String {
        var now = utsname()
        uname(&now)
        return text(now.nodename)
    }
    /// `x86_64`, as `info` shows it.
    static let machineArchitecture = text(system.machine)
    /// `amd64`, as `version` shows it.
    static let architecture =
        switch machineArchitecture {
        case "x86_64": "amd64"
        case "aarch64": "arm64"
        default: machineArchitecture
        }

    private static let release: [String: String] = {
        let bytes = (try? Descriptor.open("/etc/os-release", O_RDONLY).readAll(limit: 1 << 16)) ?? []
        var fields: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(byte: "\n") {
            let parts = line.split(byte: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            fields[String(parts[0])] = parts[1].filter { $0 != "\"" }
        }
        return fields
    }()

    static let operatingSystem = release["PRETTY_NAME"] ?? "Linux"
    static let operatingSystemVersion = release["VERSION_ID"] ?? ""
    /// An identifier of this machine.
    static let machine: String = {
        let bytes = (try? Descriptor.open("/etc/machine-id", O_RDONLY).readAll(limit: 256)) ?? []
        return String(decoding: bytes.filter(\.isASCIIHexDigit), as: UTF8.self)
    }()
}
