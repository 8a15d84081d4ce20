internal import CArchive
internal import CLinux
internal import Glibc
internal import JSON
internal import Linux

/// Extracts archive entries into one directory and nowhere else.
///
/// Parent directories are resolved by openat2 with the layer as root, so that links in the archive cannot lead outside; the last
/// component is never followed (CVE-2021-32760, CVE-2025-47290). Owner is set first, because chown clears set-id bits and
/// capabilities; then attributes, mode, times. Times of directories are set at the end.
final class LayerExtractor {
    private let root: Descriptor
    /// The parent directory of the last entry: archives are usually sorted.
    private var recent: (path: [CChar], directory: SharedDescriptor)?
    private var directoryTimes: [[CChar]: (seconds: Int64, nanoseconds: Int)] = [:]
    /// The length of all paths in `directoryTimes`: five million directories with paths of 4000 bytes would exhaust memory.
    private var directoryBytes = 0
    private static let directoryBytesLimit = 128 << 20
    /// Sum of the sizes of regular files: what Docker calls the size of a layer.
    private(set) var size: Int64 = 0

    init(root: consuming Descriptor) {
        self.root = root
    }

    /// More files than any realistic image has.
    private static let entriesLimit = 5_000_000
    private var entries = 0

    /// Extracts the entry whose header was just read.
    func place(_ entry: OpaquePointer, from archive: OpaquePointer, of input: ArchiveInput) throws(LayerError) {
        entries += 1
        if entries > Self.entriesLimit { throw .corrupt("more than \(Self.entriesLimit) entries") }
        guard let name = archive_entry_pathname(entry) else {
            throw .corrupt("an entry has no readable name")
        }
        guard let path = EntryPath(name) else { throw .escape(String(cString: name)) }
        if !Self.hasValidNumbers(entry) {
            throw .corrupt("entry \(path.text) has an owner, size or device number out of range")
        }
        if path.isRoot {
            if archive_entry_filetype(entry) == Self.directory { try adoptRoot(entry) }
            return
        }
        let parent = try directory(path.components.dropLast())
        let leaf = path.leaf
        if leaf.starts(with: Self.whiteoutPrefix) {
            try whiteout(leaf, in: parent)
            return
        }
        if archive_entry_hardlink(entry) != nil {
            try link(entry, as: leaf, in: parent)
            return
        }
        switch archive_entry_filetype(entry) & Self.kinds {
        case Self.regular: try file(entry, leaf, in: parent, archive, input)
        case Self.directory: try makeDirectory(entry, leaf, in: parent, path)
        case Self.symbolicLink: try symbolicLink(entry, leaf, in: parent)
        case Self.character, Self.block, Self.fifo: try node(entry, leaf, in: parent)
        default: throw .corrupt("entry \(path.text) has an unknown type")
        }
    }

