internal import CLinux
internal import Glibc
internal import Linux

extension LaunchSpec {
    /// Opens what only the caller can: before its mount namespace is copied, in its own cgroups and user namespace.
    mutating func prepareMounts() throws(LaunchFailure) {
        for index in mounts.indices {
            let mount = mounts[index]
            guard mount.prepared < 0, !mount.flags.contains(.remount) else { continue }
            if mount.kind == .bind, mount.propagation.isShared {
                // In the copy everything is a slave, from which nothing reaches the host.
                mounts[index].prepared = try MountBuilder.bind(mount).release()
            } else if mount.kind == .other, Self.isDisk(mount.source) {
                // The devices cgroup of the container knows nothing of the disk.
                mounts[index].prepared = try MountBuilder.makeOther(mount).release()
            }
        }
    }

    /// Closes the caller's copies of what was prepared.
    func closePrepared() {
        for mount in mounts where mount.prepared >= 0 { close(mount.prepared) }
    }

    private static func isDisk(_ source: String) -> Bool {
        var status = stat()
        return source.hasPrefix("/") && stat(source, &status) == 0 && status.st_mode & S_IFMT == S_IFBLK
    }
}
