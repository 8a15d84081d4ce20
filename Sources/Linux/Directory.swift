internal import ByteText
package import Glibc

/// What stands in a directory.
package enum Directory {
    /// The names in the directory at `path`, in no order; none when it cannot be read.
    package static func names(in path: String) -> [String] { read(path) ?? [] }

    /// The same, and nil when it cannot be read.
    package static func read(_ path: String) -> [String]? {
        guard let stream = opendir(path) else { return nil }
        defer { closedir(stream) }
        return all(in: stream).map(text)
    }

    /// The names of the directories in a directory of a file system whose entries tell what they are, as the kernel's own do.
    package static func directories(in path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        return all(in: stream, where: { $0 == UInt8(DT_DIR) }).map(text)
    }

    private static func text(_ name: [CChar]) -> String {
        String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// mkdir -p: a directory that is there already is fine, whatever its mode. `parents` is the mode of those in between.
    package static func make(_ path: String, mode: mode_t = 0o755, parents: mode_t = 0o755) throws(SystemError) {
        if mkdir(path, mode) == 0 || errno == EEXIST { return }
        let slash = path.lastIndex(ofByte: "/") ?? path.startIndex
        guard errno == ENOENT, slash > path.startIndex else { throw SystemError("mkdir", path, code: errno) }
        try make(String(path[..<slash]), mode: parents, parents: parents)
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw SystemError("mkdir", path, code: errno) }
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

    private static func all(in stream: OpaquePointer, where isWanted: (UInt8) -> Bool = { _ in true }) -> [[CChar]] {
        var names: [[CChar]] = []
        while let entry = readdir(stream) {
            guard isWanted(entry.pointee.d_type) else { continue }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
            }
            if name != [0x2e, 0], name != [0x2e, 0x2e, 0] { names.append(name) }
        }
        return names
    }
}
