internal import JSON
internal import CLinux
internal import Glibc
internal import Linux
package import OCI
package import Store

/// Reads a directory tree as a tar archive: a container's whole root, or its changes.
///
/// Depth first, names sorted by their bytes, with every attribute that a layer can hold; without an entry for the root. The same
/// tree always gives the same bytes. Sockets are left out, as Docker does.
package final class TreeArchive: ByteSource {
    /// How to interpret the tree.
    enum Form: Sendable {
        /// Ordinary files.
        case files
        /// The upper directory of an overlay: its whiteouts are written as image whiteouts.
        case overlay
    }

    private let form: Form
    private var walk: TreeWalk
    private var hasMore = true
    private var content: FileContent?
    /// Files with several hard links, until the last link was seen.
    private var links: [FileIdentity: (name: [UInt8], left: UInt)] = [:]
    private var isAtEnd = false
    private let chosen: TreeSelection?
    /// Entries so far.
    private(set) var count: Int64 = 0
    /// Sum of file sizes so far, as in ``LayerStore/Unpacked/size``.
    package private(set) var size: Int64 = 0

    private var buffer: [UInt8] = []
    private static let capacity = 1 << 18

    /// - Parameter chosen: the entries to include; nil for all.
    init(_ root: consuming Descriptor, _ form: Form, choosing chosen: TreeSelection? = nil) {
        self.form = form
        self.chosen = chosen
        walk = TreeWalk(root)
        for gone in chosen?.gone(in: []) ?? [] { whiteout([], gone) }
    }

    package func next() throws(LayerError) -> [UInt8]? {
        buffer.reserveCapacity(Self.capacity)
        while buffer.count < Self.capacity, !isAtEnd {
            if let open = content {
                if try !open.append(to: &buffer, upTo: Self.capacity) { content = nil }
            } else if hasMore {
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

    /// Writes the archive into `blob` with three threads: one reads files, one hashes, the calling thread writes.
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

    /// The next name in the directory and its path; nil at its end, where the walk returns to the parent.
    private func nextName() throws(LayerError) -> (name: [CChar], path: [UInt8])? {
        do throws(SystemError) {
            if let name = try walk.next() {
                let path = walk.path + name.dropLast().map { UInt8(bitPattern: $0) }
                try EntryPath.checkLength(path)
                return (name, path)
            }
            hasMore = walk.depth > 0
            if hasMore { try walk.leave() }
            return nil
        } catch {
            throw .system(error)
        }
    }

    /// Writes the next entry, if there is one.
    private func step() throws(LayerError) {
        guard let (name, path) = try nextName() else { return }
        count += 1
        var status = stat()
        guard fstatat(walk.directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            // A running container may have removed it meanwhile.
            if errno == ENOENT { return }
            throw .system(SystemError("stat", EntryPath.text(name), code: errno))
        }
        if form == .overlay, status.isWhiteout {
            whiteout(walk.path, name.dropLast().map { UInt8(bitPattern: $0) })
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
        case S_IFDIR: try enter(&header, name)
        case S_IFLNK:
            header.kind = .symbolicLink
            header.target = try target(name)
            try finish(&header, name, status)
        case S_IFREG: try file(&header, name, status)
        case S_IFCHR, S_IFBLK:
            header.kind = status.st_mode & S_IFMT == S_IFCHR ? .character : .block
            let device = DeviceNumber(UInt64(status.st_rdev))
            header.major = device.major
            header.minor = device.minor
            try finish(&header, name, status)
        case S_IFIFO:
            header.kind = .fifo
            try finish(&header, name, status)
        default: return
        }
    }

    // MARK: Kinds

    private func whiteout(_ directory: [UInt8], _ name: [UInt8]) {
        var header = TarHeader(name: directory + Array(".wh.".utf8) + name)
        header.mode = 0
        buffer += header.bytes
    }

    private func enter(_ header: inout TarHeader, _ name: [CChar]) throws(LayerError) {
        header.kind = .directory
        header.name.append(0x2f)
        header.attributes = try FileAttributes.all(name, at: walk.directory)
        do throws(SystemError) {
            try walk.enter(name)
        } catch {
            // A running container may have replaced it meanwhile.
            if [ENOENT, ENOTDIR, ELOOP].contains(error.code) { return }
            throw .system(error)
        }
        buffer += header.bytes
        if form == .overlay, FileAttributes.isOpaque(walk.directory) {
            var mark = TarHeader(name: header.name + Array(".wh..wh..opq".utf8))
            mark.mode = 0
            buffer += mark.bytes
        }
        for gone in chosen?.gone(in: header.name) ?? [] { whiteout(header.name, gone) }
    }

    private func target(_ name: [CChar]) throws(LayerError) -> [UInt8] {
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlinkat(walk.directory, name, &bytes, bytes.count)
        if count < 0 { throw .system(SystemError("readlink", EntryPath.text(name), code: errno)) }
        return bytes[..<count].map { UInt8(bitPattern: $0) }
    }

    private func file(_ header: inout TarHeader, _ name: [CChar], _ status: stat) throws(LayerError) {
        if isAnotherName(header, status) { return link(header, status) }
        let opened = openat(walk.directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        if opened < 0 {
            if errno == ENOENT { return }
            throw .system(SystemError("open", EntryPath.text(name), code: errno))
        }
        let file = Descriptor(owning: opened)
        var now = stat()
        guard fstat(file.raw, &now) == 0, now.st_mode & S_IFMT == S_IFREG else { return }
        header.attributes = try FileAttributes.all(name, at: walk.directory)
        let content = try FileContent(file, size: Int64(now.st_size), blocks: Int64(now.st_blocks))
        header.size = content.archivedSize
        size = size.saturatingAdd(Int64(now.st_size))
        if content.isSparse { header.sparseSize = Int64(now.st_size) }
        remember(header, status)
        buffer += header.bytes
        self.content = content
    }

    /// An entry without content.
    private func finish(_ header: inout TarHeader, _ name: [CChar], _ status: stat) throws(LayerError) {
        if isAnotherName(header, status) { return link(header, status) }
        header.attributes = try FileAttributes.all(name, at: walk.directory)
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
        if status.st_nlink > 1 { links[FileIdentity(status)] = (header.name, UInt(status.st_nlink) - 1) }
    }

    private func link(_ header: TarHeader, _ status: stat) {
        var header = header
        header.kind = .link
        let identity = FileIdentity(status)
        if let (name, left) = links[identity] {
            header.target = name
            links[identity] = left > 1 ? (name, left - 1) : nil
        }
        header.major = 0
        header.minor = 0
        buffer += header.bytes
    }
}

/// Selects the entries of a tree that go into an archive, and lists the deleted ones. Paths do not end with a slash.
struct TreeSelection: Sendable {
    private let kept: Set<[UInt8]>
    private let gone: [[UInt8]: [[UInt8]]]

    /// - Parameters:
    /// - kept: entries to include, with all their parents.
    /// - gone: entries to write as whiteouts.
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

    /// The deleted names in a directory; `directory` ends with a slash, the root is empty.
    func gone(in directory: [UInt8]) -> [[UInt8]] { gone[directory] ?? [] }
}
