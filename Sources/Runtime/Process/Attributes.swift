internal import CLinux
internal import Glibc
internal import Linux

/// Sets the process attributes of a ``ProcessSpec`` other than user, capabilities and seccomp filter.
struct Attributes {
    private let process: ProcessSpec
    /// The status socket, for warnings.
    private let status: Int32

    init(_ process: ProcessSpec, status: Int32) {
        self.process = process
        self.status = status
    }

    /// Call while the process still has the caller's privileges and sees the caller's /proc. CPU affinity is set only for an
    /// exec: an init process has its cgroup's CPUs (runtime-spec, "execCPUAffinity").
    func prepare(_ cgroups: [CgroupJoin], isExec: Bool = false) throws(LaunchFailure) {
        if isExec, !process.initialAffinity.isEmpty {
            try step("set the CPUs", linux_set_affinity(0, process.initialAffinity, process.initialAffinity.count))
        } else {
            Processors.useAll()
        }
        for join in cgroups where !join.controller.isEmpty { try join.enter(by: join.open()) }
        if let score = process.oomScoreAdj { try setScore(score) }
        try raiseLimits()
        if isExec, !process.finalAffinity.isEmpty {
            try step("set the CPUs", linux_set_affinity(0, process.finalAffinity, process.finalAffinity.count))
        }
    }

    /// Sets the labels while the caller's /proc is mounted, because the container's /proc does not show this process. A clone
    /// inherits them.
    func label() throws(LaunchFailure) {
        guard isLabelled else { return }
        let labels = try Labels(process, isCallers: true)
        try labels.labelKeys()
        try labels.labelProgram()
    }

    private var isLabelled: Bool { !process.appArmorProfile.isEmpty || !process.seLinuxLabel.isEmpty }

    /// Call in the container, while still root there. A process that `clones` the one that executes the program has set its
    /// labels in ``label()`` and leaves attributes that a clone does not inherit to that one.
    func apply(clones: Bool = false) throws(LaunchFailure) {
        if isLabelled, !clones { try Labels(process).labelKeys() }
        try joinKeyring()
        if let persona = process.personality { try step("set the personality", linux_set_personality(UInt(persona))) }
        if !clones || !losesScheduling { try schedule() }
        if let value = process.ioPriority {
            try step("set the I/O priority", linux_set_io_priority(value.kind, value.level))
        }
        if isLabelled, !clones { try Labels(process).labelProgram() }
        for limit in process.rlimits {
            if clones, limit.resource == Self.processes { try announce(limit) } else { try set(limit) }
        }
    }

    /// Set after the clone, because the clone adds one more process of this user for a moment.
    private static let processes = ResourceLimit.number(named: "nproc")

    /// Sets the attributes that a clone does not inherit.
    func applyAfterClone() throws(LaunchFailure) {
        if losesScheduling { try schedule() }
        for limit in process.rlimits where limit.resource == Self.processes { try set(limit) }
    }

    /// The capabilities that ``applyAfterClone()`` needs.
    var needAfterClone: UInt64 { losesScheduling ? Capability.mask(["SYS_NICE"]) : 0 }

    /// Whether the scheduling policy is lost in a clone: SCHED_DEADLINE cannot be cloned, and SCHED_FLAG_RESET_ON_FORK resets it
    /// (sched(7)).
    private var losesScheduling: Bool {
        guard let value = process.scheduling else { return false }
        return value.policy == 6 || value.flags & 1 != 0
    }

    private func schedule() throws(LaunchFailure) {
        guard let value = process.scheduling else { return }
        try step(
            "set the scheduler",
            linux_set_scheduler(
                value.policy, value.flags, value.nice, value.priority, value.runtime, value.deadline, value.period))
    }

