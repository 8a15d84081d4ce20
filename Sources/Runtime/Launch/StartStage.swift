internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// What the stage of a container's first process does: everything that needs the caller's privileges, then the user
/// namespace, then what is for its root alone.
struct StartStage {
    /// The launch, with what the user namespace changes in it.
    private(set) var spec: LaunchSpec
    /// The CLONE_NEW* flags of the namespaces that the stage is in.
    private(set) var entered: UInt64 = 0

    private let status: Int32
    /// It goes on by itself, outside the process namespace that is joined.
    private let staysOutside: Bool

    init(spec: LaunchSpec, status: Int32, staysOutside: Bool) {
        self.spec = spec
        self.status = status
        self.staysOutside = staysOutside
    }

    /// Whether /proc can be mounted from outside the process namespace that it shows (Linux 6.18).
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
            // Namespaces of the host are joined with its privileges, those of the user namespace with its own.
            waiting = try joinOthers(waiting, mayFail: true)
            try enterUsers(&waiting, link)
        }
        _ = try joinOthers(waiting, mayFail: false)
        if spec.namespaces.time.isNew { try makeClocks() }
        if isolatesUsers { try Self.becomeRoot() }
    }

    /// A group that the container does not have cannot own its terminals.
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
            // Nobody but the caller can see this process yet, and the caller needs its files in /proc: undumpable, they
            // would be root's.
            try step("make a user namespace", linux_unshare(kind))
            try link.awaitMaps()
        }
        entered |= linux_CLONE_NEWUSER
    }

    /// The offsets can be set until the first process is in the namespace: the next clone of this one.
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

    /// Root of the user namespace, which owns everything made from here on.
    static func becomeRoot() throws(LaunchFailure) {
        // Refused where setgroups was given up: the groups of the caller then stay, without a name in the container.
        _ = linux_set_groups(nil, 0)
        for result in [linux_become_group(0), linux_become_user(0)] where result < 0 {
            let hint = result == -EINVAL ? "; the mappings need the container's ID 0" : ""
            throw LaunchFailure(
                "become root in the user namespace: \(SystemError("", code: -result).reason)\(hint)")
        }
    }
}
