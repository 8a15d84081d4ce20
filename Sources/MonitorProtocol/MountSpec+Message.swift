internal import Runtime

extension MountSpec {
    private enum Tag: UInt16 {
        case kind = 0x8001, type, source, destination, flags, cleared, recursivelySet, recursivelyCleared, propagation
        case option, userMapping, groupMapping
    }

    func encode(to writer: inout FieldWriter) {
        writer.put(Tag.kind, kind.rawValue)
        writer.put(unlessEmpty: Tag.type, type)
        writer.put(unlessEmpty: Tag.source, source)
        writer.put(Tag.destination, destination)
        for (tag, flags) in [
            (Tag.flags, flags), (.cleared, cleared), (.recursivelySet, recursive.on),
            (.recursivelyCleared, recursive.off),
        ] where !flags.isEmpty {
            writer.put(tag, flags.rawValue)
        }
        writer.put(Tag.propagation, propagation.rawValue)
        writer.put(each: Tag.option, data)
        for mapping in userMappings { writer.put(part: Tag.userMapping) { mapping.encode(to: &$0) } }
        for mapping in groupMappings { writer.put(part: Tag.groupMapping) { mapping.encode(to: &$0) } }
    }

    init(_ fields: FieldReader) throws(MessageError) {
        var kind: Kind?
        self.init(.bind, "")
        var fields = fields
        while let field = try fields.next() {
            switch Tag(rawValue: field.tag) {
            case .kind:
                kind = Kind(rawValue: try field.number())
                guard kind != nil else { throw .invalid("a mount is of an unknown kind") }
            case .type: type = field.text
            case .source: source = field.text
            case .destination: destination = field.text
            case .flags: flags = try MountFlags(field)
            case .cleared: cleared = try MountFlags(field)
            case .recursivelySet: recursive.on = try MountFlags(field)
            case .recursivelyCleared: recursive.off = try MountFlags(field)
            case .propagation: propagation = try MountPropagation(field)
            case .option: data.append(field.text)
            case .userMapping: userMappings.append(try IdentityMapping(field.parts))
            case .groupMapping: groupMappings.append(try IdentityMapping(field.parts))
            case nil: try field.passOver()
            }
        }
        guard let kind else { throw .invalid("a mount does not say of which kind it is") }
        self.kind = kind
    }
}

extension MountFlags {
    /// Refuses flags that this release does not have: a mount without `nosuid` is not the mount that was asked for.
    init(_ field: Field) throws(MessageError) {
        self.init(rawValue: try field.number())
        guard isSubset(of: .all) else {
            throw .invalid("a mount has unknown flags (0x\(String(subtracting(.all).rawValue, radix: 16)))")
        }
    }
}

extension MountPropagation {
    init(_ field: Field) throws(MessageError) {
        guard let value = MountPropagation(rawValue: field.text) else {
            throw .invalid("\(field.text) is not a mount propagation")
        }
        self = value
    }
}

extension DeviceSpec {
    private enum Tag: UInt16 { case kind = 0x8001, path, major, minor, mode, uid, gid }

    func encode(to writer: inout FieldWriter) {
        writer.put(Tag.kind, kind.rawValue)
        writer.put(Tag.path, path)
        for (tag, number) in [
            (Tag.major, major), (.minor, minor), (.mode, mode), (.uid, uid), (.gid, gid),
        ] {
            writer.put(tag, number)
        }
    }

    init(_ fields: FieldReader) throws(MessageError) {
        var kind: Kind?
        self.init(.character, "", major: 0, minor: 0, mode: 0)
        var fields = fields
        while let field = try fields.next() {
            switch Tag(rawValue: field.tag) {
            case .kind:
                kind = Kind(rawValue: try field.number())
                guard kind != nil else { throw .invalid("a device is of an unknown kind") }
            case .path: path = field.text
            case .major: major = try field.number()
            case .minor: minor = try field.number()
            case .mode: mode = try field.number()
            case .uid: uid = try field.number()
            case .gid: gid = try field.number()
            case nil: try field.passOver()
            }
        }
        guard let kind else { throw .invalid("a device does not say of which kind it is") }
        self.kind = kind
    }
}

extension IdentityMapping {
    private enum Tag: UInt16 { case container = 0x8001, host, count }

    func encode(to writer: inout FieldWriter) {
        writer.put(Tag.container, container)
        writer.put(Tag.host, host)
        writer.put(Tag.count, count)
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(container: 0, host: 0, count: 0)
        var fields = fields
        while let field = try fields.next() {
            switch Tag(rawValue: field.tag) {
            case .container: container = try field.number()
            case .host: host = try field.number()
            case .count: count = try field.number()
            case nil: try field.passOver()
            }
        }
    }
}
