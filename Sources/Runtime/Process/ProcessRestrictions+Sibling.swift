internal import CLinux
internal import Glibc

/// Executes the program in a pid namespace that already has processes.
///
/// Any process there with CAP_SYS_PTRACE can access a process of that namespace through /proc/PID and ptrace(2), even an
/// undumpable one. Therefore the set-up process stays outside: as its last step, when it has no access to the host any more, it
/// clones the one that executes the program.
extension ProcessRestrictions {
    /// Never returns normally; throws in this process or in the cloned one.
    func executeAsSibling(
        _ sibling: SiblingNumber, _ program: String, _ env: [String]
    ) throws(LaunchFailure) -> Never {
        // Allocated before the filter is loaded, because it may forbid what an allocation calls.
        let (arguments, environment) = (vector(process.args), vector(env))
        let attributes = Attributes(process, status: channels.status)
        let held = linux_permitted_capabilities()
        let extra = attributes.needAfterClone & held
        let inheritable = process.capabilities.inheritable & held
        let isFilteredBefore = try canFilterBefore()
        linux_forget_environment()
        try sibling.keepFromClones()
        // Changing the user may have reset the dumpable flag (fs.suid_dumpable, proc(5)).
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

    /// Whether the filter allows the remaining set-up calls, so that it can be loaded before the clone. Otherwise the cloned
    /// process loads it and keeps the privilege for that until then, which is safe only where no process may trace it.
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
