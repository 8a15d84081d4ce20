internal import CLinux
internal import Glibc
package import Linux
internal import OCI
internal import Store
internal import Synchronization

/// The root file systems of containers: shared layers below, `containers/ID/{upper,work}` above.
package final class Snapshots: Sendable {
    /// The directory `containers` of the data root.
    package let root: String
    private let layers: LayerStore
    private let counter = Atomic<UInt64>(0)

    /// Opens or makes the directory; what was being removed when an earlier process ended is removed now.
    package init(root: String, layers: LayerStore) throws(LayerError) {
        self.root = root
        self.layers = layers
        do throws(SystemError) {
            if mkdir(root, 0o710) != 0, errno != EEXIST { throw SystemError("mkdir", root, code: errno) }
            try retrying("chmod", root) { chmod(root, 0o710) }
            for name in DirectoryTree.names(in: root) where name.hasPrefix(".removing-") {
                try DirectoryTree.remove("\(root)/\(name)")
            }
        } catch {
            throw .system(error)
        }
    }

    /// Gives container `id` an empty writable layer over `layers` (bottom first). May be run again.
    package func prepare(id: String, image layers: [LayerID]) throws(LayerError) {
        for layer in layers where !self.layers.contains(layer) { throw .missing(layer) }
        let directory = "\(root)/\(id)"
        do throws(SystemError) {
            for (path, mode) in [(directory, 0o710), (directory + "/upper", 0o755), (directory + "/work", 0o700)] {
                if mkdir(path, mode_t(mode)) != 0, errno != EEXIST { throw SystemError("mkdir", path, code: errno) }
            }
            // The root directory looks as the image's topmost layer has it; overlay takes it from the upper one.
            if let top = layers.last {
                var status = stat()
                if stat(self.layers.path(top), &status) == 0 {
                    chown(directory + "/upper", status.st_uid, status.st_gid)
                    chmod(directory + "/upper", status.st_mode & 0o7777)
                }
            } else {
                chmod(directory + "/upper", 0o755)
            }
            let list = try Descriptor.open(directory + "/layers", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try list.writeAll(Array(layers.map(\.description).joined(separator: "\n").utf8))
        } catch {
            throw .system(error)
        }
    }

    /// A detached overlay mount, visible nowhere until the receiver attaches it; it lives as long as the descriptor or
    /// what was attached.
    ///
    /// - Parameter volatile: skip all syncs of the writable layer: for containers that are removed when they end.
    package func mount(id: String, readOnly: Bool = false, volatile: Bool = false) throws(LayerError) -> Descriptor {
        let directory = "\(root)/\(id)"
        let below = try lowers(id)
        do throws(SystemError) {
            if volatile || access(directory + "/work/work/incompat", F_OK) == 0 {
                // The kernel refuses a second mount of what was once volatile; here nobody waits for its durability.
                try DirectoryTree.remove(directory + "/work/work/incompat")
            }
            let context = Descriptor(
                owning: Int32(try checking("fsopen", "overlay") { linux_fs_context_open("overlay") }))
            var isModern = true
            // Top first. A path may have 255 bytes at most here, a descriptor's name always fits.
            var held: [SharedDescriptor] = []
            for path in below.reversed() {
                let name: String
                if path.utf8.count < 250 {
                    name = path
                } else {
                    let layer = SharedDescriptor(try Descriptor.open(path, linux_fs_path_only | O_DIRECTORY))
                    held.append(layer)
                    name = "/proc/self/fd/\(layer.raw)"
                }
                if linux_fs_context_set(context.raw, "lowerdir+", name) < 0 {
                    isModern = false
                    break
                }
            }
            guard isModern else { return try mountByPath(directory, below, readOnly, volatile) }
            let upper = try shortened(directory + "/upper", &held)
            let work = try shortened(directory + "/work", &held)
            var options: [(String, String?)] = [("source", "overlay"), ("upperdir", upper), ("workdir", work)]
            options += [("index", "off"), ("metacopy", "off"), ("redirect_dir", "off")]
            if volatile { options.append(("volatile", nil)) }
            for (key, value) in options {
                try checking("fsconfig", key) { linux_fs_context_set(context.raw, key, value) }
            }
            try checking("mount", "overlay of container \(id.prefix(12))") { linux_fs_context_create(context.raw) }
            let mounted = try checking("fsmount", id) { linux_fs_context_mount(context.raw, readOnly ? 1 : 0) }
            withExtendedLifetime(held) {}
            return Descriptor(owning: Int32(mounted))
        } catch {
            throw .system(error)
        }
    }

    /// Forgets the writable layer. May be run twice, and on what was prepared only in part. Other files in the container's
    /// directory stay.
    package func remove(id: String) throws(LayerError) {
        let directory = "\(root)/\(id)"
        let gone = "\(root)/.removing-\(id)-\(counter.add(1, ordering: .relaxed).newValue)"
        do throws(SystemError) {
            if mkdir(gone, 0o700) != 0, errno != EEXIST { throw SystemError("mkdir", gone, code: errno) }
            for part in ["upper", "work", "layers"] {
                if rename("\(directory)/\(part)", "\(gone)/\(part)") != 0, errno != ENOENT {
                    throw SystemError("rename", "\(directory)/\(part)", code: errno)
                }
            }
            rmdir(directory)
            try DirectoryTree.remove(gone)
        } catch {
            throw .system(error)
        }
    }

    /// What the container has written: the sum of file sizes in its layer.
    package func size(id: String) -> Int64 { DirectoryTree.size("\(root)/\(id)/upper") }

    /// The directory that holds what the container has written; deletions are overlay whiteouts.
    package func upper(id: String) -> String { "\(root)/\(id)/upper" }

    /// Every container that has a writable layer.
    package func list() -> [String] {
        DirectoryTree.names(in: root).filter {
            !$0.hasPrefix(".") && access("\(root)/\($0)/layers", F_OK) == 0
        }
    }

    /// The image layers below container `id`, bottom first.
    package func layers(id: String) throws(LayerError) -> [LayerID] {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Descriptor.open("\(root)/\(id)/layers", O_RDONLY | O_NOFOLLOW).readAll(limit: 1 << 16)
        } catch {
            throw error.code == ENOENT ? .unknownSnapshot(id) : .system(error)
        }
        var layers: [LayerID] = []
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            guard let layer = try? Digest(String(line)) else {
                throw .system(SystemError("read", "\(root)/\(id)/layers", code: EINVAL))
            }
            layers.append(layer)
        }
        return layers
    }

    /// An image without layers still needs one directory below.
    private func lowers(_ id: String) throws(LayerError) -> [String] {
        let layers = try layers(id: id)
        // The same layer twice: the upper one says all, and the kernel refuses overlapping directories.
        var seen: Set<LayerID> = []
        let unique = Array(layers.reversed().filter { seen.insert($0).inserted }.reversed())
        return unique.isEmpty ? [self.layers.root + "/empty"] : unique.map(self.layers.path)
    }

    private func shortened(_ path: String, _ held: inout [SharedDescriptor]) throws(SystemError) -> String {
        if path.utf8.count < 250 { return path }
        let directory = SharedDescriptor(try Descriptor.open(path, linux_fs_path_only | O_DIRECTORY))
        held.append(directory)
        return "/proc/self/fd/\(directory.raw)"
    }

    /// Before Linux 6.7 there is no `lowerdir+`: mount in place for a moment and take a detached copy.
    private func mountByPath(
        _ directory: String, _ below: [String], _ readOnly: Bool, _ volatile: Bool
    ) throws(SystemError) -> Descriptor {
        var held: [SharedDescriptor] = []
        var names: [String] = []
        for path in below.reversed() {
            let layer = SharedDescriptor(try Descriptor.open(path, linux_fs_path_only | O_DIRECTORY))
            held.append(layer)
            names.append("/proc/self/fd/\(layer.raw)")
        }
        let upper = SharedDescriptor(try Descriptor.open(directory + "/upper", linux_fs_path_only | O_DIRECTORY))
        let work = SharedDescriptor(try Descriptor.open(directory + "/work", linux_fs_path_only | O_DIRECTORY))
        let options =
            "lowerdir=" + names.joined(separator: ":")
            + ",upperdir=/proc/self/fd/\(upper.raw),workdir=/proc/self/fd/\(work.raw),index=off,metacopy=off"
            + (volatile ? ",volatile" : "")
        let target = directory + "/mount"
        if mkdir(target, 0o700) != 0, errno != EEXIST { throw SystemError("mkdir", target, code: errno) }
        defer { rmdir(target) }
        try checking("mount", target) { linux_fs_overlay_mount(target, options, readOnly ? 1 : 0) }
        defer { _ = linux_fs_detach_mount(target) }
        withExtendedLifetime((held, upper, work)) {}
        return Descriptor(owning: Int32(try checking("open_tree", target) { linux_fs_clone_mount(target) }))
    }
}
