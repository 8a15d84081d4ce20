internal import CLinux
internal import CSeccomp
internal import Glibc
internal import Linux

extension ProcessSpec {
    /// Compiles the profile of a bundle, or reads it from the cache.
    package mutating func filter(by profile: SeccompProfile, _ cache: SeccompCache) throws(LaunchFailure) {
        seccomp = try cache.filter(for: profile, capabilities: capabilities.bounding)
        seccompFlags = profile.flags
        seccompNotifies = profile.notifies
    }
}

extension SeccompProfile {
    /// The filter (struct sock_filter[]) for a container with these capabilities. Takes 10 to 20 ms: see ``SeccompCache``.
    package func compile(capabilities: UInt64) throws(LaunchFailure) -> [UInt8] {
        guard let context = seccomp_init(Self.word(defaultAction)) else {
            throw LaunchFailure("make a seccomp filter: out of memory")
        }
        defer { seccomp_release(context) }
        // The runtime sets no_new_privs itself, if requested.
        _ = seccomp_attr_set(context, SCMP_FLTATR_CTL_NNP, 0)
        // A search tree instead of a list (libseccomp 2.5); older versions refuse the attribute and use a list.
        _ = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
        for name in architectures where name != Self.native {
            let token = seccomp_arch_resolve_name(name.lowercased())
            let result = token == 0 ? -EINVAL : seccomp_arch_add(context, token)
            if result != 0 && result != -EEXIST {
                throw LaunchFailure("make a seccomp filter: architecture \(name) is unknown")
            }
        }
        let rules = selected(capabilities: capabilities)
        for rule in rules where rule.action != defaultAction { try Self.add(rule, to: context) }
        let memory = Descriptor(owning: try step("make a seccomp filter", linux_memfd("seccomp")))
        try step("make a seccomp filter", seccomp_export_bpf(context, memory.raw))
        guard lseek(memory.raw, 0, SEEK_SET) == 0 else { throw LaunchFailure("make a seccomp filter: lseek failed") }
        do throws(SystemError) {
            return multiplexedSocket(rules) + newerCalls(rules) + (try memory.readAll(limit: 65535 * 8))
        } catch {
            throw LaunchFailure("make a seccomp filter: \(error.reason)")
        }
    }

    private static func word(_ action: Action) -> UInt32 {
        switch action {
        case .allow: return 0x7fff_0000
        case .log: return 0x7ffc_0000
        case .killProcess: return 0x8000_0000
        case .killThread: return 0
        case .trap: return 0x0003_0000
        case .notify: return 0x7fc0_0000
        case .error(let value): return 0x0005_0000 | UInt32(value)
        case .trace(let value): return 0x7ff0_0000 | UInt32(value)
        }
    }

    private static func add(_ rule: Rule, to context: scmp_filter_ctx) throws(LaunchFailure) {
        let arguments = rule.arguments.map { argument in
            scmp_arg_cmp(
                arg: argument.index, op: scmp_compare(rawValue: argument.comparison.rawValue),
                datum_a: argument.value, datum_b: argument.second)
        }
        // libseccomp accepts one condition per argument. Several conditions on the same argument become alternatives, as in runc.
        let isSplit = Set(rule.arguments.map(\.index)).count != arguments.count
        for name in rule.names {
            let number = seccomp_syscall_resolve_name(name)
            // A system call of another architecture, or a newer one that libseccomp does not know.
            if number == -1 { continue }
            let groups = isSplit ? arguments.map { [$0] } : [arguments]
            for group in groups {
                let result = seccomp_rule_add_array(context, word(rule.action), number, UInt32(group.count), group)
                // -EFAULT and -EDOM: the call does not exist on one of the architectures.
                if result < 0 && result != -EDOM && result != -EFAULT && result != -EEXIST {
                    throw LaunchFailure("make a seccomp filter: \(name): \(SystemError("", code: -result).reason)")
                }
            }
        }
    }

