internal import CLinux
internal import Glibc

/// The way from a directory down to one below it, however deep, with a bounded number of descriptors.
///
/// The first directory and the deepest ones are open; those between are closed and opened again through `..`. What is opened again
/// must be the directory that it was (device and inode number), so that nobody who moves directories meanwhile leads the caller
/// elsewhere. No link is followed and no other mount is entered.
package struct DirectoryChain: ~Copyable {
    /// 24 bytes a level: a container can nest directories by the million.
    private struct Level {
        let device: UInt64
        let number: UInt64
        /// Where its name begins in `path`.
        let start: Int
    }

    private let root: Descriptor
    private var levels: [Level] = []
    /// The deepest ones. The last of them is the directory itself, unless that is the first.
    private var opened: [SharedDescriptor] = []
    private let limit: Int
    /// From the first directory on, with a slash at the end; empty for the first itself.
    package private(set) var path: [UInt8] = []

    /// - Parameter limit: how many directories are open at once beside the first.
    package init(_ root: consuming Descriptor, limit: Int = 32) {
        self.root = root
        self.limit = limit
    }

    /// The directory, valid until the next ``enter(_:)`` or ``leave()``.
    package var raw: Int32 { opened.last?.raw ?? root.raw }

    /// How many levels it lies below the first directory.
    package var depth: Int { levels.count }

    /// Goes on to the directory `name` of this one.
    package mutating func enter(_ name: [CChar]) throws(SystemError) {
        let parent = raw
        let directory = Descriptor(
            owning: Int32(
                try checking("open", Self.text(name)) {
                    linux_fs_open_entry(parent, name, O_RDONLY | O_DIRECTORY)
                }))
        let (device, number) = try Self.identity(directory.raw, name)
        levels.append(Level(device: device, number: number, start: path.count))
        for byte in name where byte != 0 { path.append(UInt8(bitPattern: byte)) }
        path.append(0x2f)
        opened.append(SharedDescriptor(directory))
        if opened.count > limit { opened.removeFirst() }
    }

    /// Goes back to the directory above.
    ///
    /// - Returns: the name that the directory left has in it.
    /// - Throws: ESTALE when the directory was moved meanwhile; then there is no way on.
    @discardableResult
    package mutating func leave() throws(SystemError) -> [CChar] {
        guard let level = levels.popLast(), let left = opened.popLast() else { return [0x2e, 0] }
        let name = path[level.start...].dropLast().map { CChar(bitPattern: $0) } + [0]
        path.removeLast(path.count - level.start)
        if opened.isEmpty, let above = levels.last {
            let parent = Descriptor(
                owning: Int32(
                    try checking("open", "the directory above \(Self.text(name))") {
                        linux_fs_open_entry(left.raw, "..", O_RDONLY | O_DIRECTORY)
                    }))
            guard try Self.identity(parent.raw, name) == (above.device, above.number) else {
                throw SystemError("open", "the directory above \(Self.text(name)): it was moved", code: ESTALE)
            }
            opened.append(SharedDescriptor(parent))
        }
        return name
    }

    private static func identity(_ directory: Int32, _ name: [CChar]) throws(SystemError) -> (UInt64, UInt64) {
        var status = stat()
        try retrying("stat", text(name)) { fstat(directory, &status) }
        return (UInt64(status.st_dev), UInt64(status.st_ino))
    }

    private static func text(_ name: [CChar]) -> String {
        String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