    /// Sets the times of directories; extracting entries has changed them.
    func finish() throws(LayerError) {
        recent = nil
        for (path, time) in directoryTimes {
            let opened = linux_fs_open_in_root(root.raw, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
            guard opened >= 0 else { continue }
            let directory = Descriptor(owning: Int32(opened))
            try check("utimensat", path) {
                linux_fs_set_times(directory.raw, time.seconds, time.nanoseconds)
            }
        }
    }

    // MARK: Parents

    /// The directory at `components`; missing ones are created with mode 0755 and owner root.
    private func directory(_ components: ArraySlice<[UInt8]>) throws(LayerError) -> SharedDescriptor {
        let path = EntryPath.joined(components)
        if let recent, recent.path == path { return recent.directory }
        // Search upwards for the deepest directory that exists, then create downwards: up to 2000 may be missing.
        var missing = 0
        var found = try existing(path, mayBeMissing: !components.isEmpty)
        while found == nil {
            missing += 1
            let above = components.dropLast(missing)
            found = try existing(EntryPath.joined(above), mayBeMissing: !above.isEmpty)
        }
        while missing > 0, let above = found {
            missing -= 1
            let made = components.dropLast(missing)
            let leaf = EntryPath.joined(made.suffix(1))
            if mkdirat(above.raw, leaf, 0o755) == 0 {
                _ = fchmodat(above.raw, leaf, 0o755, 0)
            } else if errno != EEXIST {
                throw .system(SystemError("mkdir", EntryPath.text(path), code: errno))
            }
            found = try existing(EntryPath.joined(made), mayBeMissing: false)
        }
        guard let found else { throw .system(SystemError("open", EntryPath.text(path), code: ENOENT)) }
        recent = (path, found)
        return found
    }

    private func existing(_ path: [CChar], mayBeMissing: Bool) throws(LayerError) -> SharedDescriptor? {
        let opened = linux_fs_open_in_root(root.raw, path, O_RDONLY | O_DIRECTORY, 0)
        if opened == -Int(ENOENT), mayBeMissing { return nil }
        guard opened >= 0 else {
            throw .system(SystemError("open", EntryPath.text(path), code: Int32(-opened)))
        }
        return SharedDescriptor(Descriptor(owning: Int32(opened)))
    }

    /// Removes what is at the path of a new entry. The cached parent is dropped because it may have been removed with it.
    private func clear(_ leaf: [CChar], in parent: SharedDescriptor) throws(LayerError) {
        recent = nil
        do throws(SystemError) {
            try DirectoryTree.remove(leaf, at: parent.raw)
        } catch {
            throw .system(error)
        }
    }

    /// Runs a call that creates `leaf`; if something exists there, removes it and tries again.
    private func create(
        _ operation: String, _ leaf: [CChar], in parent: SharedDescriptor, _ body: () -> Int
    ) throws(LayerError) -> Int {
        var result = body()
        if result == -Int(EEXIST) {
            try clear(leaf, in: parent)
            result = body()
        }
        guard result >= 0 else {
            throw .system(SystemError(operation, EntryPath.text(leaf), code: Int32(-result)))
        }
        return result
    }

    private func check(_ operation: String, _ path: [CChar], _ body: () -> Int) throws(LayerError) {
        let result = body()
        if result < 0 { throw .system(SystemError(operation, EntryPath.text(path), code: Int32(-result))) }
    }

    private static func answer(_ result: Int32) -> Int { result < 0 ? -Int(errno) : Int(result) }

    // MARK: Kinds

    // stat(2). Defined here because two imported modules define these constants with different types.
    private static let kinds: mode_t = 0o170000
    private static let regular: mode_t = 0o100000
    private static let directory: mode_t = 0o040000
    private static let symbolicLink: mode_t = 0o120000
    private static let character: mode_t = 0o020000
    private static let block: mode_t = 0o060000
    private static let fifo: mode_t = 0o010000

    private func file(
        _ entry: OpaquePointer, _ leaf: [CChar], in parent: SharedDescriptor, _ archive: OpaquePointer,
        _ input: ArchiveInput
    ) throws(LayerError) {
        let mode = Self.mode(entry) & 0o777
        let opened = try create("open", leaf, in: parent) {
            Self.answer(openat(parent.raw, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode))
        }
        let file = Descriptor(owning: Int32(opened))
        var (end, length): (Int64, Int64) = (0, 0)
        while true {
            var bytes: UnsafeRawPointer?
            var count = 0
            var offset: Int64 = 0
            input.beginCall()
            let result = archive_read_data_block(archive, &bytes, &count, &offset)
            if result == ARCHIVE_EOF { break }
            guard result == ARCHIVE_OK || result == ARCHIVE_WARN else {
                throw .corrupt(Self.reason(archive))
            }
            // The sparse map is untrusted: its offsets may overflow.
            let (blockEnd, isBeyond) = offset.addingReportingOverflow(Int64(count))
            guard offset >= 0, !isBeyond else {
                throw .corrupt("entry \(EntryPath.text(leaf)) has data beyond the end of any file")
            }
            for start in stride(from: 0, to: count, by: Self.holeSize) {
                let piece = UnsafeRawBufferPointer(
                    start: bytes.map { $0 + start }, count: min(Self.holeSize, count - start))
                // Blocks of zeros become holes, whether they were holes before or not.
                if piece.count == Self.holeSize, Self.isZero(piece) { continue }
                try write(piece, to: file.raw, at: Int(offset) + start, leaf)
                end = offset + Int64(start + piece.count)
            }
            length = max(length, blockEnd)
        }
        let whole = max(archive_entry_size(entry), length)
        if whole > end {
            // The file ends with a hole.
            try check("ftruncate", leaf) { Self.answer(ftruncate(file.raw, Int(whole))) }
        }
        size = size.saturatingAdd(whole)
        try adopt(entry, file.raw, leaf)
    }

    private static let holeSize = 1 << 15

    private static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress, bytes.prefix(16).allSatisfy({ $0 == 0 }) else { return false }
        return memcmp(start, start + 16, bytes.count - 16) == 0
    }

