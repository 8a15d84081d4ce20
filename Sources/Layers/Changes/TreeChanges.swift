internal import CLinux
internal import Glibc
internal import Linux

/// A path that a container has changed, absolute in the container.
package struct TreeChange: Sendable, Equatable {
    package enum Kind: Int, Sendable {
        case modified = 0
        case added = 1
        case deleted = 2
    }

    package let path: String
    package let kind: Kind
}

/// Finds the differences between a container's writable layer and the layers below, with the same result as Docker's comparison
/// of two trees; sorted.
final class TreeChanges {
    /// What the writable directory contains.
    enum Upper {
        /// Differences only, with deletions as whiteouts (overlay).
        case difference
        /// The whole tree (vfs, btrfs).
        case whole
    }

    private struct Found {
        let kind: TreeChange.Kind
        let path: [UInt8]
    }

    /// A directory on the path of the walk, with the lower directories that are visible through it.
    private struct Level {
        /// The layers that have this directory and are visible here, topmost first.
        let below: [Int]
        /// The same directories, open; on the deepest levels only.
        var opened: [SharedDescriptor]?
        /// The directory replaces the lower ones: names that it lacks are deleted.
        let isWhole: Bool
        /// The directory is already listed as changed.
        var isNamed: Bool
        /// The length of this directory's path, without the final slash.
        let length: Int
    }

    private let upper: Upper
    private let layers: [SharedDescriptor]
    private var walk: TreeWalk
    private var levels: [Level]
    private var changes: [Found] = []
    /// The lower layers' directories are open on this many levels only; each level may have 128 of them.
    private static let openLevels = 4

    private init(_ root: consuming Descriptor, _ upper: Upper, _ layers: [SharedDescriptor]) {
        self.upper = upper
        self.layers = layers
        walk = TreeWalk(root)
        levels = [
            Level(below: Array(layers.indices), opened: layers, isWhole: upper == .whole, isNamed: true, length: 0)
        ]
    }

    /// - Parameter layers: topmost first.
    static func all(
        in root: consuming Descriptor, _ upper: Upper, over layers: [SharedDescriptor]
    ) throws(LayerError) -> [TreeChange] {
        try TreeChanges(root, upper, layers).find().map {
            TreeChange(path: "/" + String(decoding: $0.path, as: UTF8.self), kind: $0.kind)
        }
    }

    /// The entries of an archive of the differences.
    static func selection(
        in root: consuming Descriptor, over layers: [SharedDescriptor]
    ) throws(LayerError) -> TreeSelection {
        var kept: Set<[UInt8]> = []
        var gone: Set<[UInt8]> = []
        for change in try TreeChanges(root, .whole, layers).find() {
            if change.kind == .deleted { gone.insert(change.path) } else { kept.insert(change.path) }
            var path = change.path[...]
            while let slash = path.lastIndex(of: 0x2f) {
                path = path[..<slash]
                if !kept.insert(Array(path)).inserted { break }
            }
        }
        return TreeSelection(kept: kept, gone: gone)
    }

    private func find() throws(LayerError) -> [Found] {
        do throws(SystemError) {
            while true {
                if let name = try walk.next() {
                    try compare(name)
                    continue
                }
                if levels[levels.count - 1].isWhole { try findMissing() }
                if walk.depth == 0 { break }
                levels.removeLast()
                try walk.leave()
            }
        } catch {
            throw .system(error)
        }
        // Deletions were found after the other changes of their directory.
        return changes.sorted { Self.precedes($0.path, $1.path) }
    }

    /// Depth first, names by their bytes.
    private static func precedes(_ one: [UInt8], _ two: [UInt8]) -> Bool {
        one.lexicographicallyPrecedes(two) { ($0 == 0x2f ? 0 : $0) < ($1 == 0x2f ? 0 : $1) }
    }

