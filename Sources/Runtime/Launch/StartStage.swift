internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// The work of an init process's stage: first what needs the caller's privileges, then entering the user namespace, then what
/// needs that namespace's root.
struct StartStage {
    /// The launch spec, adapted to the user namespace.
    private(set) var spec: LaunchSpec
    /// The CLONE_NEW* flags of the namespaces that the stage has entered.
    private(set) var entered: UInt64 = 0

    private let status: Int32
    /// The stage continues as the set-up process, outside the pid namespace that is joined.
    private let staysOutside: Bool

    init(spec: LaunchSpec, status: Int32, staysOutside: Bool) {
        self.spec = spec
        self.status = status
        self.staysOutside = staysOutside
    }

    /// Whether the kernel can mount a /proc of another pid namespace (Linux 6.18).
    static func canStayOutside() -> Bool {
        let context = linux_fsopen("proc")
        guard context >= 0 else { return false }
        defer { close(context) }
        return linux_fsconfig_string(context, "pidns", "/proc/self/ns/pid") == 0
    }

    private mutating func showJoinedProcesses() {
        for index in spec.mounts.indices where spec.mounts[index].kind == .proc {
            spec.mounts[index].data.append("pidns=/proc/self/ns/pid_for_children")
        }
    }

    mutating func enter(_ link: StagedClone.Link) throws(LaunchFailure) {
        let isolatesUsers = spec.namespaces.user != .host
        linux_reset_signals()
        let attributes = Attributes(spec.process, status: status)
        try attributes.prepare(spec.cgroups)
        if staysOutside {
            try attributes.label()
            showJoinedProcesses()
        }
        if isolatesUsers { dropUnmappedGroups() }
        var waiting: [(flag: UInt64, path: String, file: Int32)] = []
        for (flag, path) in spec.namespaces.joined {
            waiting.append(
                (flag, path, try libraryStep("open namespace \(path)", open(path, O_RDONLY | O_CLOEXEC))))
        }
        if isolatesUsers {
            // Namespaces owned by the host are joined before entering the user namespace, the others after.
            waiting = try joinOthers(waiting, mayFail: true)
            try enterUsers(&waiting, link)
        }
        _ = try joinOthers(waiting, mayFail: false)
        if spec.namespaces.time.isNew { try makeClocks() }
        if isolatesUsers { try Self.becomeRoot() }
    }

    /// Removes the gid option of devpts if the user namespace does not map that group.
    private mutating func dropUnmappedGroups() {
        guard spec.namespaces.user.isNew else { return }
        for index in spec.mounts.indices where spec.mounts[index].kind == .devpts {
            spec.mounts[index].data.removeAll { option in
                guard option.hasBytePrefix("gid="), let gid = UInt32(option.dropFirst(bytes: 4)) else { return false }
                return IdentityMapping.host(of: gid, in: spec.groupMappings) == nil
            }
        }
    }

    private mutating func joinOthers(
        _ files: [(flag: UInt64, path: String, file: Int32)], mayFail: Bool
    ) throws(LaunchFailure) -> [(flag: UInt64, path: String, file: Int32)] {
        var left: [(flag: UInt64, path: String, file: Int32)] = []
        for item in files {
            guard item.flag != linux_CLONE_NEWUSER else {
                left.append(item)
                continue
            }
            let result = linux_setns(item.file, Int32(truncatingIfNeeded: item.flag))
            if result == -EPERM && mayFail {
                left.append(item)
                continue
            }
            try step("join namespace \(item.path)", result)
            close(item.file)
            entered |= item.flag
        }
        return left
    }

    private mutating func enterUsers(
        _ waiting: inout [(flag: UInt64, path: String, file: Int32)], _ link: StagedClone.Link
    ) throws(LaunchFailure) {
        let kind = Int32(truncatingIfNeeded: linux_CLONE_NEWUSER)
        if let index = waiting.firstIndex(where: { $0.flag == linux_CLONE_NEWUSER }) {
            let item = waiting.remove(at: index)
            try step("become undumpable", linux_set_dumpable(0))
            try step("join namespace \(item.path)", linux_setns(item.file, kind))
            close(item.file)
        } else {
            // Dumpable until here, because the caller needs this process's files in /proc, which would belong to root otherwise.
            // No other process can see it yet.
            try step("make a user namespace", linux_unshare(kind))
            try link.awaitMaps()
        }
        entered |= linux_CLONE_NEWUSER
    }

    /// Clock offsets can be set until the first process enters the namespace, which is this one's next clone.
    private mutating func makeClocks() throws(LaunchFailure) {
        try step("make a time namespace", linux_unshare(Int32(truncatingIfNeeded: linux_CLONE_NEWTIME)))
        entered |= linux_CLONE_NEWTIME
        guard !spec.clockOffsets.isEmpty else { return }
        var text = ""
        for offset in spec.clockOffsets { text += "\(offset.clock) \(offset.seconds) \(offset.nanoseconds)\n" }
        do throws(SystemError) {
            try Descriptor.open("/proc/self/timens_offsets", O_WRONLY).writeEverything(Array(text.utf8))
        } catch {
            throw LaunchFailure("set the clocks of the time namespace: \(error.reason)")
        }
    }

    /// Becomes root of the user namespace, so that it owns everything created from here on.
    static func becomeRoot() throws(LaunchFailure) {
        // Fails where setgroups is denied: then the caller's supplementary groups stay, unmapped.
        _ = linux_set_groups(nil, 0)
        for result in [linux_become_group(0), linux_become_user(0)] where result < 0 {
            let hint = result == -EINVAL ? "; the mappings need the container's ID 0" : ""
            throw LaunchFailure(
                "become root in the user namespace: \(SystemError("", code: -result).reason)\(hint)")
        }
    }
}
