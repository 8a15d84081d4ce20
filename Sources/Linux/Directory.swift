internal import Glibc

/// What stands in a directory.
package enum Directory {
    /// The names in the directory at `path`, in no order; none when it cannot be read.
    package static func names(in path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        return all(in: stream).map { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
    }

    /// The names in an open directory, for C and in no order: bytes, because names are not always UTF-8.
    package static func names(in directory: Int32) throws(SystemError) -> [[CChar]] {
        // Opened again: the place in a directory is shared by all who hold the same open file.
        let opened = try retrying("open", "directory") { openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard let stream = fdopendir(opened) else {
            close(opened)
            throw SystemError("open", "directory", code: errno)
        }
        defer { closedir(stream) }
        return all(in: stream)
    }

    private static func all(in stream: OpaquePointer) -> [[CChar]] {
        var names: [[CChar]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
            }
            if name != [0x2e, 0], name != [0x2e, 0x2e, 0] { names.append(name) }
        }
        return names
    }
}
