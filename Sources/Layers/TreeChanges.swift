internal import CLinux
internal import Glibc
internal import Linux

/// A path that a container has changed, from the root on, with `/` in front.
package struct TreeChange: Sendable, Equatable {
    package enum Kind: Int, Sendable {
        case modified = 0
        case added = 1
        case deleted = 2
    }

    package let path: String
    package let kind: Kind
}

/// Finds what differs between a container's writable layer and the layers below, as Docker does where it compares whole
/// trees; sorted.
final class TreeChanges {
    /// What the upper directory is.
    enum Upper {
        /// Only what differs, deletions as whiteouts (overlay).
        case difference
        /// Everything (vfs, btrfs).
        case whole
    }

    private struct Found {
        let kind: TreeChange.Kind
        let path: [UInt8]
    }

    private let upper: Upper
    private var changes: [Found] = []
    /// Directories that have been named.
    private var changed: Set<[UInt8]> = []

    private init(_ upper: Upper) {
        self.upper = upper
    }

    /// - Parameter layers: top first.
    static func all(
        in root: consuming Descriptor, _ upper: Upper, over layers: [SharedDescriptor]
    ) throws(LayerError) -> [TreeChange] {
        try find(root, upper, layers).map {
            TreeChange(path: "/" + String(decoding: $0.path, as: UTF8.self), kind: $0.kind)
        }
    }

    /// What an archive of the differences holds.
    static func selection(
        in root: consuming Descriptor, over layers: [SharedDescriptor]
    ) throws(LayerError) -> TreeSelection {
        var kept: Set<[UInt8]> = []
        var gone: Set<[UInt8]> = []
        for change in try find(root, .whole, layers) {
            if change.kind == .deleted { gone.insert(change.path) } else { kept.insert(change.path) }
            var path = change.path[...]
            while let slash = path.lastIndex(of: 0x2f) {
                path = path[..<slash]
                kept.insert(Array(path))
            }
        }
        return TreeSelection(kept: kept, gone: gone)
    }

    private static func find(
        _ root: consuming Descriptor, _ upper: Upper, _ layers: [SharedDescriptor]
    ) throws(LayerError) -> [Found] {
        let search = TreeChanges(upper)
        do throws(SystemError) {
            try search.compare(SharedDescriptor(root), [], layers, isWhole: upper == .whole)
        } catch {
            throw .system(error)
        }
        return search.changes
    }

    /// - Parameters:
    ///   - path: ends with a slash, except the root's.
    ///   - below: the directories that show through here, top first.
    ///   - isWhole: what is not in `directory` is not there at all.
    private func compare(
        _ directory: SharedDescriptor, _ path: [UInt8], _ below: [SharedDescriptor], isWhole: Bool
    ) throws(SystemError) {
        var names = Set(try Directory.names(in: directory.raw))
        if isWhole { names.formUnion(try Self.names(in: below)) }
        for name in EntryPath.sorted(names) { try compare(name, in: directory, path, below, isWhole: isWhole) }
    }

    private func compare(
        _ name: [CChar], in directory: SharedDescriptor, _ parent: [UInt8], _ below: [SharedDescriptor], isWhole: Bool
    ) throws(SystemError) {
        let path = parent + name.dropLast().map { UInt8(bitPattern: $0) }
        var status = stat()
        guard fstatat(directory.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT {
                if isWhole { record(.deleted, path, parent) }
                return
            }
            throw SystemError("stat", EntryPath.text(name), code: errno)
        }
        if upper == .difference, status.isWhiteout {
            record(.deleted, path, parent)
            return
        }
        let (old, deeper) = try Self.find(name, in: below)
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        var child: SharedDescriptor?
        if isDirectory {
            child = SharedDescriptor(
                try Descriptor(
                    owning: retrying("open", EntryPath.text(name)) {
                        openat(directory.raw, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                    }))
        }
        if let old {
            if Self.differs(old, status) {
                if isDirectory { changed.insert(path) }
                record(.modified, path, parent)
            }
        } else {
            if isDirectory { changed.insert(path) }
            record(.added, path, parent)
        }
        guard let child else { return }
        let hides = isWhole || FileAttributes.isOpaque(child.raw)
        try compare(child, path + [0x2f], deeper, isWhole: hides)
    }

    /// A change changes every directory above it.
    private func record(_ kind: TreeChange.Kind, _ path: [UInt8], _ parent: [UInt8]) {
        for slash in parent.indices where parent[slash] == 0x2f {
            let directory = Array(parent[..<slash])
            guard changed.insert(directory).inserted else { continue }
            changes.append(Found(kind: .modified, path: directory))
        }
        changes.append(Found(kind: kind, path: path))
    }

    /// As Docker sees it when it compares trees: a directory's time tells nothing, a file's with its size everything.
    private static func differs(_ old: stat, _ new: stat) -> Bool {
        if old.st_mode != new.st_mode || old.st_uid != new.st_uid || old.st_gid != new.st_gid { return true }
        if new.st_mode & S_IFMT == S_IFDIR { return false }
        return old.st_rdev != new.st_rdev || old.st_size != new.st_size
            || old.st_mtim.tv_sec != new.st_mtim.tv_sec || old.st_mtim.tv_nsec != new.st_mtim.tv_nsec
    }

    // MARK: The layers below

    /// What shows under a name, and the directories of that name that show through, top first.
    private static func find(
        _ name: [CChar], in below: [SharedDescriptor]
    ) throws(SystemError) -> (stat?, [SharedDescriptor]) {
        var found: stat?
        var deeper: [SharedDescriptor] = []
        for layer in below {
            var status = stat()
            guard fstatat(layer.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            let isWhiteout = status.isWhiteout
            if isWhiteout { break }
            if found == nil { found = status }
            guard status.st_mode & S_IFMT == S_IFDIR else { break }
            let directory = SharedDescriptor(
                try Descriptor(
                    owning: retrying("open", EntryPath.text(name)) {
                        openat(layer.raw, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                    }))
            deeper.append(directory)
            if FileAttributes.isOpaque(directory.raw) { break }
        }
        return (found, deeper)
    }

    private static func names(in below: [SharedDescriptor]) throws(SystemError) -> Set<[CChar]> {
        var names: Set<[CChar]> = []
        var hidden: Set<[CChar]> = []
        for layer in below {
            for name in try Directory.names(in: layer.raw) where !hidden.contains(name) && !names.contains(name) {
                var status = stat()
                guard fstatat(layer.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
                if status.isWhiteout {
                    hidden.insert(name)
                } else {
                    names.insert(name)
                }
            }
        }
        return names
    }
}
