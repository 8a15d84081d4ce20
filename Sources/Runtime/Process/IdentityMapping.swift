internal import CLinux
internal import Glibc
internal import Linux

/// Maps a range of a container's user or group IDs to IDs of the host (user_namespaces(7)).
package struct IdentityMapping: Equatable, Sendable {
    package var container: UInt32
    package var host: UInt32
    package var count: UInt32

    package init(container: UInt32, host: UInt32, count: UInt32) {
        self.container = container
        self.host = host
        self.count = count
    }

    /// The host's ID for an ID of the container; nil when it is not mapped.
    static func host(of id: UInt32, in mappings: [IdentityMapping]) -> UInt32? {
        mappings.first { $0.container <= id && id - $0.container < $0.count }.map { $0.host &+ (id - $0.container) }
    }
}

/// Writes the ID maps of a new user namespace from outside.
struct IdentityMaps {
    let users: [IdentityMapping]
    let groups: [IdentityMapping]

    /// Writes the maps of the user namespace that `pid`, an unreaped child, has just created.
    ///
    /// Where the caller lacks the privilege, uses the set-user-ID programs newuidmap and newgidmap.
    func write(pid: Int32) throws(LaunchFailure) {
        // An unprivileged user may map his own group only after setgroups(2) is denied (Linux 3.19).
        let isOwn = groups.count == 1 && groups[0].count == 1 && groups[0].host == getegid()
        if geteuid() != 0 && isOwn {
            try Self.put("deny", "/proc/\(pid)/setgroups") { error throws(LaunchFailure) in
                throw LaunchFailure("give up setgroups in the user namespace: \(error.reason)")
            }
        }
        try Self.write(users, pid, "uid_map", "newuidmap", "/etc/subuid")
        try Self.write(groups, pid, "gid_map", "newgidmap", "/etc/subgid")
    }

    /// Creates a user namespace with these maps that has no process. The calling process must have a single thread.
    func namespace() throws(LaunchFailure) -> Descriptor {
        var pidfd: Int32 = -1
        let pid = try step("make a user namespace", linux_clone(linux_CLONE_NEWUSER, &pidfd, -1))
        if pid == 0 { while true { pause() } }
        let process = Descriptor(owning: pidfd)
        defer {
            _ = linux_pidfd_send_signal(process.raw, SIGKILL)
            var value: Int32 = 0
            _ = linux_wait_blocking(process.raw, &value)
        }
        try write(pid: pid)
        let path = "/proc/\(pid)/ns/user"
        return Descriptor(owning: try libraryStep("open \(path)", open(path, O_RDONLY | O_CLOEXEC)))
    }

    /// The kernel takes one write(2) of less than a page: anything longer is refused here, not truncated (CVE-2021-43784).
    private static let limit = 4095

    private static func write(
        _ mappings: [IdentityMapping], _ pid: Int32, _ file: String, _ program: String, _ permissions: String
    ) throws(LaunchFailure) {
        var text = ""
        for mapping in mappings { text += "\(mapping.container) \(mapping.host) \(mapping.count)\n" }
        guard text.utf8.count <= limit else {
            throw LaunchFailure("\(file): \(mappings.count) mappings are more than the kernel takes; join ranges")
        }
        try put(text, "/proc/\(pid)/\(file)") { error throws(LaunchFailure) in
            guard error.code == EPERM || error.code == EACCES else {
                throw LaunchFailure("write \(file) of the user namespace: \(error.reason)")
            }
            try run(program, mappings, pid, permissions)
        }
    }

    private static func put(
        _ text: String, _ path: String, otherwise: (SystemError) throws(LaunchFailure) -> Void
    ) throws(LaunchFailure) {
        do throws(SystemError) {
            try Descriptor.open(path, O_WRONLY).writeEverything(Array(text.utf8))
        } catch {
            try otherwise(error)
        }
    }

    private static func run(
        _ program: String, _ mappings: [IdentityMapping], _ pid: Int32, _ permissions: String
    ) throws(LaunchFailure) {
        let words = [program, String(pid)] + mappings.flatMap { [$0.container, $0.host, $0.count].map { String($0) } }
        let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for text in arguments { free(text) } }
        var child: pid_t = 0
        let result = posix_spawnp(&child, program, nil, nil, arguments, environ)
        guard result == 0 else {
            let reason = SystemError("", code: result).reason
            throw LaunchFailure("map IDs with \(program): \(reason); it comes with the package uidmap")
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else {
            throw LaunchFailure(
                "map IDs with \(program): it refused (status \(status >> 8)); \(permissions) says what user "
                    + "\(getuid()) may map")
        }
    }
}
