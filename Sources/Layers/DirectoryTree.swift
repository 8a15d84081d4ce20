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
        if unlinkat(directory, name, 0) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else {
            throw SystemError("unlink", EntryPath.text(name), code: errno)
        }
        if unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT { return }
        guard errno == ENOTEMPTY || errno == EEXIST else {
            throw SystemError("rmdir", EntryPath.text(name), code: errno)
        }
        try empty(name, at: directory)
        if unlinkat(directory, name, AT_REMOVEDIR) != 0, errno != ENOENT {
            throw SystemError("rmdir", EntryPath.text(name), code: errno)
        }
    }

    /// Depth first with one open directory per level.
    private static func empty(_ name: [CChar], at directory: Int32) throws(SystemError) {
        let opened = try retrying("open", EntryPath.text(name)) {
            openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        }
        guard let stream = fdopendir(opened) else {
            close(opened)
            throw SystemError("open", EntryPath.text(name), code: errno)
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let child = self.name(of: entry)
            if child == [0x2e, 0] || child == [0x2e, 0x2e, 0] { continue }
            try remove(child, at: opened)
        }
    }

    /// Bytes that the tree occupies as `du --apparent-size` would count files; a file with several names counts once.
    package static func size(_ path: String) -> Int64 {
        let opened = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else { return 0 }
        var seen: Set<UInt64> = []
        return size(opened, &seen)
    }

    /// Closes `directory`.
    private static func size(_ directory: Int32, _ seen: inout Set<UInt64>) -> Int64 {
        guard let stream = fdopendir(directory) else {
            close(directory)
            return 0
        }
        defer { closedir(stream) }
        var total: Int64 = 0
        while let entry = readdir(stream) {
            let name = self.name(of: entry)
            if name == [0x2e, 0] || name == [0x2e, 0x2e, 0] { continue }
            var status = stat()
            guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                let child = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                if child >= 0 { total += size(child, &seen) }
            case S_IFREG:
                if status.st_nlink > 1, !seen.insert(UInt64(status.st_ino)).inserted { continue }
                total += Int64(status.st_size)
            default: break
            }
        }
        return total
    }

    private static func name(of entry: UnsafeMutablePointer<dirent>) -> [CChar] {
        withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
        }
    }
}
