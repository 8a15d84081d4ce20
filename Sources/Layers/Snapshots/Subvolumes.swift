internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux
internal import OCI
internal import Store

/// The `btrfs` driver: a subvolume for every distinct stack of layers, and a snapshot of it for every container.
struct Subvolumes: StorageDriver {
    let form = TreeChanges.Upper.whole
    let written = "root"
    let parts = ["root"]
    /// The directory of stacks; each is named by a digest of its layers' paths.
    private let stacks: String

    init(beside containers: String) throws(LayerError) {
        let parent = containers.lastIndex(ofByte: "/").map { String(containers[..<$0]) } ?? "."
        stacks = parent + "/btrfs"
        do throws(SystemError) {
            let type = linux_fs_type(parent)
            // BTRFS_SUPER_MAGIC
            guard type == 0x9123_683e else {
                throw SystemError("storage-driver btrfs: \(parent) is on another file system", code: EINVAL)
            }
            if mkdir(stacks, 0o710) != 0, errno != EEXIST { throw SystemError("mkdir", stacks, code: errno) }
        } catch {
            throw .system(error)
        }
    }

    func prepare(_ directory: String, _ layers: [String]) throws(LayerError) {
        let base = try stack(layers[...])
        do throws(SystemError) {
            if access(directory + "/root", F_OK) == 0 { _ = try discard(directory + "/root", atMost: .max) }
            try snapshot(base, as: "root", in: directory)
        } catch {
            throw .system(error)
        }
    }

    func mount(_ directory: String, _ layers: [String], volatile: Bool) throws(LayerError) -> Descriptor {
        try Copies().mount(directory, layers, volatile: volatile)
    }

    func view(_ directory: String, _ layers: [String]) throws(LayerError) -> Descriptor {
        try Copies().view(directory, layers)
    }

    /// Removes everything, because a subvolume is deleted in one call.
    func discard(_ directory: String, atMost count: Int) throws(SystemError) -> Bool {
        for name in Directory.names(in: directory) { try remove(name, in: directory) }
        let slash = directory.lastIndex(ofByte: "/") ?? directory.startIndex
        try remove(String(directory[directory.utf8.index(after: slash)...]), in: String(directory[..<slash]))
        return true
    }

    func unfinished() -> [String] {
        // Renamed first, so that no new stack is built inside.
        for name in Directory.names(in: stacks) where name.hasBytePrefix("new-") { renameForRemoval(name) }
        return Directory.names(in: stacks).filter { $0.hasBytePrefix("old-") }.map { "\(stacks)/\($0)" }
    }

    private func renameForRemoval(_ name: String) {
        // If the rename fails, the next start finds it again.
        rename("\(stacks)/\(name)", "\(stacks)/old-\(getpid())-\(UInt64.random(in: 0..<1 << 48))")
    }

    /// Renames stacks that contain a removed layer.
    ///
    /// - Returns: directories to discard.
    func removeStaleStacks(where isGone: (String) -> Bool) -> [String] {
        for name in Directory.names(in: stacks) where name.hasByteSuffix(".layers") {
            let list = (try? Descriptor.open("\(stacks)/\(name)", O_RDONLY).readAll(limit: 1 << 20)) ?? []
            let layers = String(decoding: list, as: UTF8.self).split(byte: "\n").map(String.init)
            guard layers.isEmpty || layers.contains(where: isGone) else { continue }
            unlink("\(stacks)/\(name)")
            renameForRemoval(String(name.dropLast(".layers".count)))
        }
        return unfinished()
    }

    /// The subvolume with these layers; created if it does not exist.
    private func stack(_ layers: ArraySlice<String>) throws(LayerError) -> String {
        let list = layers.joined(separator: "\n")
        let name = ContentHash.digest(of: Array(list.utf8)).hex
        let path = "\(stacks)/\(name)"
        if access(path + ".layers", F_OK) == 0 { return path }
        let below = layers.count > 1 ? try stack(layers.dropLast()) : nil
        let temporary = "new-\(getpid())-\(name)"
        do throws(SystemError) {
            if access("\(stacks)/\(temporary)", F_OK) == 0 { try remove(temporary, in: stacks) }
            if let below {
                try snapshot(below, as: temporary, in: stacks)
            } else {
                let directory = try Descriptor.open(stacks, O_RDONLY | O_DIRECTORY)
                let number = directory.raw
                try checking("btrfs", temporary) { linux_btrfs_create(number, temporary) }
            }
        } catch {
            throw .system(error)
        }
        if let top = layers.last { try LayerCopy.apply(top, onto: "\(stacks)/\(temporary)") }
        do throws(SystemError) {
            if rename("\(stacks)/\(temporary)", path) != 0 {
                guard errno == EEXIST || errno == ENOTEMPTY else { throw SystemError("rename", path, code: errno) }
                try remove(temporary, in: stacks)
            }
            let file = try Descriptor.open(path + ".layers", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try file.writeAll(Array(list.utf8))
        } catch {
            throw .system(error)
        }
        return path
    }

    private func snapshot(_ source: String, as name: String, in directory: String) throws(SystemError) {
        let from = try Descriptor.open(source, O_RDONLY | O_DIRECTORY)
        let into = try Descriptor.open(directory, O_RDONLY | O_DIRECTORY)
        let (one, two) = (from.raw, into.raw)
        try checking("btrfs", "\(directory)/\(name)") { linux_btrfs_snapshot(two, name, one) }
    }

    private func remove(_ name: String, in directory: String) throws(SystemError) {
        if let parent = try? Descriptor.open(directory, O_RDONLY | O_DIRECTORY),
            linux_btrfs_destroy(parent.raw, name) >= 0
        {
            return
        }
        try DirectoryTree.remove("\(directory)/\(name)")
    }
}