    private func write(
        _ bytes: UnsafeRawBufferPointer, to file: Int32, at offset: Int, _ leaf: [CChar]
    ) throws(LayerError) {
        var done = 0
        while done < bytes.count {
            let written = pwrite(file, bytes.baseAddress.map { $0 + done }, bytes.count - done, offset + done)
            if written >= 0 {
                done += written
            } else if errno != EINTR {
                throw .system(SystemError("write", EntryPath.text(leaf), code: errno))
            }
        }
    }

    private func makeDirectory(
        _ entry: OpaquePointer, _ leaf: [CChar], in parent: SharedDescriptor, _ path: EntryPath
    ) throws(LayerError) {
        var wasWhiteout = false
        if mkdirat(parent.raw, leaf, 0o700) != 0 {
            guard errno == EEXIST else { throw .system(SystemError("mkdir", path.text, code: errno)) }
            var status = stat()
            guard fstatat(parent.raw, leaf, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                throw .system(SystemError("stat", path.text, code: errno))
            }
            if status.st_mode & Self.kinds != Self.directory {
                wasWhiteout = status.st_mode & Self.kinds == Self.character && status.st_rdev == 0
                try clear(leaf, in: parent)
                try check("mkdir", leaf) { Self.answer(mkdirat(parent.raw, leaf, 0o700)) }
            }
        }
        let directory = Descriptor(
            owning: try open(leaf, in: parent, O_RDONLY | O_DIRECTORY))
        if wasWhiteout { try markOpaque(directory.raw) }
        try adopt(entry, directory.raw, leaf, times: false)
        try note(Self.time(entry), of: path.path)
    }

    private func note(_ time: (seconds: Int64, nanoseconds: Int), of path: [CChar]) throws(LayerError) {
        if directoryTimes.updateValue(time, forKey: path) != nil { return }
        directoryBytes += path.count
        if directoryBytes > Self.directoryBytesLimit {
            throw .corrupt("the paths of its directories are longer than \(Self.directoryBytesLimit) bytes")
        }
    }

    private func adoptRoot(_ entry: OpaquePointer) throws(LayerError) {
        let directory = Descriptor(owning: try open([0x2e, 0], in: root.raw, O_RDONLY | O_DIRECTORY))
        try adopt(entry, directory.raw, [0x2f, 0], times: false)
        directoryTimes[[0x2e, 0]] = Self.time(entry)
    }

    private func symbolicLink(
        _ entry: OpaquePointer, _ leaf: [CChar], in parent: SharedDescriptor
    ) throws(LayerError) {
        guard let target = archive_entry_symlink(entry) else {
            throw .corrupt("link \(EntryPath.text(leaf)) has no readable target")
        }
        _ = try create("symlink", leaf, in: parent) { Self.answer(symlinkat(target, parent.raw, leaf)) }
        try adoptUnopened(entry, leaf, in: parent)
    }

    private func node(_ entry: OpaquePointer, _ leaf: [CChar], in parent: SharedDescriptor) throws(LayerError) {
        let kind = archive_entry_filetype(entry) & Self.kinds
        let major = UInt32(truncatingIfNeeded: archive_entry_rdevmajor(entry))
        let minor = UInt32(truncatingIfNeeded: archive_entry_rdevminor(entry))
        _ = try create("mknod", leaf, in: parent) {
            linux_fs_make_node(
                parent.raw, leaf, kind | 0o600, kind == Self.fifo ? 0 : major, kind == Self.fifo ? 0 : minor)
        }
        try adoptUnopened(entry, leaf, in: parent)
        // Does not follow a link: the node was just created.
        try check("chmod", leaf) { Self.answer(fchmodat(parent.raw, leaf, Self.mode(entry), 0)) }
        let time = Self.time(entry)
        try check("utimensat", leaf) {
            linux_fs_set_times_at(parent.raw, leaf, time.seconds, time.nanoseconds)
        }
    }