    private func compare(_ name: [CChar]) throws(SystemError) {
        let path = try path(name)
        var status = stat()
        guard fstatat(walk.directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return }
            throw SystemError("stat", EntryPath.text(name), code: errno)
        }
        if upper == .difference, status.isWhiteout { return record(.deleted, path) }
        let (old, deeper) = try look(for: name)
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        var isNamed = false
        if let old {
            if Self.differs(old, status) {
                record(.modified, path)
                isNamed = true
            }
        } else {
            record(.added, path)
            isNamed = true
        }
        guard isDirectory else { return }
        do throws(SystemError) {
            try walk.enter(name)
        } catch {
            // A running container may have replaced it meanwhile.
            if [ENOENT, ENOTDIR, ELOOP].contains(error.code) { return }
            throw error
        }
        let isWhole = levels[levels.count - 1].isWhole || FileAttributes.isOpaque(walk.directory)
        levels.append(
            Level(
                below: deeper.map(\.layer), opened: deeper.map(\.directory), isWhole: isWhole, isNamed: isNamed,
                length: path.count))
        if levels.count > Self.openLevels { levels[levels.count - 1 - Self.openLevels].opened = nil }
    }

    private func path(_ name: [CChar]) throws(SystemError) -> [UInt8] {
        let path = walk.path + name.dropLast().map { UInt8(bitPattern: $0) }
        try EntryPath.checkLength(path)
        return path
    }

    /// Records a change; every directory above counts as changed too.
    private func record(_ kind: TreeChange.Kind, _ path: [UInt8]) {
        for index in levels.indices where !levels[index].isNamed {
            levels[index].isNamed = true
            changes.append(Found(kind: .modified, path: Array(path[..<levels[index].length])))
        }
        changes.append(Found(kind: kind, path: path))
    }

    /// Docker's rule for comparing trees: a directory's time is ignored; a file is compared by time and size.
    private static func differs(_ old: stat, _ new: stat) -> Bool {
        if old.st_mode != new.st_mode || old.st_uid != new.st_uid || old.st_gid != new.st_gid { return true }
        if new.st_mode & S_IFMT == S_IFDIR { return false }
        return old.st_rdev != new.st_rdev || old.st_size != new.st_size
            || old.st_mtim.tv_sec != new.st_mtim.tv_sec || old.st_mtim.tv_nsec != new.st_mtim.tv_nsec
    }

    // MARK: The layers below

    /// The lower layers' directories that are visible here, topmost first.
    private func below() throws(SystemError) -> [SharedDescriptor] {
        let level = levels[levels.count - 1]
        if let opened = level.opened { return opened }
        // Layers do not change, and paths longer than PATH_MAX were refused earlier.
        let path = walk.path.map { CChar(bitPattern: $0) } + [0]
        var opened: [SharedDescriptor] = []
        for index in level.below {
            let layer = layers[index].raw
            opened.append(
                SharedDescriptor(
                    Descriptor(
                        owning: Int32(
                            try checking("open", EntryPath.text(path)) {
                                linux_fs_open_in_root(layer, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
                            }))))
        }
        levels[levels.count - 1].opened = opened
        return opened
    }

    /// What is visible under a name, and the visible directories of that name, topmost first.
    private func look(
        for name: [CChar]
    ) throws(SystemError) -> (stat?, [(layer: Int, directory: SharedDescriptor)]) {
        var found: stat?
        var deeper: [(layer: Int, directory: SharedDescriptor)] = []
        for (index, layer) in zip(levels[levels.count - 1].below, try below()) {
            var status = stat()
            guard fstatat(layer.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            if status.isWhiteout { break }
            if found == nil { found = status }
            guard status.st_mode & S_IFMT == S_IFDIR else { break }
            let directory = SharedDescriptor(
                Descriptor(
                    owning: Int32(
                        try checking("open", EntryPath.text(name)) {
                            linux_fs_open_entry(layer.raw, name, O_RDONLY | O_DIRECTORY)
                        })))
            deeper.append((index, directory))
            if FileAttributes.isOpaque(directory.raw) { break }
        }
        return (found, deeper)
    }

    /// Finds names that a lower layer shows here and the container's directory lacks.
    private func findMissing() throws(SystemError) {
        let layers = try below()
        for (index, layer) in layers.enumerated() {
            // Only direct entries: what is below a deleted directory is not listed.
            var names = TreeWalk(try layer.descriptor.duplicate())
            while let name = try names.next() {
                var status = stat()
                if fstatat(walk.directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { continue }
                guard fstatat(layer.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0, !status.isWhiteout else { continue }
                // A layer above has the same name or a whiteout for it.
                let isKnown = layers[..<index].contains { fstatat($0.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 }
                if !isKnown { record(.deleted, try path(name)) }
            }
        }
    }
}
