internal import ByteText
internal import JSON

/// The types of members in runtime-spec 1.2 documents.
///
/// A member of another type is refused, as the specification requires ("valid values"): ignoring `"noNewPrivileges": "true"`
/// would start a container with less protection than intended. Unknown members are ignored ("extensibility"), and null counts as
/// absent, as in Go programs.
indirect enum DocumentShape: Sendable {
    case text
    case truth
    case number(ClosedRange<Int64>)
    /// Up to 2^64 - 1, which JSON.intValue cannot hold.
    case unsigned
    case list(DocumentShape)
    case map(DocumentShape)
    /// Searched linearly: faster for few members than a hash table built for one document.
    case object(KeyValuePairs<String, DocumentShape>)
    /// Checked by the code that reads it.
    case anything

    static let id = DocumentShape.number(0...Int64(UInt32.max))
    static let signed = DocumentShape.number(Int64.min...Int64.max)
    static let short = DocumentShape.number(0...Int64(UInt16.max))
    static let texts = DocumentShape.list(.text)

    func check(_ value: JSON, _ path: @autoclosure () -> String) throws(LaunchFailure) {
        switch (self, value) {
        case (_, .null), (.anything, _), (.text, .string), (.truth, .bool): return
        case (.number(let range), .number(let literal)):
            guard let number = Int64(literal), range.contains(number) else {
                throw LaunchFailure("\(path()) is \(literal), not \(expected)")
            }
        case (.unsigned, .number(let literal)):
            guard UInt64(literal) != nil else { throw LaunchFailure("\(path()) is \(literal), not \(expected)") }
        case (.list(let shape), .array(let items)):
            for (index, item) in items.enumerated() { try shape.check(item, "\(path())[\(index)]") }
        case (.map(let shape), .object(let members)):
            for (name, item) in members { try shape.check(item, "\(path()).\(name)") }
        case (.object(let shapes), .object(let members)):
            for (name, item) in members {
                guard let shape = shapes.first(where: { $0.key == name })?.value else {
                    try Self.refuseOtherCase(name, of: shapes, path())
                    continue
                }
                try shape.check(item, Self.member(name, of: path()))
            }
        default: throw LaunchFailure("\(path()) is \(Self.name(value)), not \(expected)")
        }
    }

    /// Refuses member names that differ only in case. Go programs read `SysCalls` as `syscalls`, while ignoring it would drop a
    /// profile's rules silently. The specification has one spelling, so refusing is safe.
    private static func refuseOtherCase(
        _ name: String, of shapes: KeyValuePairs<String, DocumentShape>, _ path: String
    ) throws(LaunchFailure) {
        guard let meant = shapes.first(where: { JSONObject.areOne($0.key, name) })?.key else { return }
        throw LaunchFailure("\(member(name, of: path)) must be written \(meant)")
    }

    private static func member(_ name: String, of parent: String) -> String {
        parent.hasByteSuffix(" ") ? parent + name : "\(parent).\(name)"
    }

    private var expected: String {
        switch self {
        case .text: "a string"
        case .truth: "true or false"
        case .number(let range) where range == Int64.min...Int64.max: "a whole number"
        case .number(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .unsigned: "a whole number from 0 to \(UInt64.max)"
        case .list: "an array"
        case .map, .object: "an object"
        case .anything: "anything"
        }
    }

    private static func name(_ value: JSON) -> String {
        switch value {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let literal): literal
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension DocumentShape {
    private static let hooks = DocumentShape.list(
        .object(["path": .text, "args": texts, "env": texts, "timeout": signed]))

    private static let mappings = DocumentShape.list(.object(["containerID": id, "hostID": id, "size": id]))

    private static let mount = DocumentShape.object([
        "destination": .text, "type": .text, "source": .text, "options": texts, "uidMappings": mappings,
        "gidMappings": mappings,
    ])

    private static let device = DocumentShape.object([
        "type": .text, "path": .text, "major": signed, "minor": signed, "fileMode": id, "uid": id, "gid": id,
    ])

    /// A bundle's `config.json`; process, resources and seccomp profile have their own shapes.
    static let configuration = DocumentShape.object([
        "ociVersion": .text, "hostname": .text, "domainname": .text, "annotations": .map(.text),
        "root": .object(["path": .text, "readonly": .truth]), "mounts": .list(mount),
        "hooks": .object([
            "prestart": hooks, "createRuntime": hooks, "createContainer": hooks, "startContainer": hooks,
            "poststart": hooks, "poststop": hooks,
        ]),
        "linux": .object([
            "namespaces": .list(.object(["type": .text, "path": .text])), "uidMappings": mappings,
            "gidMappings": mappings, "timeOffsets": .map(.object(["secs": signed, "nanosecs": id])),
            "devices": .list(device), "netDevices": .map(.object(["name": .text])), "cgroupsPath": .text,
            "rootfsPropagation": .text, "sysctl": .map(.text), "maskedPaths": texts, "readonlyPaths": texts,
            "mountLabel": .text, "intelRdt": .anything, "resources": .anything, "seccomp": .anything,
            "personality": .object(["domain": .text, "flags": texts]),
        ]),
    ])

    /// An OCI `process`, also for `exec --process`.
    static let process = DocumentShape.object([
        "terminal": .truth, "consoleSize": .object(["height": .unsigned, "width": .unsigned]), "cwd": .text,
        "env": texts, "args": texts, "commandLine": .text, "noNewPrivileges": .truth, "apparmorProfile": .text,
        "selinuxLabel": .text, "oomScoreAdj": signed,
        "user": .object(["uid": id, "gid": id, "umask": id, "additionalGids": .list(id), "username": .text]),
        "capabilities": .object([
            "bounding": texts, "effective": texts, "inheritable": texts, "permitted": texts, "ambient": texts,
        ]),
        "rlimits": .list(.object(["type": .text, "soft": .unsigned, "hard": .unsigned])),
        "scheduler": .object([
            "policy": .text, "nice": signed, "priority": signed, "flags": texts, "runtime": .unsigned,
            "deadline": .unsigned, "period": .unsigned,
        ]),
        "ioPriority": .object(["class": .text, "priority": signed]),
        "execCPUAffinity": .object(["initial": .text, "final": .text]),
    ])

    private static let rates = DocumentShape.list(.object(["major": signed, "minor": signed, "rate": .unsigned]))

    /// OCI's `linux.resources`, also for `update --resources`.
    static let resources = DocumentShape.object([
        "unified": .map(.text), "pids": .object(["limit": signed]),
        "devices": .list(
            .object(["allow": .truth, "type": .text, "major": signed, "minor": signed, "access": .text])),
        "memory": .object([
            "limit": signed, "reservation": signed, "swap": signed, "kernel": signed, "kernelTCP": signed,
            "swappiness": .unsigned, "disableOOMKiller": .truth, "useHierarchy": .truth, "checkBeforeUpdate": .truth,
        ]),
        "cpu": .object([
            "shares": .unsigned, "quota": signed, "burst": .unsigned, "period": .unsigned, "realtimeRuntime": signed,
            "realtimePeriod": .unsigned, "cpus": .text, "mems": .text, "idle": signed,
        ]),
        "blockIO": .object([
            "weight": short, "leafWeight": short,
            "weightDevice": .list(.object(["major": signed, "minor": signed, "weight": short, "leafWeight": short])),
            "throttleReadBpsDevice": rates, "throttleWriteBpsDevice": rates, "throttleReadIOPSDevice": rates,
            "throttleWriteIOPSDevice": rates,
        ]),
        "hugepageLimits": .list(.object(["pageSize": .text, "limit": .unsigned])),
        "network": .object(["classID": id, "priorities": .list(.object(["name": .text, "priority": id]))]),
        "rdma": .map(.object(["hcaHandles": id, "hcaObjects": id])),
    ])

    private static let clause = DocumentShape.object(["caps": texts, "arches": texts, "minKernel": .text])

    /// OCI's `linux.seccomp`, and Docker's profiles, which have more members.
    static let seccomp = DocumentShape.object([
        "defaultAction": .text, "defaultErrnoRet": id, "architectures": texts, "flags": texts, "listenerPath": .text,
        "listenerMetadata": .text, "archMap": .list(.object(["architecture": .text, "subArchitectures": texts])),
        "syscalls": .list(
            .object([
                "names": texts, "name": .text, "action": .text, "errnoRet": id, "includes": clause, "excludes": clause,
                "args": .list(
                    .object(["index": id, "value": .unsigned, "valueTwo": .unsigned, "op": .text])),
            ])),
    ])
}
