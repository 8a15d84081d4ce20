internal import CLinux
internal import Glibc
internal import Linux

/// The `overlay2` driver: a container's `upper` and `work` directories above the layers, mounted as overlayfs.
struct Overlay: StorageDriver {
    let form = TreeChanges.Upper.difference
    let written = "upper"
    let parts = ["upper", "work"]

    func prepare(_ directory: String, _ layers: [String]) throws(LayerError) {
        do throws(SystemError) {
            for (part, mode) in [("upper", 0o755), ("work", 0o700)] {
                let path = "\(directory)/\(part)"
                if mkdir(path, mode_t(mode)) != 0, errno != EEXIST { throw SystemError("mkdir", path, code: errno) }
            }
            // Overlayfs shows the root directory of the upper layer, so it gets the attributes of the image's.
            if let top = layers.last {
                var status = stat()
                if stat(top, &status) == 0 {
                    chown(directory + "/upper", status.st_uid, status.st_gid)
                    chmod(directory + "/upper", status.st_mode & 0o7777)
                }
            }
        } catch {
            throw .system(error)
        }
    }

    func mount(_ directory: String, _ layers: [String], volatile: Bool) throws(LayerError) -> Descriptor {
        do throws(SystemError) {
            if volatile || access(directory + "/work/work/incompat", F_OK) == 0 {
                // The kernel refuses to mount a work directory again after a volatile mount; durability does not matter here.
                try DirectoryTree.remove(directory + "/work/work/incompat")
            }
            return try mount(
                layers, upper: directory + "/upper", work: directory + "/work", volatile, scratch: directory + "/mount")
        } catch {
            throw .system(error)
        }
    }

    /// Mounts read-only with the upper directory as one more lower layer, because a second writable mount is undefined.
    func view(_ directory: String, _ layers: [String]) throws(LayerError) -> Descriptor {
        do throws(SystemError) {
            let mounted = try mount(
                layers + [directory + "/upper"], upper: nil, work: nil, false, scratch: directory + "/view")
            return try Descriptor.open(".", O_RDONLY | O_DIRECTORY, at: mounted.raw)
        } catch {
            throw .system(error)
        }
    }

    private func mount(
        _ layers: [String], upper: String?, work: String?, _ volatile: Bool, scratch: String
    ) throws(SystemError) -> Descriptor {
        let context = Descriptor(
            owning: Int32(try checking("fsopen", "overlay") { linux_fs_context_open("overlay") }))
        var held: [SharedDescriptor] = []
        // Topmost layer first.
        for path in layers.reversed() {
            let name = try shortened(path, &held)
            if linux_fs_context_set(context.raw, "lowerdir+", name) < 0 {
                return try mountByPath(layers, upper, work, volatile, scratch)
            }
        }
        var options: [(String, String?)] = [("source", "overlay")]
        if let upper, let work {
            options += [("upperdir", try shortened(upper, &held)), ("workdir", try shortened(work, &held))]
        }
        options += [("index", "off"), ("metacopy", "off"), ("redirect_dir", "off")]
        if volatile { options.append(("volatile", nil)) }
        for (key, value) in options {
            try checking("fsconfig", key) { linux_fs_context_set(context.raw, key, value) }
        }
        try checking("mount", "overlay at \(scratch)") { linux_fs_context_create(context.raw) }
        let mounted = try checking("fsmount", scratch) { linux_fs_context_mount(context.raw, upper == nil ? 1 : 0) }
        withExtendedLifetime(held) {}
        return Descriptor(owning: Int32(mounted))
    }

    /// Replaces a path longer than 255 bytes, the limit of a mount option, by /proc/self/fd/N of an open descriptor.
    private func shortened(_ path: String, _ held: inout [SharedDescriptor]) throws(SystemError) -> String {
        if path.utf8.count < 250 { return path }
        let directory = SharedDescriptor(try Descriptor.open(path, linux_fs_path_only | O_DIRECTORY))
        held.append(directory)
        return "/proc/self/fd/\(directory.raw)"
    }

    /// For kernels before Linux 6.7, which lack `lowerdir+`: mounts in place and takes a detached copy.
    private func mountByPath(
        _ layers: [String], _ upper: String?, _ work: String?, _ volatile: Bool, _ target: String
    ) throws(SystemError) -> Descriptor {
        var held: [SharedDescriptor] = []
        func name(_ path: String) throws(SystemError) -> String {
            let directory = SharedDescriptor(try Descriptor.open(path, linux_fs_path_only | O_DIRECTORY))
            held.append(directory)
            return "/proc/self/fd/\(directory.raw)"
        }
        var names: [String] = []
        for path in layers.reversed() { names.append(try name(path)) }
        var options = "lowerdir=" + names.joined(separator: ":") + ",index=off,metacopy=off"
        if let upper, let work { options += ",upperdir=\(try name(upper)),workdir=\(try name(work))" }
        if volatile { options += ",volatile" }
        if mkdir(target, 0o700) != 0, errno != EEXIST { throw SystemError("mkdir", target, code: errno) }
        defer { rmdir(target) }
        try checking("mount", target) { linux_fs_overlay_mount(target, options, upper == nil ? 1 : 0) }
        defer { _ = linux_fs_detach_mount(target) }
        withExtendedLifetime(held) {}
        return Descriptor(owning: Int32(try checking("open_tree", target) { linux_fs_clone_mount(target) }))
    }
}
