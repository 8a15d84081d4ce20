internal import ByteText
package import Cgroups
internal import CLinux
internal import Glibc
internal import Linux

extension CgroupJoin {
    /// The directories to join for `cgroup`.
    package static func all(_ cgroup: Cgroup) -> [CgroupJoin] {
        cgroup.places.map { CgroupJoin(controller: $0.controller, path: $0.path) }
    }

    /// Opens the file for joining a version 1 cgroup.
    func open() throws(LaunchFailure) -> Descriptor {
        Descriptor(
            owning: try libraryStep("open cgroup \(path)", Glibc.open(path + "/tasks", O_WRONLY | O_CLOEXEC)))
    }

    /// Moves the calling process into a version 1 cgroup, whose file may have been opened by another process.
    func enter(by file: consuming Descriptor) throws(LaunchFailure) {
        // Writing `0` to `tasks` moves a single-threaded process without waiting for RCU, which `cgroup.procs` does.
        try libraryStep("join cgroup \(path)", Int32(write(file.raw, "0", 1)))
    }

    /// The cgroup2 directory for a process that joins `target` (a pidfd of the init process); -1 when there is none.
    ///
    /// A container that enables controllers for nested cgroups has no processes in its top cgroup, and the kernel refuses new
    /// ones there (EBUSY): then the new process joins the init process's cgroup.
    static func unified(_ cgroups: [CgroupJoin], beside target: Int32) throws(LaunchFailure) -> Int32 {
        let outer = try ContainerStart.unifiedCgroup(cgroups)
        guard outer >= 0, let unified = cgroups.first(where: { $0.controller.isEmpty }) else { return outer }
        var byte: UInt8 = 0
        let file = openat(outer, "cgroup.subtree_control", O_RDONLY | O_CLOEXEC)
        defer { if file >= 0 { close(file) } }
        // An empty line: no controllers are enabled for children.
        guard file >= 0, read(file, &byte, 1) == 1, byte != 0x0a, let path = path(of: target),
            path.hasBytePrefix(unified.path + "/")
        else { return outer }
        defer { close(outer) }
        return try libraryStep("open cgroup \(path)", Glibc.open(path, linux_O_PATH | O_DIRECTORY | O_CLOEXEC))
    }

    private static func path(of pidfd: Int32) -> String? {
        guard let information = try? Descriptor.open("/proc/self/fdinfo/\(pidfd)", O_RDONLY).readAll(limit: 4096),
            let line = information.split(separator: 0x0a).first(where: { $0.starts(with: "Pid:".utf8) }),
            let pid = Int32(String(decoding: line.dropFirst(4).drop { $0 == 0x09 || $0 == 0x20 }, as: UTF8.self)),
            pid > 0
        else { return nil }
        return try? CgroupHierarchy.detect().unifiedPath(of: pid)
    }
}
