internal import CLinux
internal import Glibc
internal import Linux
package import OCI
package import Store

/// A directory tree as a tar archive, read piece by piece: a container's whole root, or what it has changed.
///
/// Depth first, names sorted by their bytes, every attribute that a layer can hold; the root itself is not in it. The same
/// tree gives the same bytes. Sockets are left out, as Docker does.
package final class TreeArchive: ByteSource {
    /// What the tree holds.
    enum Form: Sendable {
        /// Files.
        case files
        /// The writable directory of an overlay: its whiteouts become those of image layers.
        case overlay
    }

    private struct Level {
        let directory: SharedDescriptor
        /// With a slash at the end, unless it is the root.
        let path: [UInt8]
        var names: ArraySlice<[CChar]>
    }

    private let form: Form
    private var levels: [Level]
    private var content: FileContent?
    private var links: [FileIdentity: [UInt8]] = [:]
    private var isAtEnd = false
    private let chosen: TreeSelection?
    /// Entries so far.
    private(set) var count: Int64 = 0
    /// Sum of the sizes of files so far, as ``LayerStore/Unpacked/size`` has it.
    package private(set) var size: Int64 = 0

    private var buffer: [UInt8] = []
    private static let capacity = 1 << 18

    /// - Parameter chosen: which entries to take; all when nil.
    init(_ root: consuming Descriptor, _ form: Form, choosing chosen: TreeSelection? = nil) throws(LayerError) {
        self.form = form
        self.chosen = chosen
        levels = []
        levels.append(try Self.level(SharedDescriptor(root), []))
        for gone in chosen?.gone(in: []) ?? [] { whiteout([], gone) }
    }

    package func next() throws(LayerError) -> [UInt8]? {
        buffer.reserveCapacity(Self.capacity)
        while buffer.count < Self.capacity, !isAtEnd {
            if let open = content {
                if try !open.append(to: &buffer, upTo: Self.capacity) { content = nil }
            } else if !levels.isEmpty {
                try step()
            } else {
                // Two blocks of zeros end an archive.
                buffer += [UInt8](repeating: 0, count: 2 * TarHeader.blockSize)
                isAtEnd = true
            }
        }
        defer { buffer = [] }
        return buffer.isEmpty ? nil : buffer
    }

    /// Writes the archive into `blob`: one thread reads files, one hashes, this one writes, which takes the longest
    /// where memory has to come first.
    ///
    /// - Returns: the digest to publish it as.
    package func write(into blob: BlobWriter) throws(LayerError) -> Digest {
        let archive = PlainInflater(PackedInput(start: [], source: self, blob: nil))
        let read = try ReadAhead(archive, of: self, isHashing: false)
        defer { read.stop() }
        let hashed = try ReadAhead(read, of: self, isHashing: true)
        defer { hashed.stop() }
        while true {
            let bytes = try hashed.next()
            if bytes.isEmpty { return hashed.digest }
            do {
                try blob.append(bytes)
            } catch {
                throw .store(error)
            }
        }
    }

    private static func level(_ directory: SharedDescriptor, _ path: [UInt8]) throws(LayerError) -> Level {
        do throws(SystemError) {
            let names = EntryPath.sorted(try Directory.names(in: directory.raw))
            return Level(directory: directory, path: path, names: names[...])
        } catch {
            throw .system(error)
        }
    }

    /// The next entry, or one level up.
    private func step() throws(LayerError) {
        guard let name = levels[levels.count - 1].names.popFirst() else {
            levels.removeLast()
            return
        }
        let level = levels[levels.count - 1]
        count += 1
        var status = stat()
        guard fstatat(level.directory.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            // A running container may have taken it away by now.
            if errno == ENOENT { return }
            throw .system(SystemError("stat", EntryPath.text(name), code: errno))
        }
        let bytes = name.dropLast().map { UInt8(bitPattern: $0) }
        let path = level.path + bytes
        if form == .overlay, status.isWhiteout {
            whiteout(level.path, bytes)
            return
        }
        if let chosen, !chosen.holds(path) { return }
        var header = TarHeader(name: path)
        header.mode = UInt32(status.st_mode & 0o7777)
        header.owner = status.st_uid
        header.group = status.st_gid
        header.seconds = Int64(status.st_mtim.tv_sec)
        header.nanoseconds = Int(status.st_mtim.tv_nsec)
        switch status.st_mode & S_IFMT {
        case S_IFDIR: try directory(&header, name, level)
        case S_IFLNK:
            header.kind = .symbolicLink
            header.target = try target(name, level)
            try finish(&header, name, level, status)
        case S_IFREG: try file(&header, name, level, status)
        case S_IFCHR, S_IFBLK:
            header.kind = status.st_mode & S_IFMT == S_IFCHR ? .character : .block
            let device = DeviceNumber(UInt64(status.st_rdev))
            header.major = device.major
            header.minor = device.minor
            try finish(&header, name, level, status)
        case S_IFIFO:
            header.kind = .fifo
            try finish(&header, name, level, status)
        default: return
        }
    }

    // MARK: Kinds

    private func whiteout(_ directory: [UInt8], _ name: [UInt8]) {
        var header = TarHeader(name: directory + Array(".wh.".utf8) + name)
        header.mode = 0
        buffer += header.bytes
    }

    private func directory(_ header: inout TarHeader, _ name: [CChar], _ level: Level) throws(LayerError) {
        let opened = openat(level.directory.raw, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if opened < 0 {
            if errno == ENOENT || errno == ENOTDIR { return }
            throw .system(SystemError("open", EntryPath.text(name), code: errno))
        }
        let directory = SharedDescriptor(Descriptor(owning: opened))
        header.kind = .directory
        header.name.append(0x2f)
        header.attributes = try FileAttributes.all(name, at: level.directory.raw)
        buffer += header.bytes
        if form == .overlay, FileAttributes.isOpaque(directory.raw) {
            var mark = TarHeader(name: header.name + Array(".wh..wh..opq".utf8))
            mark.mode = 0
            buffer += mark.bytes
        }
        levels.append(try Self.level(directory, header.name))
        for gone in chosen?.gone(in: header.name) ?? [] { whiteout(header.name, gone) }
    }

    private func target(_ name: [CChar], _ level: Level) throws(LayerError) -> [UInt8] {
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlinkat(level.directory.raw, name, &bytes, bytes.count)
        if count < 0 { throw .system(SystemError("readlink", EntryPath.text(name), code: errno)) }
        return bytes[..<count].map { UInt8(bitPattern: $0) }
    }

    private func file(
        _ header: inout TarHeader, _ name: [CChar], _ level: Level, _ status: stat
    ) throws(LayerError) {
        if isAnotherName(header, status) { return link(header, status) }
        let opened = openat(level.directory.raw, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        if opened < 0 {
            if errno == ENOENT { return }
            throw .system(SystemError("open", EntryPath.text(name), code: errno))
        }
        let file = Descriptor(owning: opened)
        var now = stat()
        guard fstat(file.raw, &now) == 0, now.st_mode & S_IFMT == S_IFREG else { return }
        header.attributes = try FileAttributes.all(name, at: level.directory.raw)
        let content = try FileContent(file, size: Int64(now.st_size), blocks: Int64(now.st_blocks))
        header.size = content.archivedSize
        size += Int64(now.st_size)
        if content.isSparse { header.sparseSize = Int64(now.st_size) }
        remember(header, status)
        buffer += header.bytes
        self.content = content
    }

    /// An entry without content.
    private func finish(
        _ header: inout TarHeader, _ name: [CChar], _ level: Level, _ status: stat
    ) throws(LayerError) {
        if isAnotherName(header, status) { return link(header, status) }
        header.attributes = try FileAttributes.all(name, at: level.directory.raw)
        remember(header, status)
        buffer += header.bytes
    }

    // MARK: Hard links

    private struct FileIdentity: Hashable {
        let device: UInt64
        let number: UInt64

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            number = UInt64(status.st_ino)
        }
    }

    private func isAnotherName(_ header: TarHeader, _ status: stat) -> Bool {
        status.st_nlink > 1 && links[FileIdentity(status)] != nil
    }

    private func remember(_ header: TarHeader, _ status: stat) {
        if status.st_nlink > 1 { links[FileIdentity(status)] = header.name }
    }

    private func link(_ header: TarHeader, _ status: stat) {
        var header = header
        header.kind = .link
        header.target = links[FileIdentity(status)] ?? []
        header.major = 0
        header.minor = 0
        buffer += header.bytes
    }
}

/// Which entries of a tree belong in an archive, and which are missing from it. Paths have no slash at the end.
struct TreeSelection: Sendable {
    private let kept: Set<[UInt8]>
    private let gone: [[UInt8]: [[UInt8]]]

    /// - Parameters:
    ///   - kept: entries to take, with all their parents.
    ///   - gone: entries that stand in the archive as whiteouts.
    init(kept: Set<[UInt8]>, gone: Set<[UInt8]>) {
        self.kept = kept
        var byParent: [[UInt8]: [[UInt8]]] = [:]
        for path in gone {
            let slash = path.lastIndex(of: 0x2f).map { $0 + 1 } ?? 0
            byParent[Array(path[..<slash]), default: []].append(Array(path[slash...]))
        }
        self.gone = byParent.mapValues { $0.sorted { $0.lexicographicallyPrecedes($1) } }
    }

    func holds(_ path: [UInt8]) -> Bool { kept.contains(path) }

    /// Names; `directory` ends with a slash, the root is empty.
    func gone(in directory: [UInt8]) -> [[UInt8]] { gone[directory] ?? [] }
}
