internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// Applies a ``ProcessSpec`` to the calling process, which is already in the container's namespaces and root, and executes the
/// program. The same for init process and exec.
struct ProcessRestrictions {
    let process: ProcessSpec
    /// The gate is a FIFO that is read before the program is executed; -1 for none.
    let channels: ContainerStart.Channels
    /// In a user namespace setgroups(2) may be denied.
    let isolatesUsers: Bool
    /// Whether a missing working directory is made: a container's own is, that of a process added to it is not.
    let makesDirectory: Bool
    /// The `startContainer` hooks, which run as restricted as the program itself.
    var hooks: ContainerHooks?
    /// Set when the program runs in a pid namespace with other processes: it is executed by a process cloned at the end.
    var sibling: SiblingNumber?
    /// The pid namespace belongs to another container.
    var isShared = false

    /// Never returns normally.
    func execute() throws(LaunchFailure) -> Never {
        let user = try resolveUser()
        var env = Self.lastOfEach(process.env)
        if !env.contains(where: { $0.hasBytePrefix("HOME=") }) { env.append("HOME=\(user.home)") }
        try Attributes(process, status: channels.status).apply(clones: sibling != nil)
        let isInside = try enterDirectory(mayRetry: user.uid != 0)
        giveOutput(to: user.uid)
        try become(user)
        if !isInside { _ = try enterDirectory(mayRetry: false) }
        let program = try CommandSearch.find(process.args.first ?? "", env: env)
        umask(mode_t(process.umask & 0o777))
        if let sibling { try executeAsSibling(sibling, program, env) }
        // A seccomp listener gets its descriptor while the creating process still exists; otherwise the filter is loaded as late
        // as possible.
        if process.seccompNotifies { try confine() }
        // The set-up is complete; between OCI's `create` and `start` the process waits.
        StatusMessage.ready.send(on: channels.status)
        waitAtGate()
        if !process.seccompNotifies { try confine() }
        try hooks?.run(.startContainer, inheriting: env)
        try run(program, env)
    }

    /// Keeps the last value of each variable (`exec --env` follows the container's), because getenv(3) returns the first.
    private static func lastOfEach(_ env: [String]) -> [String] {
        // Duplicates are rare; for few variables comparing all pairs is faster than a table.
        if env.count <= 32, !hasRepeated(env) { return env }
        var seen: Set<Substring> = []
        let last = env.reversed().filter { seen.insert($0.prefix(untilByte: "=")).inserted }
        return last.count == env.count ? env : last.reversed()
    }

    private static func hasRepeated(_ env: [String]) -> Bool {
        for (index, one) in env.enumerated() {
            let name = one.utf8.prefix { $0 != UInt8(ascii: "=") }
            for other in env[..<index] where other.utf8.starts(with: name) {
                let rest = other.utf8.dropFirst(name.count)
                if rest.isEmpty || rest.first == UInt8(ascii: "=") { return true }
            }
        }
        return false
    }

    /// Waits between OCI's `create` and `start`.
    func waitAtGate() {
        guard channels.gate >= 0 else { return }
        // The creating process is gone after `start`: failures go to standard error.
        close(channels.status)
        var byte: UInt8 = 0
        while read(channels.gate, &byte, 1) < 0 && errno == EINTR {}
    }

    /// Creates the directory beneath the root without following links of /proc: with the host's pid namespace one leads to the
    /// host's root. No descriptor stays open, because a working directory may name one. Errors show up in the following chdir(2).
    private func makeDirectory(_ path: String) {
        let slash = Descriptor(owning: open("/", linux_O_PATH | O_DIRECTORY | O_CLOEXEC))
        if slash.raw >= 0 { _ = try? ContainerRoot(descriptor: slash.raw).place(path, .directory) }
    }

    private func resolveUser() throws(LaunchFailure) -> UserDatabase.User {
        let slash = Descriptor(
            owning: try libraryStep("open the root", open("/", linux_O_PATH | O_DIRECTORY | O_CLOEXEC)))
        let database = UserDatabase(root: ContainerRoot(descriptor: slash.raw))
        switch process.user {
        case .ids(let uid, let gid, let groups):
            let needsHome = !process.env.contains { $0.hasBytePrefix("HOME=") }
            return UserDatabase.User(
                uid: uid, gid: gid, groups: groups, home: needsHome ? try database.home(of: uid) : "/")
        case .name(let name): return try database.user(name, additional: process.additionalGroups)
        }
    }

    /// Creates and enters the working directory; false when root cannot enter it but the user may be able to.
    private func enterDirectory(mayRetry: Bool) throws(LaunchFailure) -> Bool {
        let cwd = process.cwd.isEmpty ? "/" : process.cwd
        guard cwd.utf8.first == 0x2f else { throw LaunchFailure("cwd \(cwd): not an absolute path") }
        if chdir(cwd) < 0 {
            var error = errno
            if error == ENOENT, makesDirectory {
                makeDirectory(cwd)
                error = chdir(cwd) < 0 ? errno : 0
            }
            if error == EACCES && mayRetry { return false }
            if error != 0 {
                let code: Int32 = error == EACCES ? 126 : 127
                throw LaunchFailure(
                    exitCode: code,
                    "chdir to cwd (\"\(cwd)\") set in config.json failed: \(SystemError("", code: error).reason)")
            }
        }
        // A host directory reached through a leaked descriptor has no path below this root (CVE-2024-21626).
        var path = [CChar](repeating: 0, count: 4097)
        let result = linux_current_directory(&path, path.count)
        guard result == 0, path[0] == 0x2f else {
            throw LaunchFailure("cwd \(cwd): not inside the container's root")
        }
        return true
    }

