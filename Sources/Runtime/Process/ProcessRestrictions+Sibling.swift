internal import CLinux
internal import Glibc

/// The last steps into a process namespace in which others are already.
///
/// A process there can be reached by every other one that has CAP_SYS_PTRACE, through /proc/PID and ptrace(2), undumpable or
/// not. So the process that sets everything up never is in it: as its last step, when nothing of the host is left to it, it
/// clones the one that is.
extension ProcessRestrictions {
    /// Returns only by throwing: in this process, or in the one that was cloned.
    func executeAsSibling(
        _ sibling: SiblingNumber, _ program: String, _ env: [String]
    ) throws(LaunchFailure) -> Never {
        // Made before the filter: who knows what an allocation calls.
        let (arguments, environment) = (vector(process.args), vector(env))
        let attributes = Attributes(process, status: channels.status)
        let held = linux_permitted_capabilities()
        let extra = attributes.needAfterClone & held
        let inheritable = process.capabilities.inheritable & held
        let isFilteredBefore = try canFilterBefore()
        linux_forget_environment()
        try sibling.keepFromClones()
        // Changing the user may have made it dumpable (fs.suid_dumpable, proc(5)).
        try step("become undumpable", linux_set_dumpable(0))
        if !process.seccompNotifies { StatusMessage.ready.send(on: channels.status) }
        if isFilteredBefore {
            try confine(inheritable: inheritable, extra: extra)
            if process.seccompNotifies { StatusMessage.ready.send(on: channels.status) }
        }
        let pid = linux_clone_sibling()
        if pid > 0 {
            sibling.value = pid
            _exit(0)
        }
        try step("clone the container's process", pid)
        _ = setsid()
        if process.tty { try step("take the terminal", linux_terminal_control(0)) }
        try attributes.applyAfterClone()
        if !isFilteredBefore {
            try confine(inheritable: inheritable)
            if process.seccompNotifies { StatusMessage.ready.send(on: channels.status) }
        } else if extra != 0 {
            try setCapabilities(inheritable: inheritable)
        }
        waitAtGate()
        try hooks?.run(.startContainer, inheriting: env)
        _ = execve(program, arguments, environment)
        throw CommandSearch.executionFailure(program, errno)
    }

    /// Whether the filter lets through what is still to be done once it is loaded. Where it does not, it is loaded by the cloned
    /// process, which keeps the right to do so until then: only where nobody may trace it.
    private func canFilterBefore() throws(LaunchFailure) -> Bool {
        guard !process.seccomp.isEmpty else { return true }
        let filter = FilterEvaluation(program: process.seccomp)
        var needed: [(name: String, call: Int32, first: UInt64)] = [
            ("capset", linux_SYS_capset, 0), ("prctl", linux_SYS_prctl, 47),
            ("clone", linux_SYS_clone, linux_CLONE_PARENT),
            ("exit_group", linux_SYS_exit_group, 0), ("setsid", linux_SYS_setsid, 0),
        ]
        if process.tty { needed.append(("ioctl", linux_SYS_ioctl, 0)) }
        if process.seccompNotifies { needed.append(("sendmsg", linux_SYS_sendmsg, 0)) }
        if !process.rlimits.isEmpty { needed.append(("prlimit64", linux_SYS_prlimit64, 0)) }
        if process.scheduling != nil { needed.append(("sched_setattr", linux_SYS_sched_setattr, 0)) }
        if channels.gate >= 0 {
            needed.append(("read", linux_SYS_read, 0))
            needed.append(("close", linux_SYS_close, 0))
        }
        guard let missing = needed.first(where: { !filter.allows($0.call, $0.first) }) else { return true }
        guard !isShared, process.capabilities.bounding & Capability.mask(["SYS_PTRACE"]) == 0 else {
            throw LaunchFailure(
                "the seccomp filter forbids \(missing.name), which a process needs before others with CAP_SYS_PTRACE may see it: "
                    + "allow it in the profile")
        }
        return false
    }
}
