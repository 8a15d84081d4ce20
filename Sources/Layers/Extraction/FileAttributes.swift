internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// Extended attributes that image layers carry.
enum FileAttributes {
    /// Excludes `trusted.*`, because `trusted.overlay.*` controls overlayfs, and SELinux labels, which belong to the host.
    static func belongsInImage(_ name: some StringProtocol) -> Bool {
        !name.hasBytePrefix("trusted.") && !name.hasBytePrefix("security.selinux")
    }

    /// The attributes of one directory entry, sorted by name; symbolic links are not followed.
    static func all(_ name: [CChar], at directory: Int32) throws(LayerError) -> [(name: [UInt8], value: [UInt8])] {
        var capacity = 0
        var names: [UInt8] = []
        repeat {
            let count = read(into: &names, capacity) { buffer in
                linux_fs_list_attributes_at(
                    directory, name, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
            }
            if count == 0 || count == -Int(ENOTSUP) || count == -Int(ENOENT) { return [] }
            if count == -Int(ERANGE) || capacity == 0 {
                capacity = max(256, capacity * 4)
                continue
            }
            if count < 0 { throw .system(SystemError("listxattr", EntryPath.text(name), code: Int32(-count))) }
            break
        } while capacity <= 1 << 16

        var found: [(name: [UInt8], value: [UInt8])] = []
        for attribute in names.split(separator: 0) {
            guard belongsInImage(String(decoding: attribute, as: UTF8.self)) else { continue }
            let key = attribute.map { CChar(bitPattern: $0) } + [0]
            var value: [UInt8] = []
            // XATTR_SIZE_MAX, the largest value Linux stores.
            let count = read(into: &value, 1 << 16) { buffer in
                linux_fs_get_attribute_at(directory, name, key, buffer.baseAddress, buffer.count)
            }
            if count >= 0 { found.append((Array(attribute), value)) }
        }
        return found.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// Whether overlayfs hides what lower layers have in this directory.
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
    /// Whether this is overlayfs's whiteout: character device 0:0.
    var isWhiteout: Bool { st_mode & S_IFMT == S_IFCHR && st_rdev == 0 }
}
