internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// Extended attributes, as far as images carry them.
enum FileAttributes {
    /// What an image may hold. `trusted.overlay.*` would steer the overlay, labels of SELinux belong to the host.
    static func belongsInImage(_ name: some StringProtocol) -> Bool {
        !name.hasBytePrefix("trusted.") && !name.hasBytePrefix("security.selinux")
    }

    /// Of an entry of a directory, sorted by name; a link is not followed.
    static func all(_ name: [CChar], at directory: Int32) throws(LayerError) -> [(name: [UInt8], value: [UInt8])] {
        var room = 0
        var names: [UInt8] = []
        repeat {
            let count = read(into: &names, room) { buffer in
                linux_fs_list_attributes_at(
                    directory, name, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
            }
            if count == 0 || count == -Int(ENOTSUP) || count == -Int(ENOENT) { return [] }
            if count == -Int(ERANGE) || room == 0 {
                room = max(256, room * 4)
                continue
            }
            if count < 0 { throw .system(SystemError("listxattr", EntryPath.text(name), code: Int32(-count))) }
            break
        } while room <= 1 << 16

        var found: [(name: [UInt8], value: [UInt8])] = []
        for attribute in names.split(separator: 0) {
            guard belongsInImage(String(decoding: attribute, as: UTF8.self)) else { continue }
            let key = attribute.map { CChar(bitPattern: $0) } + [0]
            var value: [UInt8] = []
            // The largest value that Linux keeps (XATTR_SIZE_MAX).
            let count = read(into: &value, 1 << 16) { buffer in
                linux_fs_get_attribute_at(directory, name, key, buffer.baseAddress, buffer.count)
            }
            if count >= 0 { found.append((Array(attribute), value)) }
        }
        return found.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// The overlay shows nothing of the layers below such a directory.
    static func isOpaque(_ directory: Int32) -> Bool {
        var value: UInt8 = 0
        return linux_fs_get_attribute(directory, "trusted.overlay.opaque", &value, 1) == 1
            && value == UInt8(ascii: "y")
    }

    private static func read(
        into bytes: inout [UInt8], _ room: Int, _ call: (UnsafeMutableRawBufferPointer) -> Int
    ) -> Int {
        bytes = [UInt8](repeating: 0, count: room)
        let count = bytes.withUnsafeMutableBytes(call)
        bytes.removeLast(max(0, bytes.count - max(0, count)))
        return count
    }
}

extension stat {
    /// How overlay says that something below is gone: a character device 0:0.
    var isWhiteout: Bool { st_mode & S_IFMT == S_IFCHR && st_rdev == 0 }
}
