internal import ByteText

/// The five capability sets of a process, as bit masks (capabilities(7)).
package struct CapabilitySets: Equatable, Sendable {
    package var bounding: UInt64
    package var effective: UInt64
    package var permitted: UInt64
    /// Empty unless an OCI document asks for it: inheritable capabilities can be gained by programs with file capabilities
    /// (CVE-2022-24769).
    package var inheritable: UInt64
    package var ambient: UInt64

    package init(
        bounding: UInt64 = 0, effective: UInt64 = 0, permitted: UInt64 = 0, inheritable: UInt64 = 0, ambient: UInt64 = 0
    ) {
        self.bounding = bounding
        self.effective = effective
        self.permitted = permitted
        self.inheritable = inheritable
        self.ambient = ambient
    }

    /// `mask` as bounding, effective and permitted set, as Docker sets them; inheritable and ambient sets are empty.
    package init(_ mask: UInt64) {
        self.init(bounding: mask, effective: mask, permitted: mask)
    }

    /// Docker's default set.
    package static let dockerDefault = CapabilitySets(Capability.mask(Capability.dockerDefault))
}

/// Names and numbers of capabilities (linux/capability.h).
package enum Capability {
    /// In the order of their numbers, without `CAP_`.
    package static let names = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]

    /// Docker's default capabilities.
    package static let dockerDefault = [
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
        "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
    ]

    /// Every capability this build knows.
    package static let all: UInt64 = (1 << UInt64(names.count)) - 1

    /// The number of a name, with or without `CAP_`, in any case; nil when it is unknown.
    package static func number(named name: String) -> Int? {
        var short = name.uppercased()
        if short.hasBytePrefix("CAP_") { short.removeFirst(4) }
        return names.firstIndex(of: short)
    }

    /// The mask of the names that are known.
    package static func mask(_ names: [String]) -> UInt64 {
        names.reduce(0) { mask, name in number(named: name).map { mask | 1 << UInt64($0) } ?? mask }
    }

    /// The names in a mask, as `CAP_CHOWN`.
    package static func names(in mask: UInt64) -> [String] {
        names.indices.filter { mask & (1 << UInt64($0)) != 0 }.map { "CAP_" + names[$0] }
    }
}
