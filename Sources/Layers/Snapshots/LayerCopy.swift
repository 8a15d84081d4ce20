internal import CLinux
internal import Glibc
internal import Linux

/// Copies a layer's directory onto a tree with the result that overlayfs would show, whiteouts included.
struct LayerCopy: ~Copyable {
    private var source: TreeWalk
    private var target: DirectoryChain
    private let root: Int32
    /// Created at the first file with several hard links.
    private var links: LinkDirectory?

    static func apply(_ layer: String, onto root: String) throws(LayerError) {
        do throws(SystemError) {
            let root = try Descriptor.open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            let number = root.raw
            var copy = LayerCopy(try Descriptor.open(layer, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), root, number)
            try copy.merge()
        } catch {
            throw .system(error)
        }
    }

    private init(_ layer: consuming Descriptor, _ root: consuming Descriptor, _ number: Int32) {
        source = TreeWalk(layer)
        target = DirectoryChain(root)
        self.root = number
    }

    private mutating func merge() throws(SystemError) {
        while true {
            if let name = try source.next() {
                try place(name)
                continue
            }
            if source.depth == 0 { break }
            try adoptDirectory()
            try source.leave()
            try target.leave()
        }
        // Before the root's time is set, because the removal changes it.
        try links?.remove()
        try adoptDirectory()
    }

    private func adoptDirectory() throws(SystemError) {
        var status = stat()
        guard fstat(source.directory, &status) == 0 else { throw SystemError("stat", code: errno) }
        try adopt([0x2e, 0], status)
    }

    private mutating func place(_ name: [CChar]) throws(SystemError) {
        let text = EntryPath.text(name)
        var status = stat()
        guard fstatat(source.directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            throw SystemError("stat", text, code: errno)
        }
        let kind = status.st_mode & S_IFMT
        var old = stat()
        let isThere = fstatat(target.raw, name, &old, AT_SYMLINK_NOFOLLOW) == 0
        if kind == S_IFDIR {
            try source.enter(name)
            let hides = FileAttributes.isOpaque(source.directory)
            if isThere, hides || old.st_mode & S_IFMT != S_IFDIR { try DirectoryTree.remove(name, at: target.raw) }
            if mkdirat(target.raw, name, 0o700) != 0, errno != EEXIST {
                throw SystemError("mkdir", text, code: errno)
            }
            try target.enter(name)
            return
        }
        if isThere { try DirectoryTree.remove(name, at: target.raw) }
        if status.isWhiteout { return }
        if status.st_nlink > 1 {
            if links == nil { links = try LinkDirectory(in: root) }
            if try links?.link(status, as: name, in: target.raw) == true { return }
        }
        switch kind {
        case S_IFREG: try copy(name)
        case S_IFLNK:
            var bytes = [CChar](repeating: 0, count: 4097)
            guard readlinkat(source.directory, name, &bytes, 4096) >= 0 else {
                throw SystemError("readlink", text, code: errno)
            }
            try retrying("symlink", text) { symlinkat(bytes, target.raw, name) }
        default:
            let device = DeviceNumber(UInt64(status.st_rdev))
            try checking("mknod", text) {
                linux_fs_make_node(target.raw, name, status.st_mode, device.major, device.minor)
            }
        }
        try adopt(name, status)
        if status.st_nlink > 1 { try links?.record(status, name, in: target.raw) }
    }

    private func copy(_ name: [CChar]) throws(SystemError) {
        let (directory, place) = (source.directory, target.raw)
        let from = Descriptor(
            owning: try retrying("open", EntryPath.text(name)) {
                openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
            })
        let to = Descriptor(
            owning: try retrying("open", EntryPath.text(name)) {
                openat(place, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            })
        // A reflink, where the file system supports it.
        if linux_fs_clone(to.raw, from.raw) >= 0 { return }
        var status = stat()
        guard fstat(from.raw, &status) == 0 else { throw SystemError("stat", code: errno) }
        try retrying("ftruncate", EntryPath.text(name)) { ftruncate(to.raw, status.st_size) }
        var offset: Int64 = 0
        while offset < Int64(status.st_size) {
            let start = linux_fs_seek_data(from.raw, offset)
            if start == -Int(ENXIO) { return }
            // The file system does not report holes: copy everything as data.
            let end = start < 0 ? Int(status.st_size) : linux_fs_seek_hole(from.raw, Int64(start))
            guard end > start else { throw SystemError("seek", EntryPath.text(name), code: Int32(clamping: -end)) }
            try copy(from, to, max(offset, Int64(start)), Int64(end))
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
    private func adopt(_ name: [CChar], _ status: stat) throws(SystemError) {
        let text = EntryPath.text(name)
        let (directory, place) = (source.directory, target.raw)
        try retrying("chown", text) { fchownat(place, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) }
        // A file whose attributes cannot be read is copied without them.
        for (attribute, value) in (try? FileAttributes.all(name, at: directory)) ?? [] {
            let key = attribute.map { CChar(bitPattern: $0) } + [0]
            try checking("setxattr", text) {
                linux_fs_set_attribute_at(place, name, key, value, value.count)
            }
        }
        if status.st_mode & S_IFMT != S_IFLNK {
            try retrying("chmod", text) { fchmodat(place, name, status.st_mode & 0o7777, 0) }
        }
        try checking("utimensat", text) {
            linux_fs_set_times_at(place, name, Int64(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec))
        }
    }
}

/// A temporary directory with one hard link for every copied file that has several. On disk, because a layer may have any number
/// of them, and memory and descriptors are limited.
private struct LinkDirectory: ~Copyable {
    private let directory: Descriptor
    private let parent: Int32
    private let name: String

    /// - Parameter parent: open as long as this value lives, on the file system of the copies.
    init(in parent: Int32) throws(SystemError) {
        self.parent = parent
        let name = ".links-" + String(UInt64.random(in: 0 ... .max), radix: 16)
        self.name = name
        try retrying("mkdir", name) { mkdirat(parent, name, 0o700) }
        directory = try Descriptor.open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, at: parent)
    }

    private static func key(_ status: stat) -> String { "\(status.st_dev)-\(status.st_ino)" }

    /// Records the copy of a file.
    func record(_ status: stat, _ copy: [CChar], in place: Int32) throws(SystemError) {
        let (key, into) = (Self.key(status), directory.raw)
        try retrying("link", EntryPath.text(copy)) { linkat(place, copy, into, key, 0) }
    }

    /// Hard-links the recorded copy under another name; false when the file has not been copied yet.
    func link(_ status: stat, as name: [CChar], in place: Int32) throws(SystemError) -> Bool {
        let key = Self.key(status)
        if linkat(directory.raw, key, place, name, 0) == 0 { return true }
        if errno == ENOENT { return false }
        // The file system's limit of links is reached (EMLINK): use the temporary directory's own link.
        guard errno == EMLINK, renameat(directory.raw, key, place, name) == 0 else {
            throw SystemError("link", EntryPath.text(name), code: errno)
        }
        return true
    }

    func remove() throws(SystemError) { try DirectoryTree.remove(name, at: parent) }
}