    /// Gives pipes and terminal to the user, because programs reopen /dev/stdout.
    private func giveOutput(to uid: UInt32) {
        for number: Int32 in 0...2 {
            var status = stat()
            guard uid != 0, fstat(number, &status) == 0 else { continue }
            let type = status.st_mode & S_IFMT
            // Of devices only terminals, because the null device is shared and may be reached through a link (CVE-2026-88265).
            let isTerminal = type == S_IFCHR && isatty(number) == 1
            if isTerminal || type == S_IFIFO || type == S_IFSOCK { _ = fchown(number, uid, gid_t.max) }
        }
    }

    /// Drops capabilities from the bounding set. The process's own capabilities stay for the rest of the set-up.
    private func bound() throws(LaunchFailure) {
        // Set now, because afterwards only bounding and permitted capabilities can be inheritable (capabilities(7)).
        let held = linux_permitted_capabilities()
        let inheritable = process.capabilities.inheritable & held
        if inheritable != 0 { try step("set capabilities", linux_set_capabilities(held, held, inheritable)) }
        for capability in 0..<64 where process.capabilities.bounding & (1 << UInt64(capability)) == 0 {
            let result = linux_drop_bounding(Int32(capability))
            if result == -EINVAL { break }
            try step("drop capability \(capability)", result)
        }
    }

    private func become(_ user: UserDatabase.User) throws(LaunchFailure) {
        try bound()
        let result = linux_set_groups(user.groups, user.groups.count)
        let isGivenUp = result == -EPERM && isolatesUsers
        if isGivenUp && user.groups.contains(where: { $0 != user.gid }) {
            throw LaunchFailure("set groups: a user namespace with a single mapped group cannot have additional ones")
        }
        if !isGivenUp { try step("set groups", result) }
        try step("set group \(user.gid)", linux_become_group(user.gid))
        try step("keep capabilities", linux_keep_capabilities(1))
        try step("set user \(user.uid)", linux_become_user(user.uid))
        try step("keep capabilities", linux_keep_capabilities(0))
    }

    /// `extra` capabilities are kept for the set-up after a clone. `inheritable` is computed before capabilities are dropped.
    func confine(inheritable: UInt64? = nil, extra: UInt64 = 0) throws(LaunchFailure) {
        let held = linux_permitted_capabilities()
        let inheritable = inheritable ?? process.capabilities.inheritable & held
        if process.noNewPrivileges { try step("set no_new_privs", linux_no_new_privileges()) }
        if !process.seccomp.isEmpty {
            // Without no_new_privs, loading a filter needs CAP_SYS_ADMIN, which changing the user removed from the effective set.
            try step("take capabilities", linux_set_capabilities(held, held, inheritable))
            let count = process.seccomp.count / 8
            // NEW_LISTENER cannot be combined with TSYNC, which is not needed: this process has one thread.
            let flags = process.seccompNotifies ? process.seccompFlags & ~1 | 8 : process.seccompFlags & ~32
            let result = process.seccomp.withUnsafeBytes { linux_load_filter($0.baseAddress, count, flags) }
            try step("load the seccomp filter", result)
            if process.seccompNotifies {
                StatusMessage.listener.send(on: channels.status, descriptor: result)
                close(result)
            }
        }
        try setCapabilities(inheritable: inheritable, extra: extra)
    }

    func setCapabilities(inheritable: UInt64, extra: UInt64 = 0) throws(LaunchFailure) {
        let sets = process.capabilities
        // The daemon may lack capabilities that `--privileged` asks for.
        let permitted = sets.permitted & linux_permitted_capabilities()
        try step("clear ambient capabilities", linux_clear_ambient())
        try step(
            "set capabilities",
            linux_set_capabilities(sets.effective & permitted | extra, permitted | extra, inheritable))
        // Only inheritable capabilities can be ambient; like runc, drops the others.
        let ambient = sets.ambient & permitted & sets.inheritable
        for capability in 0..<64 where ambient & (1 << UInt64(capability)) != 0 {
            try step("raise ambient capability \(capability)", linux_raise_ambient(Int32(capability)))
        }
    }

    private func run(_ program: String, _ env: [String]) throws(LaunchFailure) -> Never {
        let error = replaceProcess(program, process.args, env)
        throw CommandSearch.executionFailure(program, error)
    }
}

/// execve(2); returns errno when it failed.
func replaceProcess(_ program: String, _ arguments: [String], _ environment: [String]) -> Int32 {
    _ = execve(program, vector(arguments), vector(environment))
    return errno
}

/// A NULL-terminated array for exec(3); never freed.
func vector(_ texts: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
    let result = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: texts.count + 1)
    for (index, text) in texts.enumerated() { result[index] = strdup(text) }
    result[texts.count] = nil
    return result
}
