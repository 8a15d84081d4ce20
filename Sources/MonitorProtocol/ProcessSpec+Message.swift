package import Runtime

/// The numbers of specifications, which travel in sealed memory with the same header as a datagram.
enum SpecificationNumber: UInt16 {
    case launch = 1, process
}

/// What a process is to be. Fields with their defaults are left out, so that a monitor which does not know one of them takes
/// everything that does not need it.
extension ProcessSpec {
    private enum Tag: UInt16 {
        case argument = 0x8001, variable, directory
        case userID, groupID, group, userName, additionalGroup
        case bounding, effective, permitted, inheritable, ambient
        case limit, noNewPrivileges, seccomp, seccompFlags, seccompNotifies, oomScoreAdj
        case isLenient, clampsLimits, scheduling, ioPriority, personality, initialAffinity, finalAffinity
        case keyring, appArmorProfile, seLinuxLabel, umask, terminal, openStdin, stdinOnce
        /// A terminal of another size is none the less the terminal that was asked for.
        case columns = 1
        case rows
    }

    private enum LimitTag: UInt16 { case resource = 0x8001, soft, hard }
    private enum SchedulingTag: UInt16 { case policy = 0x8001, flags, nice, priority, runtime, deadline, period }
    private enum PriorityTag: UInt16 { case kind = 0x8001, level }

    /// For an exec.
    package func encodedMessage() -> [UInt8] {
        Message.encoded(SpecificationNumber.process.rawValue) { encode(to: &$0) }
    }

    package init(decodingMessage bytes: [UInt8]) throws(MessageError) {
        let message = try Message(bytes)
        guard message.number == SpecificationNumber.process.rawValue else {
            throw .unknownMessage(message.number)
        }
        try self.init(message.fields)
    }

    func encode(to writer: inout FieldWriter) {
        writer.put(each: Tag.argument, args)
        writer.put(each: Tag.variable, env)
        writer.put(Tag.directory, cwd)
        switch user {
        case .ids(let uid, let gid, let groups):
            writer.put(Tag.userID, uid)
            writer.put(Tag.groupID, gid)
            for group in groups { writer.put(Tag.group, group) }
        case .name(let name): writer.put(Tag.userName, name)
        }
        writer.put(each: Tag.additionalGroup, additionalGroups)
        writer.put(Tag.bounding, capabilities.bounding)
        writer.put(Tag.effective, capabilities.effective)
        writer.put(Tag.permitted, capabilities.permitted)
        writer.put(Tag.inheritable, capabilities.inheritable)
        writer.put(Tag.ambient, capabilities.ambient)
        for limit in rlimits {
            writer.put(part: Tag.limit) {
                $0.put(LimitTag.resource, limit.resource)
                $0.put(LimitTag.soft, limit.soft)
                $0.put(LimitTag.hard, limit.hard)
            }
        }
        writer.put(Tag.noNewPrivileges, noNewPrivileges)
        writer.put(unlessEmpty: Tag.seccomp, seccomp)
        if seccompFlags != 0 { writer.put(Tag.seccompFlags, seccompFlags) }
        writer.put(Tag.seccompNotifies, seccompNotifies)
        if let oomScoreAdj { writer.put(Tag.oomScoreAdj, oomScoreAdj) }
        encodeAttributes(to: &writer)
        writer.put(Tag.umask, umask)
        writer.put(Tag.terminal, tty)
        if columns != 0 { writer.put(Tag.columns, columns) }
        if rows != 0 { writer.put(Tag.rows, rows) }
        writer.put(Tag.openStdin, openStdin)
        writer.put(Tag.stdinOnce, stdinOnce)
    }

