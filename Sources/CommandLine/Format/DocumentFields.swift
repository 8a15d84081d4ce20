internal import ByteText
internal import GoTemplate
internal import JSON
internal import Linux

/// What the members of the daemon's documents are in Docker's Go types.
enum DocumentFields: GoTypes {
    static func isList(_ name: String) -> Bool { lists.contains(name) }

    static func isMap(_ name: String) -> Bool { maps.contains(name) }

    static func isTextMap(_ name: String) -> Bool {
        ["Labels", "Attributes", "Options", "Sysctls", "Annotations", "DriverOpts", "Tmpfs"].contains(name)
    }

    static func zero(_ name: String, in object: JSONObject) -> JSON? {
        if topTexts.contains(name) { return "" }
        if name == "SizeRw" || name == "SizeRootFs" { return .null }
        // The top of a container's or an image's document leaves nothing out.
        if object["Id"] != nil, object["Created"] != nil { return nil }
        if texts.contains(name) { return "" }
        return optional.contains(name) ? .null : nil
    }

    static func documentName(_ name: String) -> String? {
        switch name {
        case "ID": "Id"
        case "OS": "Os"
        case "CPUShares": "CpuShares"
        case "NanoCPUs": "NanoCpus"
        case "DNS": "Dns"
        default: nil
        }
    }

    private static let lists: Set<String> = [
        "Args", "Binds", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps",
        "BlkioWeightDevice", "CapAdd", "CapDrop", "Cmd", "DeviceCgroupRules", "DeviceRequests", "Devices", "Dns",
        "DnsOptions", "DnsSearch", "Entrypoint", "Env", "ExecIDs", "ExtraHosts", "GroupAdd", "Links", "Mounts",
        "OnBuild", "RepoDigests", "RepoTags", "SecurityOpt", "Shell", "Ulimits", "VolumesFrom", "Aliases", "DNSNames",
        "SecondaryIPAddresses", "SecondaryIPv6Addresses", "MaskedPaths", "ReadonlyPaths", "Config", "Layers",
    ]

    private static let maps: Set<String> = [
        "Labels", "Volumes", "ExposedPorts", "PortBindings", "Ports", "Networks", "Options", "DriverOpts", "Sysctls",
        "Tmpfs", "StorageOpt", "Annotations", "Containers", "AuxiliaryAddresses", "Data",
    ]

    private static let topTexts: Set<String> = [
        "Parent", "Comment", "Author", "Variant", "Platform", "Created", "DockerVersion", "OsVersion",
    ]

    private static let texts: Set<String> = [
        "StopSignal", "Domainname", "MacAddress", "Driver", "Propagation", "Name", "User", "WorkingDir",
    ]

    private static let optional: Set<String> = [
        "Cmd", "Entrypoint", "Env", "Health", "Healthcheck", "ExposedPorts", "OnBuild", "StopTimeout", "Shell",
        "Annotations", "StorageOpt",
        "Sysctls", "Tmpfs", "Mounts", "Labels", "Volumes", "ImageManifestDescriptor", "Init",
        "MemorySwappiness", "OomKillDisable", "PidsLimit",
    ]
}

extension Template.Data {
    /// A document of the daemon's, or, with a `typeName`, a row of a list. Rows escape what is markup in pages; documents do not.
    static func docker(
        _ root: JSON, typeName: String? = nil, methods: [String: ([JSON?]) -> JSON] = [:]
    ) -> Template.Data {
        Template.Data(
            root: root, typeName: typeName, types: DocumentFields.self,
            escapesMarkup: typeName?.hasByteSuffix("Context") ?? false, methods: methods)
    }

    /// The same with every text fit for one cell of a table.
    var inCells: Template.Data {
        var data = self
        data.root = Self.escaped(root)
        data.methods = methods.mapValues { method in { Self.escaped(method($0)) } }
        return data
    }

    private static func escaped(_ value: JSON) -> JSON {
        switch value {
        case .string(let text): .string(TerminalText.escaped(text, keepsLines: false))
        case .array(let elements): .array(elements.map(escaped))
        case .object(let object):
            .object(JSONObject(object.map { (TerminalText.escaped($0.0, keepsLines: false), escaped($0.1)) }))
        default: value
        }
    }
}

extension Template {
    /// Like `apply(to:)`; what goes wrong is what a command says, behind `complaint`.
    func render(_ data: Data, complaint: String) throws(CommandError) -> String {
        do throws(TemplateError) {
            return try apply(to: data)
        } catch {
            throw CommandError(complaint + error.message)
        }
    }
}
