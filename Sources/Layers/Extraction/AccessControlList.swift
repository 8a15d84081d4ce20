internal import CArchive

/// Converts POSIX ACLs from their text form in archives (`SCHILY.acl.access`, written by GNU tar and bsdtar) to the kernel's
/// binary form: the attribute `system.posix_acl_access` (linux/posix_acl_xattr.h, version 2).
enum AccessControlList {
    /// The ACL attributes of an entry; empty when its ACL says no more than its mode.
    static func attributes(_ entry: OpaquePointer) -> [(name: String, value: [UInt8])] {
        [
            (ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access"),
            (ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default"),
        ].compactMap { type, name in value(entry, type).map { (name, $0) } }
    }

    private struct Line {
        let tag: UInt16
        let permissions: UInt16
        let id: UInt32
    }

    private static func value(_ entry: OpaquePointer, _ type: Int32) -> [UInt8]? {
        // libarchive does not count the three entries that only repeat the mode.
        guard archive_entry_acl_types(entry) & type != 0, archive_entry_acl_reset(entry, type) > 0 else { return nil }
        var lines: [Line] = []
        var (kind, permissions, tag, id): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
        var name: UnsafePointer<CChar>?
        while archive_entry_acl_next(entry, type, &kind, &permissions, &tag, &id, &name) == ARCHIVE_OK {
            let tags: [Int32: UInt16] = [
                ARCHIVE_ENTRY_ACL_USER_OBJ: 0x01, ARCHIVE_ENTRY_ACL_USER: 0x02, ARCHIVE_ENTRY_ACL_GROUP_OBJ: 0x04,
                ARCHIVE_ENTRY_ACL_GROUP: 0x08, ARCHIVE_ENTRY_ACL_MASK: 0x10, ARCHIVE_ENTRY_ACL_OTHER: 0x20,
            ]
            guard let number = tags[tag] else { continue }
            let isNamed = number == 0x02 || number == 0x08
            // A user or group name without an id exists only on the machine that wrote the archive.
            if isNamed, id < 0 { continue }
            lines.append(
                Line(
                    tag: number, permissions: UInt16(permissions & 7),
                    id: isNamed ? UInt32(bitPattern: id) : UInt32.max))
        }
        guard lines.count >= 3 else { return nil }
        lines.sort { ($0.tag, $0.id) < ($1.tag, $1.id) }
        var bytes: [UInt8] = [2, 0, 0, 0]
        func put(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
        for line in lines {
            put(line.tag)
            put(line.permissions)
            put(line.id)
        }
        return bytes
    }
}