    private func encodeAttributes(to writer: inout FieldWriter) {
        writer.put(Tag.isLenient, isLenient)
        writer.put(Tag.clampsLimits, clampsLimits)
        if let scheduling {
            writer.put(part: Tag.scheduling) {
                $0.put(SchedulingTag.policy, scheduling.policy)
                $0.put(SchedulingTag.flags, scheduling.flags)
                $0.put(SchedulingTag.nice, scheduling.nice)
                $0.put(SchedulingTag.priority, scheduling.priority)
                $0.put(SchedulingTag.runtime, scheduling.runtime)
                $0.put(SchedulingTag.deadline, scheduling.deadline)
                $0.put(SchedulingTag.period, scheduling.period)
            }
        }
        if let ioPriority {
            writer.put(part: Tag.ioPriority) {
                $0.put(PriorityTag.kind, ioPriority.kind)
                $0.put(PriorityTag.level, ioPriority.level)
            }
        }
        if let personality { writer.put(Tag.personality, personality) }
        writer.put(unlessEmpty: Tag.initialAffinity, initialAffinity)
        writer.put(unlessEmpty: Tag.finalAffinity, finalAffinity)
        writer.put(unlessEmpty: Tag.keyring, keyring)
        writer.put(unlessEmpty: Tag.appArmorProfile, appArmorProfile)
        writer.put(unlessEmpty: Tag.seLinuxLabel, seLinuxLabel)
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init()
        // What was not asked for is not given.
        capabilities = CapabilitySets(0)
        var ids: (uid: UInt32?, gid: UInt32, groups: [UInt32]) = (nil, 0, [])
        var fields = fields
        while let field = try fields.next() {
            switch Tag(rawValue: field.tag) {
            case .argument: args.append(field.text)
            case .variable: env.append(field.text)
            case .directory: cwd = field.text
            case .userID: ids.uid = try field.number()
            case .groupID: ids.gid = try field.number()
            case .group: ids.groups.append(try field.number())
            case .userName: user = .name(field.text)
            case .additionalGroup: additionalGroups.append(field.text)
            case .bounding: capabilities.bounding = try field.number()
            case .effective: capabilities.effective = try field.number()
            case .permitted: capabilities.permitted = try field.number()
            case .inheritable: capabilities.inheritable = try field.number()
            case .ambient: capabilities.ambient = try field.number()
            case .limit: rlimits.append(try Self.limit(field.parts))
            case .noNewPrivileges: noNewPrivileges = try field.flag()
            case .seccomp: seccomp = field.data
            case .seccompFlags: seccompFlags = try field.number()
            case .seccompNotifies: seccompNotifies = try field.flag()
            case .oomScoreAdj: oomScoreAdj = try field.number()
            case .isLenient: isLenient = try field.flag()
            case .clampsLimits: clampsLimits = try field.flag()
            case .scheduling: scheduling = try Self.scheduling(field.parts)
            case .ioPriority: ioPriority = try Self.priority(field.parts)
            case .personality: personality = try field.number()
            case .initialAffinity: initialAffinity = field.data
            case .finalAffinity: finalAffinity = field.data
            case .keyring: keyring = field.text
            case .appArmorProfile: appArmorProfile = field.text
            case .seLinuxLabel: seLinuxLabel = field.text
            case .umask: umask = try field.number()
            case .terminal: tty = try field.flag()
            case .openStdin: openStdin = try field.flag()
            case .stdinOnce: stdinOnce = try field.flag()
            case .columns: columns = try field.number()
            case .rows: rows = try field.number()
            case nil: try field.passOver()
            }
        }
        if let uid = ids.uid { user = .ids(uid: uid, gid: ids.gid, groups: ids.groups) }
    }

    private static func limit(_ fields: FieldReader) throws(MessageError) -> ResourceLimit {
        var limit = ResourceLimit(resource: -1, soft: 0, hard: 0)
        var fields = fields
        while let field = try fields.next() {
            switch LimitTag(rawValue: field.tag) {
            case .resource: limit.resource = try field.number()
            case .soft: limit.soft = try field.number()
            case .hard: limit.hard = try field.number()
            case nil: try field.passOver()
            }
        }
        guard limit.resource >= 0 else { throw .invalid("a limit does not say of what") }
        return limit
    }

    private static func scheduling(_ fields: FieldReader) throws(MessageError) -> Scheduling {
        var value = Scheduling()
        var fields = fields
        while let field = try fields.next() {
            switch SchedulingTag(rawValue: field.tag) {
            case .policy: value.policy = try field.number()
            case .flags: value.flags = try field.number()
            case .nice: value.nice = try field.number()
            case .priority: value.priority = try field.number()
            case .runtime: value.runtime = try field.number()
            case .deadline: value.deadline = try field.number()
            case .period: value.period = try field.number()
            case nil: try field.passOver()
            }
        }
        return value
    }

    private static func priority(_ fields: FieldReader) throws(MessageError) -> IOPriority {
        var value = IOPriority(kind: 0, level: 0)
        var fields = fields
        while let field = try fields.next() {
            switch PriorityTag(rawValue: field.tag) {
            case .kind: value.kind = try field.number()
            case .level: value.level = try field.number()
            case nil: try field.passOver()
            }
        }
        return value
    }
}
