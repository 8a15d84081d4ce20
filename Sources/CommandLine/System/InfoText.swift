internal import ByteText
internal import GoTemplate
internal import JSON

/// What `info` prints about a daemon.
struct InfoText {
    private let information: JSON
    private(set) var text = ""

    init(_ information: JSON) {
        self.information = information
        write()
    }

    private mutating func line(_ name: String, _ value: String?, indent: Int = 1) {
        guard let value else { return }
        text += String(repeating: " ", count: indent) + "\(name): \(value)\n"
    }

    private mutating func line(_ name: String, key: String, indent: Int = 1) {
        guard let value = information[key] else { return }
        line(name, TemplateValue.text(value), indent: indent)
    }

    /// Left out when empty.
    private mutating func known(_ name: String, key: String) {
        if let value = information[key]?.stringValue, !value.isEmpty { line(name, value) }
    }

    private mutating func write() {
        line("Containers", key: "Containers")
        line("Running", key: "ContainersRunning", indent: 2)
        line("Paused", key: "ContainersPaused", indent: 2)
        line("Stopped", key: "ContainersStopped", indent: 2)
        line("Images", key: "Images")
        known("Server Version", key: "ServerVersion")
        known("Storage Driver", key: "Driver")
        for pair in information["DriverStatus"]?.arrayValue ?? [] {
            line(pair[0]?.stringValue ?? "", pair[1]?.stringValue ?? "", indent: 2)
        }
        known("Logging Driver", key: "LoggingDriver")
        known("Cgroup Driver", key: "CgroupDriver")
        known("Cgroup Version", key: "CgroupVersion")
        text += " Plugins:\n"
        for (name, key) in [
            ("Volume", "Volume"), ("Network", "Network"), ("Authorization", "Authorization"), ("Log", "Log"),
        ] {
            let list = (information["Plugins"]?[key]?.arrayValue ?? []).compactMap(\.stringValue)
            if !list.isEmpty || name == "Volume" || name == "Network" {
                line(name, list.joined(separator: " "), indent: 2)
            }
        }
        line("Swarm", information["Swarm"]?["LocalNodeState"]?.stringValue ?? "inactive")
        if let runtimes = information["Runtimes"]?.objectValue, !runtimes.isEmpty {
            line("Runtimes", TemplateValue.sortedKeys(runtimes).joined(separator: " "))
            line("Default Runtime", key: "DefaultRuntime")
        }
        known("Init Binary", key: "InitBinary")
        for (name, key) in [
            ("containerd version", "ContainerdCommit"), ("runc version", "RuncCommit"), ("init version", "InitCommit"),
        ] {
            if let commit = information[key]?["ID"]?.stringValue { line(name, commit) }
        }
        writeSecurity()
        known("Kernel Version", key: "KernelVersion")
        known("Operating System", key: "OperatingSystem")
        known("OSType", key: "OSType")
        known("Architecture", key: "Architecture")
        line("CPUs", key: "NCPU")
        line("Total Memory", Units.binarySize(information["MemTotal"]?.doubleValue ?? 0))
        known("Name", key: "Name")
        known("ID", key: "ID")
        known("Docker Root Dir", key: "DockerRootDir")
        line("Debug Mode", key: "Debug")
        known("HTTP Proxy", key: "HttpProxy")
        known("HTTPS Proxy", key: "HttpsProxy")
        known("No Proxy", key: "NoProxy")
        let labels = (information["Labels"]?.arrayValue ?? []).compactMap(\.stringValue)
        if !labels.isEmpty { text += " Labels:\n" + labels.map { "  \($0)\n" }.joined() }
        line("Experimental", key: "ExperimentalBuild")
        writeRegistries()
        line("Live Restore Enabled", key: "LiveRestoreEnabled")
        for warning in information["Warnings"]?.arrayValue ?? [] { Output.complain(warning.stringValue ?? "") }
    }

    private mutating func writeSecurity() {
        let options = (information["SecurityOptions"]?.arrayValue ?? []).compactMap(\.stringValue)
        if options.isEmpty { return }
        text += " Security Options:\n"
        for option in options {
            let pairs = option.split(byte: ",").map { Pairs.split(String($0)) }
            for (key, value) in pairs where key == "name" { text += "  \(value)\n" }
            for (key, value) in pairs where key != "name" {
                text += "   \(key.prefix(1).uppercased())\(key.dropFirst()): \(value)\n"
            }
        }
    }

    private mutating func writeRegistries() {
        guard let registry = information["RegistryConfig"] else { return }
        let named = (registry["IndexConfigs"]?.objectValue.map(TemplateValue.sortedKeys) ?? []).filter {
            registry["IndexConfigs"]?[$0]?["Secure"]?.boolValue == false
        }
        let ranges = (registry["InsecureRegistryCIDRs"]?.arrayValue ?? []).compactMap(\.stringValue)
        if !(named + ranges).isEmpty {
            text += " Insecure Registries:\n" + (named + ranges).map { "  \($0)\n" }.joined()
        }
        let mirrors = (registry["Mirrors"]?.arrayValue ?? []).compactMap(\.stringValue)
        if !mirrors.isEmpty { text += " Registry Mirrors:\n" + mirrors.map { "  \($0)\n" }.joined() }
    }
}
