package import Runtime

/// Everything about a container's first process and what it sees.
extension LaunchSpec {
    private enum Tag: UInt16 {
        case process = 0x8001, hostname, domainname, namespaces, userMapping, groupMapping, clockOffset, mount
        case rootfsPath, readonlyRootfs, rootfsPropagation, mountLabel, maskedPath, readonlyPath, device, sysctl, cgroup
        case takesNetworkFromDaemon
    }

    private enum ClockTag: UInt16 { case clock = 0x8001, seconds, nanoseconds }
    private enum SysctlTag: UInt16 { case name = 0x8001, value }
    private enum CgroupTag: UInt16 { case controller = 0x8001, path }

    package func encodedMessage() -> [UInt8] {
        Message.encoded(SpecificationNumber.launch.rawValue) { writer in
            writer.put(part: Tag.process) { process.encode(to: &$0) }
            writer.put(unlessEmpty: Tag.hostname, hostname)
            writer.put(unlessEmpty: Tag.domainname, domainname)
            writer.put(part: Tag.namespaces) { namespaces.encode(to: &$0) }
            for mapping in userMappings { writer.put(part: Tag.userMapping) { mapping.encode(to: &$0) } }
            for mapping in groupMappings { writer.put(part: Tag.groupMapping) { mapping.encode(to: &$0) } }
            for offset in clockOffsets {
                writer.put(part: Tag.clockOffset) {
                    $0.put(ClockTag.clock, offset.clock)
                    $0.put(ClockTag.seconds, offset.seconds)
                    $0.put(ClockTag.nanoseconds, offset.nanoseconds)
                }
            }
            for mount in mounts { writer.put(part: Tag.mount) { mount.encode(to: &$0) } }
            writer.put(unlessEmpty: Tag.rootfsPath, rootfsPath)
            writer.put(Tag.readonlyRootfs, readonlyRootfs)
            writer.put(Tag.rootfsPropagation, rootfsPropagation.rawValue)
            writer.put(unlessEmpty: Tag.mountLabel, mountLabel)
            writer.put(each: Tag.maskedPath, maskedPaths)
            writer.put(each: Tag.readonlyPath, readonlyPaths)
            for device in devices { writer.put(part: Tag.device) { device.encode(to: &$0) } }
            for parameter in sysctls {
                writer.put(part: Tag.sysctl) {
                    $0.put(SysctlTag.name, parameter.name)
                    $0.put(SysctlTag.value, parameter.value)
                }
            }
            for join in cgroups {
                writer.put(part: Tag.cgroup) {
                    $0.put(CgroupTag.controller, join.controller)
                    $0.put(CgroupTag.path, join.path)
                }
            }
            writer.put(Tag.takesNetworkFromDaemon, takesNetworkFromDaemon)
        }
    }

    package init(decodingMessage bytes: [UInt8]) throws(MessageError) {
        let message = try Message(bytes)
        guard message.number == SpecificationNumber.launch.rawValue else {
            throw .unknownMessage(message.number)
        }
        self.init()
        process = ProcessSpec()
        process.capabilities = CapabilitySets(0)
        var fields = message.fields
        while let field = try fields.next() {
            switch Tag(rawValue: field.tag) {
            case .process: process = try ProcessSpec(field.parts)
            case .hostname: hostname = field.text
            case .domainname: domainname = field.text
            case .namespaces: namespaces = try NamespaceChoices(field.parts)
            case .userMapping: userMappings.append(try IdentityMapping(field.parts))
            case .groupMapping: groupMappings.append(try IdentityMapping(field.parts))
            case .clockOffset: clockOffsets.append(try Self.clockOffset(field.parts))
            case .mount: mounts.append(try MountSpec(field.parts))
            case .rootfsPath: rootfsPath = field.text
            case .readonlyRootfs: readonlyRootfs = try field.flag()
            case .rootfsPropagation: rootfsPropagation = try MountPropagation(field)
            case .mountLabel: mountLabel = field.text
            case .maskedPath: maskedPaths.append(field.text)
            case .readonlyPath: readonlyPaths.append(field.text)
            case .device: devices.append(try DeviceSpec(field.parts))
            case .sysctl: sysctls.append(try Self.sysctl(field.parts))
            case .cgroup: cgroups.append(try Self.cgroup(field.parts))
            case .takesNetworkFromDaemon: takesNetworkFromDaemon = try field.flag()
            case nil: try field.passOver()
            }
        }
    }

    private static func clockOffset(_ fields: FieldReader) throws(MessageError) -> ClockOffset {
        var offset = ClockOffset(clock: "", seconds: 0, nanoseconds: 0)
        var fields = fields
        while let field = try fields.next() {
            switch ClockTag(rawValue: field.tag) {
            case .clock: offset.clock = field.text
            case .seconds: offset.seconds = try field.number()
            case .nanoseconds: offset.nanoseconds = try field.number()
            case nil: try field.passOver()
            }
        }
        return offset
    }

    private static func sysctl(_ fields: FieldReader) throws(MessageError) -> (name: String, value: String) {
        var parameter = (name: "", value: "")
        var fields = fields
        while let field = try fields.next() {
            switch SysctlTag(rawValue: field.tag) {
            case .name: parameter.name = field.text
            case .value: parameter.value = field.text
            case nil: try field.passOver()
            }
        }
        return parameter
    }

    private static func cgroup(_ fields: FieldReader) throws(MessageError) -> CgroupJoin {
        var join = CgroupJoin(controller: "", path: "")
        var fields = fields
        while let field = try fields.next() {
            switch CgroupTag(rawValue: field.tag) {
            case .controller: join.controller = field.text
            case .path: join.path = field.text
            case nil: try field.passOver()
            }
        }
        return join
    }
}

extension NamespaceChoices {
    private static let tags: [(tag: UInt16, kind: Kind)] = [
        (0x8001, .mount), (0x8002, .pid), (0x8003, .network), (0x8004, .ipc), (0x8005, .uts), (0x8006, .cgroup),
        (0x8007, .user), (0x8008, .time),
    ]

    private struct Tag: RawRepresentable { let rawValue: UInt16 }

    /// `new` or a path; the host's are not named.
    func encode(to writer: inout FieldWriter) {
        for (tag, kind) in Self.tags {
            switch self[kind] {
            case .host: break
            case .new: writer.put(Tag(rawValue: tag), "new")
            case .path(let path): writer.put(Tag(rawValue: tag), path)
            }
        }
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self = .host
        var fields = fields
        while let field = try fields.next() {
            guard let kind = Self.tags.first(where: { $0.tag == field.tag })?.kind else {
                try field.passOver()
                continue
            }
            switch field.text {
            case "new": self[kind] = .new
            case let path where path.utf8.first == UInt8(ascii: "/"): self[kind] = .path(path)
            case let other: throw .invalid("\(other) is not a kind of namespace")
            }
        }
    }
}
