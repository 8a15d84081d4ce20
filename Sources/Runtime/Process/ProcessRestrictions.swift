internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// Turns the calling process, which is in the container's namespaces and root already, into what a ``ProcessSpec``
/// describes, and executes it. The same way for a first process and for an exec.
struct ProcessRestrictions {
    let process: ProcessSpec
    /// The gate is a FIFO that is read before the program is executed; -1 for none.
    let channels: ContainerStart.Channels
    /// In a user namespace the right to set groups may have been given up.
    let isolatesUsers: Bool
    /// Whether a missing working directory is made: a container's own is, that of a process added to it is not.
    let makesDirectory: Bool
    /// For those of the kind `startContainer`, which run as confined as the program itself.
    var hooks: ContainerHooks?
    /// Where the program runs in a process namespace that others are in: the process that executes it is cloned at the end.
    var sibling: SiblingNumber?
    /// The namespace is another container's, of which nothing is known.
    var isShared = false

    /// Returns only by throwing.
    func execute() throws(LaunchFailure) -> Never {
        let user = try resolveUser()
        var env = Self.lastOfEach(process.env)
        if !env.contains(where: { $0.hasBytePrefix("HOME=") }) { env.append("HOME=\(user.home)") }
        try Attributes(process, status: channels.status).apply(clones: sibling != nil)
        let isInside = try enterDirectory(mayRetry: user.uid != 0)
        takeOutput(user.uid)
        try become(user)
        if !isInside { _ = try enterDirectory(mayRetry: false) }
        let program = try CommandSearch.find(process.args.first ?? "", env: env)
        umask(mode_t(process.umask & 0o777))
        if let sibling { try executeAsSibling(sibling, program, env) }
        // A listener gets its descriptor while whoever created the container is still there; otherwise the filter comes
        // as late as it can.
        if process.seccompNotifies { try confine() }
        // Everything is set up; between OCI's `create` and `start` the process waits.
        StatusMessage.ready.send(on: channels.status)
        waitAtGate()
        if !process.seccompNotifies { try confine() }
        try hooks?.run(.startContainer, inheriting: env)
        try run(program, env)
    }

    /// getenv(3) finds the first of a name, whoever writes an environment means the last (`exec --env` after the container's).
    private static func lastOfEach(_ env: [String]) -> [String] {
        // Hardly any has one twice, and a table of a few is slower than looking at all pairs.
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

    /// Where the process waits between OCI's `create` and `start`.
    func waitAtGate() {
        guard channels.gate >= 0 else { return }
        // Whoever created the container is gone when it starts: failures go to standard error.
        close(channels.status)
        var byte: UInt8 = 0
        while read(channels.gate, &byte, 1) < 0 && errno == EINTR {}
    }

    /// Beneath the root, and through no link of /proc: with the host's processes in sight one leads to the host's root. Nothing is
    /// left open: a working directory may name a descriptor. What went wrong the chdir(2) after it says.
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

    /// Makes and enters the working directory; false when the user may be able to enter it and root is not.
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
        // A directory of the host reached through a leaked descriptor has no path from our root (CVE-2024-21626).
        var path = [CChar](repeating: 0, count: 4097)
        let result = linux_current_directory(&path, path.count)
        guard result == 0, path[0] == 0x2f else {
            throw LaunchFailure("cwd \(cwd): not inside the container's root")
        }
        return true
    }

    /// Programs reopen /dev/stdout: the pipes and the terminal belong to the user.
    private func takeOutput(_ uid: UInt32) {
        for number: Int32 in 0...2 {
            var status = stat()
            guard uid != 0, fstat(number, &status) == 0 else { continue }
            let type = status.st_mode & S_IFMT
            // Of devices only terminals: the null device is everybody's, and may be reached through a link (CVE-2026-88265).
            let isTerminal = type == S_IFCHR && isatty(number) == 1
            if isTerminal || type == S_IFIFO || type == S_IFSOCK { _ = fchown(number, uid, gid_t.max) }
        }
    }

    /// Takes from the calling process what no program that it executes may have again. What it can do itself stays.
    private func bound() throws(LaunchFailure) {
        // Inheritable may be what was neither bounded nor permitted, but only now (capabilities(7)).
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

    /// `extra` capabilities are kept for what is done after a clone. What is `inheritable` is decided before anything is dropped.
    func confine(inheritable: UInt64? = nil, extra: UInt64 = 0) throws(LaunchFailure) {
        let held = linux_permitted_capabilities()
        let inheritable = inheritable ?? process.capabilities.inheritable & held
        if process.noNewPrivileges { try step("set no_new_privs", linux_no_new_privileges()) }
        if !process.seccomp.isEmpty {
            // Without no_new_privs loading needs CAP_SYS_ADMIN, which changing the user took from the effective set.
            try step("take capabilities", linux_set_capabilities(held, held, inheritable))
            let count = process.seccomp.count / 8
            // Only a listener can be waited for; and this process has no other thread to take along.
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
        // The daemon may lack a capability that `--privileged` asks for.
        let permitted = sets.permitted & linux_permitted_capabilities()
        try step("clear ambient capabilities", linux_clear_ambient())
        try step(
            "set capabilities",
            linux_set_capabilities(sets.effective & permitted | extra, permitted | extra, inheritable))
        // Only what is inheritable can be ambient; like runc, the rest of the wish is left out.
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

/// As exec(3) wants them; never freed.
func vector(_ texts: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
    let result = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: texts.count + 1)
    for (index, text) in texts.enumerated() { result[index] = strdup(text) }
    result[texts.count] = nil
    return result
}