    private func setScore(_ score: Int32) throws(LaunchFailure) {
        let handle = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)
        let file = Descriptor(owning: try libraryStep("set oom_score_adj", handle))
        do {
            try file.writeEverything(Array(String(score).utf8))
        } catch {
            guard error.code == EACCES, process.isLenient else {
                throw LaunchFailure("set oom_score_adj to \(score): \(error.reason)\(Self.hint(error.code))")
            }
            warn("oom_score_adj cannot be lowered to \(score) without CAP_SYS_RESOURCE: left as it is")
        }
    }

    /// Raises limits before the user namespace is entered, which takes away that privilege; lowering them afterwards needs none.
    private func raiseLimits() throws(LaunchFailure) {
        for limit in process.rlimits {
            var soft: UInt64 = 0
            var hard: UInt64 = 0
            guard linux_get_limit(limit.resource, &soft, &hard) == 0, limit.hard > hard else { continue }
            // A failure is reported later, when the limit itself is set.
            _ = linux_set_limit(limit.resource, soft, limit.hard)
        }
    }

    private func set(_ limit: ResourceLimit) throws(LaunchFailure) {
        let result = linux_set_limit(limit.resource, limit.soft, limit.hard)
        guard result < 0 else { return }
        let name = ResourceLimit.name(of: limit.resource)
        guard result == -EPERM, process.isLenient || process.clampsLimits else {
            throw LaunchFailure(
                "set limit \(name) to \(limit.soft):\(limit.hard): \(SystemError("", code: -result).reason)"
                    + Self.hint(-result))
        }
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        try step("read limit \(name)", linux_get_limit(limit.resource, &soft, &hard))
        try step(
            "set limit \(name) to \(hard)",
            linux_set_limit(limit.resource, min(limit.soft, hard), min(limit.hard, hard)))
        warn("limit \(name) cannot be raised to \(limit.hard) without CAP_SYS_RESOURCE: it is \(hard)")
    }

    /// Sends the warnings of ``set(_:)`` early, while the caller still reads the status socket.
    private func announce(_ limit: ResourceLimit) throws(LaunchFailure) {
        var (soft, hard) = (UInt64(0), UInt64(0))
        let name = ResourceLimit.name(of: limit.resource)
        try step("read limit \(name)", linux_get_limit(limit.resource, &soft, &hard))
        guard limit.hard > hard, process.isLenient || process.clampsLimits else { return }
        warn("limit \(name) cannot be raised to \(limit.hard) without CAP_SYS_RESOURCE: it is \(hard)")
    }

    private static func hint(_ code: Int32) -> String {
        code == EPERM || code == EACCES ? "; it needs CAP_SYS_RESOURCE, which the runtime does not have" : ""
    }

    private func warn(_ text: String) { StatusMessage.warning(text).send(on: status) }

    /// Keeps the keys of the caller's session keyring out of the container.
    private func joinKeyring() throws(LaunchFailure) {
        guard !process.keyring.isEmpty else { return }
        let key = linux_join_session_keyring(process.keyring)
        // The kernel lacks keyrings, or the seccomp filter of an outer container forbids the call.
        if key == -ENOSYS || key == -EPERM { return }
        try step("join the session keyring \(process.keyring)", key)
        var text = [CChar](repeating: 0, count: 512)
        try step("look at the session keyring", linux_describe_key(key, &text, text.count))
        let fields = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: ";"))
        guard fields.count > 3, let permissions = UInt32(String(decoding: fields[3], as: UTF8.self), radix: 16)
        else { throw LaunchFailure("look at the session keyring: the kernel's answer is of another form") }
        // KEY_USR_SEARCH lets a later exec find the keyring by name.
        try step("share the session keyring", linux_set_key_permissions(key, permissions | 0x0008_0000))
    }
}

/// The labels of AppArmor and SELinux. Written through a new proc file system, so that nothing in the container can redirect the
/// write (CVE-2019-16884, CVE-2025-52881).
private struct Labels: ~Copyable {
    private let process: ProcessSpec
    private let proc: Descriptor
    private let own: String
    private let resolution: UInt64

    /// `isCallers`: before any namespace of the container is joined, the caller's own /proc is safe and needs no mount privilege.
    init(_ process: ProcessSpec, isCallers: Bool = false) throws(LaunchFailure) {
        self.process = process
        guard isCallers else {
            proc = try MountBuilder.make("proc", flags: [.noSuid, .noExec, .noDev])
            own = String(getpid())
            resolution = linux_RESOLVE_BENEATH | linux_RESOLVE_NO_SYMLINKS | linux_RESOLVE_NO_XDEV
            return
        }
        proc = Descriptor(
            owning: try libraryStep("open /proc", open("/proc", linux_O_PATH | O_DIRECTORY | O_CLOEXEC)))
        own = "self"
        resolution = linux_RESOLVE_BENEATH | linux_RESOLVE_NO_XDEV
    }

    /// Labels the session keyring as the container's. Reset by execve, so it is created before that.
    func labelKeys() throws(LaunchFailure) {
        guard !process.seLinuxLabel.isEmpty, !process.keyring.isEmpty else { return }
        try write(process.seLinuxLabel, ["attr/keycreate"], "set SELinux label \(process.seLinuxLabel) of new keys")
    }

    /// Takes effect at execve.
    func labelProgram() throws(LaunchFailure) {
        let (profile, label) = (process.appArmorProfile, process.seLinuxLabel)
        if !profile.isEmpty {
            let paths = ["attr/apparmor/exec", "attr/exec"]
            try write("exec \(profile)", paths, "apply AppArmor profile \(profile)")
        }
        if !label.isEmpty { try write(label, ["attr/exec"], "set SELinux label \(label)") }
    }

    private func write(_ text: String, _ paths: [String], _ what: String) throws(LaunchFailure) {
        var found = -ENOENT
        for path in paths where found < 0 {
            found = linux_openat2(proc.raw, own + "/" + path, UInt64(O_WRONLY), 0, resolution)
        }
        let file = Descriptor(owning: try step(what, found))
        do {
            try file.writeEverything(Array(text.utf8))
        } catch {
            let hint = error.code == EINVAL ? "; the kernel does not know it" : ""
            throw LaunchFailure("\(what): \(error.reason)\(hint)")
        }
    }
}
