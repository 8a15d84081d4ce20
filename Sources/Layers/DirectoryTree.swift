internal import CLinux
internal import Glibc
package import Linux

/// Trees below a directory descriptor.
package enum DirectoryTree {
    /// Removes the entry `name` of `directory` and all below it. Links are not followed; nothing there is no error.
    package static func remove(_ name: String, at directory: Int32 = AT_FDCWD) throws(SystemError) {
        try remove(Array(name.utf8CString), at: directory)
    }

    static func remove(_ name: [CChar], at directory: Int32) throws(SystemError) {
        var left = Int.max
        try remove(name, at: directory, &left)
    }

    /// The same of at most `count` entries; false when there are more.
    static func remove(_ path: String, atMost count: Int) throws(SystemError) -> Bool {
        var left = count
        try remove(Array(path.utf8CString), at: AT_FDCWD, &left)
        return left > 0
    }

    /// Stops when `left` entries are gone.
    private static func remove(_ name: [CChar], at directory: Int32, _ left: inout Int) throws(SystemError) {
        left -= 1
        if unlinkat(directory, name, 0) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else {
            throw SystemError("unlink", EntryPath.text(name), code: errno)
        }
        if unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT { return }
        guard errno == ENOTEMPTY || errno == EEXIST else {
            throw SystemError("rmdir", EntryPath.text(name), code: errno)
        }
        try empty(name, at: directory, &left)
        if left <= 0 { return }
        if unlinkat(directory, name, AT_REMOVEDIR) != 0, errno != ENOENT {
            throw SystemError("rmdir", EntryPath.text(name), code: errno)
        }
    }

    /// Depth first with one open directory per level.
    private static func empty(_ name: [CChar], at directory: Int32, _ left: inout Int) throws(SystemError) {
        let opened = Descriptor(
            owning: try retrying("open", EntryPath.text(name)) {
                openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            })
        for child in try Directory.names(in: opened.raw) where left > 0 { try remove(child, at: opened.raw, &left) }
    }

    /// Bytes that the tree occupies as `du --apparent-size` would count files; a file with several names counts once.
    package static func size(_ path: String) -> Int64 {
        guard let opened = try? Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else { return 0 }
        var sum = Sum(chosen: nil)
        sum.add(opened, [])
        return sum.total
    }

    /// The same of some of its entries.
    static func size(_ root: borrowing Descriptor, of chosen: TreeSelection) -> Int64 {
        var sum = Sum(chosen: chosen)
        sum.add(root, [])
        return sum.total
    }

    private struct Sum {
        let chosen: TreeSelection?
        var total: Int64 = 0
        private var seen: Set<UInt64> = []

        init(chosen: TreeSelection?) {
            self.chosen = chosen
        }

        /// `path` ends with a slash, except the root's.
        mutating func add(_ directory: borrowing Descriptor, _ path: [UInt8]) {
            for name in (try? Directory.names(in: directory.raw)) ?? [] {
                let child = chosen == nil ? [] : path + name.dropLast().map { UInt8(bitPattern: $0) }
                if let chosen, !chosen.holds(child) { continue }
                var status = stat()
                guard fstatat(directory.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
                switch status.st_mode & S_IFMT {
                case S_IFDIR:
                    let opened = openat(directory.raw, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                    if opened >= 0 { add(Descriptor(owning: opened), child + [0x2f]) }
                case S_IFREG:
                    if status.st_nlink > 1, !seen.insert(UInt64(status.st_ino)).inserted { continue }
                    total += Int64(status.st_size)
                default: break
                }
            }
        }
    }
}
