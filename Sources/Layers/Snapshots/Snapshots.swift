internal import ByteText
internal import CLinux
internal import Glibc
package import Linux
internal import OCI
internal import Store
internal import Synchronization

/// The root file systems of containers: shared layers, and the container's writable layer in `containers/ID`.
package final class Snapshots: Sendable {
    /// The directory `containers` of the data root.
    package let root: String
    private let layers: LayerStore
    private let driver: any StorageDriver
    package let driverName: StorageDriverName
    private let removal: TreeRemoval
    /// Makes temporary names unique. Starts at a random number, because the next daemon may get the same process id.
    private let counter = Atomic<UInt64>(.random(in: 0..<1 << 48))

    /// Opens or creates the directory and continues, in the background, removals that an earlier process left unfinished.
    ///
    /// - Parameter report: receives a message for each tree that cannot be removed.
    package init(
        root: String, layers: LayerStore, driver: StorageDriverName = .overlay2,
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(LayerError) {
        self.root = root
        self.layers = layers
        driverName = driver
        let driver = try driver.open(beside: root)
        self.driver = driver
        removal = TreeRemoval("containers", report: report) { path, count throws(SystemError) in
            try driver.discard(path, atMost: count)
        }
        do throws(SystemError) {
            if mkdir(root, 0o710) != 0, errno != EEXIST { throw SystemError("mkdir", root, code: errno) }
            try retrying("chmod", root) { chmod(root, 0o710) }
        } catch {
            throw .system(error)
        }
        for name in Directory.names(in: root) where name.hasBytePrefix(".removing-") {
            removal.finish("\(root)/\(name)")
        }
        for path in driver.unfinished() { removal.finish(path) }
    }

    /// Creates an empty writable layer for container `id` over `layers` (bottom first). May be run again.
    package func prepare(id: String, image layers: [LayerID]) throws(LayerError) {
        for layer in layers where !self.layers.contains(layer) { throw .missing(layer) }
        let directory = "\(root)/\(id)"
        do throws(SystemError) {
            if mkdir(directory, 0o710) != 0, errno != EEXIST { throw SystemError("mkdir", directory, code: errno) }
        } catch {
            throw .system(error)
        }
        try driver.prepare(directory, stack(layers))
        do throws(SystemError) {
            let list = try Descriptor.open(directory + "/layers", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try list.writeAll(Array(layers.map(\.description).joined(separator: "\n").utf8))
        } catch {
            throw .system(error)
        }
    }

    /// A detached mount of the root file system, in no namespace until the receiver attaches it; it lives as long as the
    /// descriptor or the attached mount.
    ///
    /// - Parameter volatile: skip all syncs of the writable layer, for containers that are removed when they exit.
    package func mount(id: String, volatile: Bool = false) throws(LayerError) -> Descriptor {
        try driver.mount("\(root)/\(id)", stack(layers(id: id)), volatile: volatile)
    }

    /// The root directory for reading, also while the container runs.
    package func view(id: String) throws(LayerError) -> Descriptor {
        try driver.view("\(root)/\(id)", stack(layers(id: id)))
    }

    // MARK: What a container has written

    /// The changed paths, in Docker's order.
    package func changes(id: String) throws(LayerError) -> [TreeChange] {
        try TreeChanges.all(in: written(id), driver.form, over: below(id))
    }

    /// The container's changes as the archive of a layer.
    package func difference(id: String) throws(LayerError) -> TreeArchive {
        switch driver.form {
        case .difference: return try TreeArchive(written(id), .overlay)
        case .whole:
            let chosen = try TreeChanges.selection(in: written(id), over: below(id))
            return try TreeArchive(written(id), .files, choosing: chosen)
        }
    }

    /// The whole root file system as an archive.
    package func contents(id: String) throws(LayerError) -> TreeArchive { try TreeArchive(view(id: id), .files) }

    /// The sum of file sizes in the container's writable layer, at most Int64.max.
    package func size(id: String) -> Int64 {
        switch driver.form {
        case .difference: return DirectoryTree.size("\(root)/\(id)/\(driver.written)")
        case .whole:
            guard let root = try? written(id), let below = try? below(id),
                let chosen = try? TreeChanges.selection(in: root, over: below), let tree = try? written(id)
            else { return 0 }
            return DirectoryTree.size(tree, of: chosen)
        }
    }

    private func written(_ id: String) throws(LayerError) -> Descriptor {
        do throws(SystemError) {
            return try Descriptor.open("\(root)/\(id)/\(driver.written)", O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        } catch {
            throw error.code == ENOENT ? .unknownSnapshot(id) : .system(error)
        }
    }

    /// Topmost layer first.
    private func below(_ id: String) throws(LayerError) -> [SharedDescriptor] {
        var opened: [SharedDescriptor] = []
        for path in try stack(layers(id: id)).reversed() {
            do throws(SystemError) {
                opened.append(SharedDescriptor(try Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)))
            } catch {
                throw .system(error)
            }
        }
        return opened
    }

    /// Removes the writable layer: renames it at once and deletes large trees in the background. May be run twice, and on an
    /// incomplete snapshot. Other files in the container's directory stay.
    package func remove(id: String) throws(LayerError) {
        let directory = "\(root)/\(id)"
        let gone = "\(root)/.removing-\(id)-\(counter.add(1, ordering: .relaxed).newValue)"
        do throws(SystemError) {
            if mkdir(gone, 0o700) != 0, errno != EEXIST {
                guard errno == ENOSPC || errno == EDQUOT else { throw SystemError("mkdir", gone, code: errno) }
                return try removeInPlace(directory)
            }
            for part in driver.parts + ["layers"] {
                if rename("\(directory)/\(part)", "\(gone)/\(part)") != 0, errno != ENOENT {
                    throw SystemError("rename", "\(directory)/\(part)", code: errno)
                }
            }
            rmdir(directory)
        } catch {
            throw .system(error)
        }
        removal.begin(gone)
    }

    /// Waits until every removal so far has finished or failed.
    package func waitForRemovals() async { await removal.waitForRemovals() }

    /// For a full disk, on which no directory can be created to rename into.
    private func removeInPlace(_ directory: String) throws(SystemError) {
        // A directory without this file is no snapshot; the next daemon removes the rest.
        if unlink(directory + "/layers") != 0, errno != ENOENT {
            throw SystemError("unlink", directory + "/layers", code: errno)
        }
        for part in driver.parts where access("\(directory)/\(part)", F_OK) == 0 {
            _ = try driver.discard("\(directory)/\(part)", atMost: .max)
        }
        rmdir(directory)
    }

    /// The driver's lines of `docker info`.
    package func status() -> [(name: String, value: String)] {
        let types = [
            0xEF53: "extfs", 0x5846_5342: "xfs", 0x9123_683E: "btrfs", 0x0102_1994: "tmpfs", 0x794C_7630: "overlayfs",
        ]
        var lines = [("Backing Filesystem", types[linux_fs_type(root)] ?? "unknown")]
        if driverName == .overlay2 { lines += [("Supports d_type", "true"), ("Native Overlay Diff", "true")] }
        return lines
    }

    /// Removes cached stacks of layers that no longer exist.
    package func removeStaleStacks() {
        for path in (driver as? Subvolumes)?.removeStaleStacks(where: { path in access(path, F_OK) != 0 }) ?? [] {
            removal.begin(path)
        }
    }

    /// Every container that has a writable layer.
    package func list() throws(LayerError) -> [String] {
        guard let names = Directory.read(root) else {
            // Before the first container there is no directory.
            if errno == ENOENT { return [] }
            // An empty list would say that no container needs its layers.
            throw .system(SystemError("opendir", root, code: errno))
        }
        return names.filter {
            !$0.hasBytePrefix(".") && access("\(root)/\($0)/layers", F_OK) == 0
        }
    }

    /// The image layers of container `id`, bottom first.
    package func layers(id: String) throws(LayerError) -> [LayerID] {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Descriptor.open("\(root)/\(id)/layers", O_RDONLY | O_NOFOLLOW).readAll(limit: 1 << 16)
        } catch {
            throw error.code == ENOENT ? .unknownSnapshot(id) : .system(error)
        }
        var layers: [LayerID] = []
        for line in String(decoding: bytes, as: UTF8.self).split(byte: "\n") {
            guard let layer = try? Digest(String(line)) else {
                throw .system(SystemError("read", "\(root)/\(id)/layers", code: EINVAL))
            }
            layers.append(layer)
        }
        return layers
    }

    /// The directories that make up a root, bottom first. A repeated layer is listed once, at its highest position, because
    /// overlayfs refuses overlapping directories.
    private func stack(_ layers: [LayerID]) -> [String] {
        var seen: Set<LayerID> = []
        let unique = layers.reversed().filter { seen.insert($0).inserted }.reversed()
        return [self.layers.base] + unique.map(self.layers.path)
    }
}
