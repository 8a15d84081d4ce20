internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

extension LaunchSpec {
    /// The version 1 cgroups.
    var firstCgroups: [CgroupJoin] { cgroups.filter { !$0.controller.isEmpty } }

    /// A tmpfs with a mount point for each hierarchy.
    fileprivate func cgroupFolder(_ joins: [CgroupJoin]) throws(LaunchFailure) -> Descriptor {
        let folder = try MountBuilder.make(
            "tmpfs", options: ["mode=755"] + labelOptions, flags: [.noSuid, .noDev, .noExec])
        for join in joins {
            try libraryStep("create cgroup folder \(join.controller)", mkdirat(folder.raw, join.controller, 0o755))
            guard join.controller.contains(byte: ",") else { continue }
            for name in join.controller.split(byte: ",") {
                _ = symlinkat(join.controller, folder.raw, String(name))
            }
        }
        return folder
    }
}

extension RootFilesystem {
    /// cgroup2 as one file system; version 1 as a tmpfs with the container's own directory of every hierarchy.
    func makeCgroups(_ mount: MountSpec) throws(LaunchFailure) {
        guard !spec.cgroups.isEmpty else { return }
        let first = spec.firstCgroups
        let place = try root.place(mount.destination, .directory, strict: Self.isBeneathSys(mount.destination))
        if first.isEmpty || mount.type == "cgroup2" {
            return try MountBuilder.attach(try unified(mount), on: place.descriptor, mount.destination)
        }
        let folder = try spec.cgroupFolder(first)
        try MountBuilder.attach(folder, on: place.descriptor, mount.destination)
        for join in first {
            let made = try MountBuilder.bind(
                join.path, flags: mount.flags.union(.nonRecursive), propagation: .private)
            // The tmpfs is new and only this process has access, so its names contain no links.
            try step(
                "mount \(mount.destination)/\(join.controller)",
                linux_move_mount(made.raw, "", folder.raw, join.controller, linux_MOVE_MOUNT_F_EMPTY_PATH))
        }
        if mount.flags.contains(.readOnly) {
            try MountBuilder.set(
                MountAttributes(on: .readOnly), on: folder.raw, isRecursive: false, mount.destination)
        }
    }

    private func unified(_ mount: MountSpec) throws(LaunchFailure) -> Descriptor {
        let own = spec.cgroups.first { $0.controller.isEmpty }
        if spec.namespaces.cgroup != .host || own == nil {
            return try MountBuilder.make("cgroup2", source: mount.source, options: mount.data, flags: mount.flags)
        }
        // Without a cgroup namespace a new mount would show the host's cgroups (CVE-2023-25809).
        return try MountBuilder.bind(own?.path ?? "", flags: mount.flags, propagation: .rprivate)
    }
}