    /// Instructions put before the filter. On x86, sockets can also be created by socketcall(2), whose arguments are behind a
    /// pointer. If a profile has conditions on `socket`, libseccomp allows socketcall for every address family (CVE-2026-31431);
    /// this denies it unless the profile names socketcall. Other operations of socketcall stay allowed.
    private func multiplexedSocket(_ rules: [Rule]) -> [UInt8] {
        let allowing = rules.filter { $0.action == .allow }
        guard Self.native == "X86_64", architectures.contains("X86"), defaultAction != .allow,
            allowing.contains(where: { $0.names.contains("socket") && !$0.arguments.isEmpty }),
            !allowing.contains(where: { $0.names.contains("socketcall") })
        else { return [] }
        var writer = BinaryWriter()
        // AUDIT_ARCH_I386, socketcall, SYS_SOCKET: offset in struct seccomp_data, expected value, and how many instructions to
        // skip when it differs.
        for (offset, value, rest) in [(4, 0x4000_0003, 5), (0, 102, 3), (16, 1, 1)] as [(UInt32, UInt32, UInt8)] {
            writer.put(UInt16(0x20))
            writer.put(UInt16(0))
            writer.put(offset)
            writer.put(UInt16(0x15))
            writer.put(UInt8(0))
            writer.put(rest)
            writer.put(value)
        }
        writer.put(UInt16(0x06))
        writer.put(UInt16(0))
        writer.put(Self.word(defaultAction))
        return writer.bytes
    }

    /// System calls added after libseccomp 2.5.4; their numbers are the same on every architecture.
    private static let newer: [(String, UInt32)] = [
        ("cachestat", 451), ("fchmodat2", 452), ("map_shadow_stack", 453), ("futex_wake", 454), ("futex_wait", 455),
        ("futex_requeue", 456), ("statmount", 457), ("listmount", 458), ("lsm_get_self_attr", 459),
        ("lsm_set_self_attr", 460), ("lsm_list_modules", 461), ("mseal", 462), ("setxattrat", 463),
        ("getxattrat", 464), ("listxattrat", 465), ("removexattrat", 466),
    ]

    /// Instructions put before the filter: the profile's rules for calls unknown to libseccomp and, for an allow list, ENOSYS for
    /// calls newer than the profile, so that C libraries fall back (EPERM would break them).
    private func newerCalls(_ rules: [Rule]) -> [UInt8] {
        var actions: [String: Action] = [:]
        for rule in rules where rule.action != defaultAction && rule.arguments.isEmpty {
            for name in rule.names where actions[name] == nil { actions[name] = rule.action }
        }
        var calls: [(UInt32, Action)] = []
        for (name, number) in Self.newer {
            if let action = actions[name], seccomp_syscall_resolve_name(name) == -1 { calls.append((number, action)) }
        }
        var answersUnknown = false
        if case .error = defaultAction { answersUnknown = true }
        guard answersUnknown || !calls.isEmpty else { return [] }
        var writer = BinaryWriter()
        func put(_ code: UInt16, _ yes: UInt8, _ no: UInt8, _ value: UInt32) {
            writer.put(code)
            writer.put(yes)
            writer.put(no)
            writer.put(value)
        }
        put(0x20, 0, 0, 0)  // A = number of the call
        // x32 numbers are above: they go straight to the filter.
        put(0x35, UInt8((answersUnknown ? 2 : 0) + 2 * calls.count), 0, 0x4000_0000)
        if answersUnknown {
            put(0x25, 0, 1, Self.newer.last?.1 ?? 0)
            put(0x06, 0, 0, Self.word(.error(38)))
        }
        for (number, action) in calls {
            put(0x15, 0, 1, number)
            put(0x06, 0, 0, Self.word(action))
        }
        return writer.bytes
    }

    /// Denied calls of the profile whose names are unknown: they would stay allowed. Empty if the default action denies.
    package func unknownDenials() -> [String] {
        guard defaultAction == .allow || defaultAction == .log else { return [] }
        var names: Set<String> = []
        for rule in rules where rule.action != .allow && rule.action != .log {
            for name in rule.names where seccomp_syscall_resolve_name(name) == -1 {
                if !rule.arguments.isEmpty || !Self.newer.contains(where: { $0.0 == name }) { names.insert(name) }
            }
        }
        return names.sorted()
    }
}
