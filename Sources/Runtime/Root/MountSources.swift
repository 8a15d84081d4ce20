internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

extension LaunchSpec {
    /// Opens mounts that only the caller can open: before its mount namespace is copied, and in its own cgroup and user
    /// namespace.
    mutating func prepareMounts() throws(LaunchFailure) {
        let mayMount = linux_permitted_capabilities() & Capability.mask(["SYS_ADMIN"]) != 0
        for index in mounts.indices {
            if mounts[index].kind == .bind, RootFilesystem.isBeneathSys(mounts[index].source),
                mounts[index].flags.contains(.readOnly)
            {
                // With a read-only /sys the cgroup mounts below must be read-only too (CVE-2023-25809).
                mounts[index].recursive.on.insert(.readOnly)
            }
            let mount = mounts[index]
            if mount.isMapped, mayMount {
                mounts[index].prepared = try mapped(mount).release()
                continue
            }
            guard !mount.isMapped else {
                throw LaunchFailure("bind \(mount.source): only root can map the owners of a mount")
            }
            guard mayMount, mount.prepared < 0, !mount.flags.contains(.remount) else { continue }
            let reachesHost = mount.propagation.isShared && !mount.flags.contains(.contained)
            if mount.kind == .bind, reachesHost || namespaces.user != .host {
                // Opened here because in the container's namespace all mounts are slaves, and its root may lack permission for a
                // host directory of mode 0700.
                mounts[index].prepared = try MountBuilder.bind(mount).release()
            } else if mount.kind == .other, Self.isDisk(mount.source) {
                // Opened here because the container's devices cgroup may not allow the disk.
                mounts[index].prepared = try MountBuilder.makeOther(mount).release()
            }
        }
    }

    /// Creates device nodes that root in a user namespace cannot create.
    mutating func prepareDevices() throws(LaunchFailure) {
        let needed = Capability.mask(["SYS_ADMIN", "MKNOD"])
        guard linux_permitted_capabilities() & needed == needed else { return }
        if namespaces.user != .host, !maskedPaths.isEmpty, let made = try NullDevice.makeMount(labelOptions) {
            null = made.release()
        }
        guard namespaces.user.isNew else { return }
        if deviceMount?.kind == .tmpfs { devices += DeviceNodes.standardSpecs(except: devices) }
        let (users, groups) = (userMappings, groupMappings)
        try DeviceNodes.prepare(&devices) { device in
            guard let uid = IdentityMapping.host(of: device.uid, in: users),
                let gid = IdentityMapping.host(of: device.gid, in: groups)
            else { return nil }
            return (uid, gid)
        }
    }

    /// An idmapped mount (mount_setattr(2), MOUNT_ATTR_IDMAP).
    private func mapped(_ mount: MountSpec) throws(LaunchFailure) -> Descriptor {
        let ownMaps = mount.userMappings.isEmpty
        let users = ownMaps ? userMappings : mount.userMappings
        let groups = ownMaps ? groupMappings : mount.groupMappings
        guard !users.isEmpty else {
            throw LaunchFailure("bind \(mount.source): idmap needs mappings, of the mount or of a user namespace")
        }
        let made = try MountBuilder.bind(mount)
        let namespace = try IdentityMaps(users: users, groups: groups).namespace()
        let scope = mount.flags.contains(.recursivelyMapped) ? linux_AT_RECURSIVE : 0
        let result = linux_mount_idmap(made.raw, scope, namespace.raw)
        if result == -EINVAL {
            throw LaunchFailure("map the owners of \(mount.source): its file system does not support that")
        }
        try step("map the owners of \(mount.source)", result)
        return made
    }

    /// Closes the caller's copies of the prepared mounts.
    func closePrepared() {
        for mount in mounts where mount.prepared >= 0 { close(mount.prepared) }
        for device in devices where device.prepared >= 0 { close(device.prepared) }
        if null >= 0 { close(null) }
    }

    private static func isDisk(_ source: String) -> Bool {
        var status = stat()
        return source.hasBytePrefix("/") && stat(source, &status) == 0 && status.st_mode & S_IFMT == S_IFBLK
    }
}
