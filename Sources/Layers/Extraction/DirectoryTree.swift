internal import CLinux
internal import Glibc
internal import JSON
package import Linux

/// Removes and measures directory trees with untrusted content, by ``Linux/TreeWalk``.
package enum DirectoryTree {
    /// Removes the entry `name` of `directory` and all below it, without following links or entering other mounts. A missing
    /// entry is no error. An entry that cannot be removed does not stop the removal of the others.
    ///
    /// - Throws: the first error, after everything removable is gone.
    package static func remove(_ name: String, at directory: Int32 = AT_FDCWD) throws(SystemError) {
        try remove(Array(name.utf8CString), at: directory)
    }

    static func remove(_ name: [CChar], at directory: Int32) throws(SystemError) {
        _ = try remove(name, at: directory, atMost: .max)
    }

    /// Removes at most `count` entries; returns false when more are left.
    static func remove(_ path: String, atMost count: Int) throws(SystemError) -> Bool {
        try remove(Array(path.utf8CString), at: AT_FDCWD, atMost: count)
    }

    private static func remove(_ name: [CChar], at directory: Int32, atMost count: Int) throws(SystemError) -> Bool {
        if try unlink(name, at: directory) { return true }
        let root = Descriptor(
            owning: try retrying("open", EntryPath.text(name)) {
                openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            })
        var walk = TreeWalk(root)
        var failure: SystemError?
        var left = count
        while true {
            var child: [CChar]?
            do throws(SystemError) {
                child = try walk.next()
            } catch {
                failure = failure ?? error
            }
            do throws(SystemError) {
                if let child {
                    left -= 1
                    if left < 0 { return false }
                    if try !unlink(child, at: walk.directory) { try walk.enter(child) }
                    continue
                }
            } catch {
                failure = failure ?? error
                continue
            }
            if walk.depth == 0 { break }
            // Without the parent's descriptor the walk cannot go on.
            let emptied = try walk.leave()
            if unlinkat(walk.directory, emptied, AT_REMOVEDIR) != 0, errno != ENOENT {
                failure = failure ?? SystemError("rmdir", EntryPath.text(emptied), code: errno)
            }
        }
        if let failure { throw failure }
        if unlinkat(directory, name, AT_REMOVEDIR) != 0, errno != ENOENT {
            throw SystemError("rmdir", EntryPath.text(name), code: errno)
        }
        return true
    }

    /// Removes a file or an empty directory. False for a directory that is not empty.
    private static func unlink(_ name: [CChar], at directory: Int32) throws(SystemError) -> Bool {
        if unlinkat(directory, name, 0) == 0 || errno == ENOENT { return true }
        // For a directory POSIX returns EPERM and Linux EISDIR; Linux returns EPERM for an immutable file (chattr(1)).
        let refused = errno
        guard refused == EISDIR || refused == EPERM else {
            throw SystemError("unlink", EntryPath.text(name), code: refused)
        }
        if unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT { return true }
        if errno == ENOTEMPTY || errno == EEXIST { return false }
        throw SystemError("remove", EntryPath.text(name), code: errno == ENOTDIR ? refused : errno)
    }

    /// The sum of file sizes as `du --apparent-size` counts them, at most Int64.max; a file with several hard links counts once.
    /// Entries that disappear during the walk are not counted.
    package static func size(_ path: String) -> Int64 {
        // A tree that has been removed has size 0.
        guard let opened = try? Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else { return 0 }
        return sum(opened, nil)
    }

    /// The size of the selected entries.
    static func size(_ root: consuming Descriptor, of chosen: TreeSelection) -> Int64 { sum(root, chosen) }

    private static func sum(_ root: consuming Descriptor, _ chosen: TreeSelection?) -> Int64 {
        var walk = TreeWalk(root)
        // Sparse files can claim 2^63-1 bytes each, so the sum saturates.
        var total: Int64 = 0
        var seen: Set<UInt64> = []
        do throws(SystemError) {
            while true {
                guard let name = try walk.next() else {
                    if walk.depth == 0 { return total }
                    try walk.leave()
                    continue
                }
                if let chosen, !chosen.holds(walk.path + name.dropLast().map { UInt8(bitPattern: $0) }) { continue }
                var status = stat()
                guard fstatat(walk.directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
                switch status.st_mode & S_IFMT {
                case S_IFDIR:
                    do throws(SystemError) {
                        try walk.enter(name)
                    } catch {
                        // Removed or replaced since it was listed.
                        continue
                    }
                case S_IFREG:
                    if status.st_nlink > 1, !seen.insert(UInt64(status.st_ino)).inserted { continue }
                    total = total.saturatingAdd(max(0, Int64(status.st_size)))
                default: break
                }
            }
        } catch {
            // A running container may rename directories during the walk; a partial sum is good enough.
            return total
        }
    }
}