    /// Creates a hard link to an earlier entry of the same layer; its attributes are not changed.
    private func link(_ entry: OpaquePointer, as leaf: [CChar], in parent: SharedDescriptor) throws(LayerError) {
        guard let name = archive_entry_hardlink(entry) else { return }
        guard let target = EntryPath(name), !target.isRoot else { throw .escape(String(cString: name)) }
        let opened = linux_fs_open_in_root(
            root.raw, EntryPath.joined(target.components.dropLast()), linux_fs_path_only | O_DIRECTORY, 0)
        guard opened >= 0 else {
            throw .system(SystemError("link", String(cString: name), code: Int32(-opened)))
        }
        let directory = Descriptor(owning: Int32(opened))
        let targetLeaf = target.leaf
        if targetLeaf == leaf {
            var (one, two) = (stat(), stat())
            if fstat(directory.raw, &one) == 0, fstat(parent.raw, &two) == 0, one.st_ino == two.st_ino,
                one.st_dev == two.st_dev
            {
                return
            }
        }
        _ = try create("link", leaf, in: parent) {
            Self.answer(linkat(directory.raw, targetLeaf, parent.raw, leaf, 0))
        }
    }

    // MARK: Whiteouts

    private static let whiteoutPrefix: [CChar] = [0x2e, 0x77, 0x68, 0x2e]
    private static let opaqueName = Array(".wh..wh..opq".utf8CString)

