internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// Kernel parameters of the container's own namespaces.
enum Sysctls {
    private static let ipc: Set<String> = [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
        "kernel.shmmni", "kernel.shm_rmid_forced",
    ]

    /// Refuses parameters that do not belong to a namespace of the container, and unusual spellings (CVE-2022-0811).
    static func check(
        _ name: String, _ value: String, _ namespaces: NamespaceChoices, takesNetworkFromDaemon: Bool
    ) throws(LaunchFailure) {
        let plain = name.utf8.allSatisfy { byte in
            (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a)
                || byte == 0x2e || byte == 0x5f || byte == 0x2d
        }
        guard plain, !name.contains("..") else {
            throw LaunchFailure("sysctl \(name): not a name of a kernel parameter")
        }
        guard !value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x2b || $0 == 0x7f }) else {
            throw LaunchFailure("sysctl \(name): the value has a character that is refused")
        }
        if ipc.contains(name) || name.hasBytePrefix("fs.mqueue.") {
            guard namespaces.ipc != .host else {
                throw LaunchFailure("sysctl \(name): not allowed with the host's ipc namespace")
            }
        } else if name.hasBytePrefix("net.") {
            guard namespaces.network != .host || takesNetworkFromDaemon else {
                throw LaunchFailure("sysctl \(name): not allowed with the host's network namespace")
            }
        } else if name != "kernel.domainname" || namespaces.uts == .host {
            throw LaunchFailure("sysctl \(name): not of a namespace of the container")
        }
    }

    /// Writes through `proc`, a new proc file system, so that nothing in the container can redirect the write (CVE-2025-52881).
    static func write(_ name: String, _ value: String, proc: Int32) throws(LaunchFailure) {
        let path = "sys/" + name.split(byte: ".").joined(separator: "/")
        let opened = linux_openat2(
            proc, path, UInt64(O_WRONLY), 0,
            linux_RESOLVE_BENEATH | linux_RESOLVE_NO_SYMLINKS | linux_RESOLVE_NO_XDEV)
        let file = Descriptor(owning: try step("set sysctl \(name)", opened))
        do {
            try file.writeEverything(Array(value.utf8))
        } catch {
            throw LaunchFailure("set sysctl \(name) to \(value): \(error.reason)")
        }
    }
}
