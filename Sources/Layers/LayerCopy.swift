internal import CLinux
internal import Glibc
internal import Linux

/// Lays a layer's directory over a tree, as the overlay would show both.
struct LayerCopy {
    /// Names of files that have several, by device and number.
    private var links: [[UInt64]: (directory: SharedDescriptor, name: [CChar])] = [:]

    static func apply(_ layer: String, onto root: String) throws(LayerError) {
        do throws(SystemError) {
            var copy = LayerCopy()
            try copy.merge(
                SharedDescriptor(try Descriptor.open(layer, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)),
                SharedDescriptor(try Descriptor.open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)))
        } catch {
            throw .system(error)
        }
    }

    private mutating func merge(_ source: SharedDescriptor, _ target: SharedDescriptor) throws(SystemError) {
        for name in try Directory.names(in: source.raw) { try place(name, source, target) }
        var status = stat()
        guard fstat(source.raw, &status) == 0 else { throw SystemError("stat", code: errno) }
        try adopt([0x2e, 0], status, source, target, [0x2e, 0])
    }

    private mutating func place(
        _ name: [CChar], _ source: SharedDescriptor, _ target: SharedDescriptor
    ) throws(SystemError) {
        let text = EntryPath.text(name)
        var status = stat()
        guard fstatat(source.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            throw SystemError("stat", text, code: errno)
        }
        let kind = status.st_mode & S_IFMT
        var old = stat()
        let isThere = fstatat(target.raw, name, &old, AT_SYMLINK_NOFOLLOW) == 0
        if kind == S_IFDIR {
            let directory = SharedDescriptor(try open(name, O_RDONLY | O_DIRECTORY, source))
            let hides = FileAttributes.isOpaque(directory.raw)
            if isThere, hides || old.st_mode & S_IFMT != S_IFDIR { try DirectoryTree.remove(name, at: target.raw) }
            if mkdirat(target.raw, name, 0o700) != 0, errno != EEXIST {
                throw SystemError("mkdir", text, code: errno)
            }
            try merge(directory, SharedDescriptor(try open(name, O_RDONLY | O_DIRECTORY, target)))
            return
        }
        if isThere { try DirectoryTree.remove(name, at: target.raw) }
        if status.isWhiteout { return }
        let identity = [UInt64(status.st_dev), UInt64(status.st_ino)]
        if status.st_nlink > 1, let first = links[identity] {
            try retrying("link", text) { linkat(first.directory.raw, first.name, target.raw, name, 0) }
            return
        }
        switch kind {
        case S_IFREG: try copy(name, source, target)
        case S_IFLNK:
            var bytes = [CChar](repeating: 0, count: 4097)
            guard readlinkat(source.raw, name, &bytes, 4096) >= 0 else {
                throw SystemError("readlink", text, code: errno)
            }
            try retrying("symlink", text) { symlinkat(bytes, target.raw, name) }
        default:
            let device = DeviceNumber(UInt64(status.st_rdev))
            try checking("mknod", text) {
                linux_fs_make_node(target.raw, name, status.st_mode, device.major, device.minor)
            }
        }
        if status.st_nlink > 1 { links[identity] = (target, name) }
        try adopt(name, status, source, target, name)
    }

    private func open(
        _ name: [CChar], _ flags: Int32, _ directory: SharedDescriptor
    ) throws(SystemError) -> Descriptor {
        Descriptor(
            owning: try retrying("open", EntryPath.text(name)) {
                openat(directory.raw, name, flags | O_NOFOLLOW | O_CLOEXEC)
            })
    }

    private func copy(
        _ name: [CChar], _ source: SharedDescriptor, _ target: SharedDescriptor
    ) throws(SystemError) {
        let from = try open(name, O_RDONLY, source)
        let to = Descriptor(
            owning: try retrying("open", EntryPath.text(name)) {
                openat(target.raw, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            })
        // One copy of the blocks for both, where the file system can.
        if linux_fs_clone(to.raw, from.raw) >= 0 { return }
        var status = stat()
        guard fstat(from.raw, &status) == 0 else { throw SystemError("stat", code: errno) }
        try retrying("ftruncate", EntryPath.text(name)) { ftruncate(to.raw, status.st_size) }
        var offset: Int64 = 0
        while offset < Int64(status.st_size) {
            let start = linux_fs_seek_data(from.raw, offset)
            if start == -Int(ENXIO) { return }
            let end = start < 0 ? Int(status.st_size) : linux_fs_seek_hole(from.raw, Int64(start))
            try copy(from, to, Int64(max(0, start)), Int64(end))
            offset = Int64(end)
        }
    }

    private func copy(
        _ from: borrowing Descriptor, _ to: borrowing Descriptor, _ start: Int64, _ end: Int64
    ) throws(SystemError) {
        var offset = start
        var buffer = [UInt8](repeating: 0, count: 1 << 17)
        while offset < end {
            let count = pread(from.raw, &buffer, min(buffer.count, Int(end - offset)), Int(offset))
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw SystemError("read", code: errno) }
            if count == 0 { return }
            var done = 0
            while done < count {
                let written = buffer.withUnsafeBytes {
                    pwrite(to.raw, $0.baseAddress.map { $0 + done }, count - done, Int(offset) + done)
                }
                if written < 0, errno != EINTR { throw SystemError("write", code: errno) }
                done += max(0, written)
            }
            offset += Int64(count)
        }
    }

    /// Owner first, because chown clears set-id bits and capabilities; then attributes, mode, times.
    private func adopt(
        _ name: [CChar], _ status: stat, _ source: SharedDescriptor, _ target: SharedDescriptor, _ shown: [CChar]
    ) throws(SystemError) {
        let text = EntryPath.text(shown)
        try retrying("chown", text) {
            fchownat(target.raw, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW)
        }
        for (attribute, value) in (try? FileAttributes.all(name, at: source.raw)) ?? [] {
            let key = attribute.map { CChar(bitPattern: $0) } + [0]
            try checking("setxattr", text) {
                linux_fs_set_attribute_at(target.raw, name, key, value, value.count)
            }
        }
        if status.st_mode & S_IFMT != S_IFLNK {
            try retrying("chmod", text) { fchmodat(target.raw, name, status.st_mode & 0o7777, 0) }
        }
        try checking("utimensat", text) {
            linux_fs_set_times_at(target.raw, name, Int64(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec))
        }
    }
}