    /// Translates an image whiteout (`.wh.NAME`) to overlayfs's form: character device 0:0, or an attribute of the directory.
    private func whiteout(_ leaf: [CChar], in parent: SharedDescriptor) throws(LayerError) {
        if leaf == Self.opaqueName {
            try markOpaque(parent.raw)
            return
        }
        let name = Array(leaf.dropFirst(Self.whiteoutPrefix.count))
        // Files that AUFS kept for itself under this prefix.
        if name.starts(with: Self.whiteoutPrefix) { return }
        if name == [0] || name == [0x2e, 0] || name == [0x2e, 0x2e, 0] {
            throw .escape(EntryPath.text(leaf))
        }
        let made = linux_fs_make_node(parent.raw, name, Self.character, 0, 0)
        if made == -Int(EEXIST) {
            // A whiteout hides lower layers only: what this layer itself has under the name stays.
            let opened = openat(parent.raw, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            if opened >= 0 {
                let directory = Descriptor(owning: opened)
                try markOpaque(directory.raw)
            }
        } else if made < 0 {
            throw .system(SystemError("mknod", EntryPath.text(name), code: Int32(-made)))
        }
    }

    private func markOpaque(_ directory: Int32) throws(LayerError) {
        try check("setxattr", [0x2e, 0]) {
            linux_fs_set_attribute(directory, "trusted.overlay.opaque", "y", 1)
        }
    }

    // MARK: Attributes

    private func open(_ leaf: [CChar], in parent: SharedDescriptor, _ flags: Int32) throws(LayerError) -> Int32 {
        try open(leaf, in: parent.raw, flags)
    }

    private func open(_ leaf: [CChar], in parent: Int32, _ flags: Int32) throws(LayerError) -> Int32 {
        let opened = openat(parent, leaf, flags | O_NOFOLLOW | O_CLOEXEC)
        if opened < 0 { throw .system(SystemError("open", EntryPath.text(leaf), code: errno)) }
        return opened
    }

    private func adopt(
        _ entry: OpaquePointer, _ file: Int32, _ leaf: [CChar], times: Bool = true
    ) throws(LayerError) {
        // Checked first, because most files are created with the right owner and mode, and fstat is cheaper than chown and chmod.
        // Exceptions: a set-group-id directory passes its group on, and the umask clears bits.
        var made = stat()
        try check("stat", leaf) { Self.answer(fstat(file, &made)) }
        let (owner, group) = Self.owner(entry)
        if made.st_uid != owner || made.st_gid != group {
            try check("chown", leaf) { Self.answer(fchown(file, owner, group)) }
        }
        let isChanged = try attributes(entry, leaf) { name, value, length in
            linux_fs_set_attribute(file, name, value, length)
        }
        if isChanged || made.st_mode & 0o7777 != Self.mode(entry) {
            try check("chmod", leaf) { Self.answer(fchmod(file, Self.mode(entry))) }
        }
        if times {
            let time = Self.time(entry)
            try check("utimensat", leaf) { linux_fs_set_times(file, time.seconds, time.nanoseconds) }
        }
    }

    /// For files that cannot be opened: symbolic links and devices.
    private func adoptUnopened(
        _ entry: OpaquePointer, _ leaf: [CChar], in parent: SharedDescriptor
    ) throws(LayerError) {
        var made = stat()
        try check("stat", leaf) { Self.answer(fstatat(parent.raw, leaf, &made, AT_SYMLINK_NOFOLLOW)) }
        let (owner, group) = Self.owner(entry)
        if made.st_uid != owner || made.st_gid != group {
            try check("chown", leaf) { Self.answer(fchownat(parent.raw, leaf, owner, group, AT_SYMLINK_NOFOLLOW)) }
        }
        _ = try attributes(entry, leaf) { name, value, length in
            linux_fs_set_attribute_at(parent.raw, leaf, name, value, length)
        }
        let time = Self.time(entry)
        try check("utimensat", leaf) {
            linux_fs_set_times_at(parent.raw, leaf, time.seconds, time.nanoseconds)
        }
    }

    /// Sets the extended attributes; returns whether there were any.
    private func attributes(
        _ entry: OpaquePointer, _ leaf: [CChar],
        _ set: (UnsafePointer<CChar>, UnsafeRawPointer?, Int) -> Int
    ) throws(LayerError) -> Bool {
        var isChanged = false
        for (name, value) in AccessControlList.attributes(entry) {
            isChanged = true
            let result = set(name, value, value.count)
            // A file system without these attributes is no reason to refuse a layer.
            if result == -Int(ENOSPC) {
                throw .system(SystemError("setxattr", EntryPath.text(leaf), code: ENOSPC))
            }
        }
        guard archive_entry_xattr_reset(entry) > 0 else { return isChanged }
        while true {
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var length = 0
            guard archive_entry_xattr_next(entry, &name, &value, &length) == ARCHIVE_OK, let name else { return true }
            guard FileAttributes.belongsInImage(String(cString: name)) else { continue }
            let result = set(name, value, length)
            let isCapability = strcmp(name, "security.capability") == 0
            if result < 0, isCapability || result == -Int(ENOSPC) {
                throw .system(
                    SystemError("setxattr", EntryPath.text(leaf), code: Int32(-result)))
            }
        }
    }

    private static func owner(_ entry: OpaquePointer) -> (uid_t, gid_t) {
        (
            uid_t(truncatingIfNeeded: archive_entry_uid(entry)),
            gid_t(truncatingIfNeeded: archive_entry_gid(entry))
        )
    }

    /// Refuses numbers that would be truncated: owner 4294967296 would become root, and -1 would leave the owner unchanged.
    private static func hasValidNumbers(_ entry: OpaquePointer) -> Bool {
        let ids = Int64(Int32.min)..<Int64(UInt32.max)
        let (user, group) = (archive_entry_uid(entry), archive_entry_gid(entry))
        guard ids.contains(user), ids.contains(group), user != -1, group != -1 else { return false }
        if archive_entry_size(entry) < 0 { return false }
        let kind = archive_entry_filetype(entry) & kinds
        guard kind == character || kind == block else { return true }
        // 12 and 20 bits (linux/kdev_t.h).
        return UInt64(archive_entry_rdevmajor(entry)) < 1 << 12 && UInt64(archive_entry_rdevminor(entry)) < 1 << 20
    }

    private static func mode(_ entry: OpaquePointer) -> mode_t { archive_entry_perm(entry) & 0o7777 }

    private static func time(_ entry: OpaquePointer) -> (seconds: Int64, nanoseconds: Int) {
        let (seconds, nanoseconds) = (Int64(archive_entry_mtime(entry)), archive_entry_mtime_nsec(entry))
        // libarchive 3.6 reads -1.5 as -1 and +0.5.
        guard seconds < 0, nanoseconds > 0 else { return (seconds, nanoseconds) }
        return (seconds.saturatingSubtract(1), 1_000_000_000 - nanoseconds)
    }

    static func reason(_ archive: OpaquePointer) -> String {
        archive_error_string(archive).map { String(cString: $0).lowercased() } ?? "unreadable archive"
    }
}

extension EntryPath {
    var text: String { Self.text(path) }
}
