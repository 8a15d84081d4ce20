internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// Reads and writes cgroup control files.
enum ControlFile {
    /// Returns 0 or errno.
    static func write(_ value: String, _ path: String) -> Int32 {
        let handle = open(path, O_WRONLY | O_CLOEXEC)
        guard handle >= 0 else { return errno }
        defer { close(handle) }
        let bytes = Array(value.utf8)
        while true {
            if Glibc.write(handle, bytes, bytes.count) >= 0 { return 0 }
            if errno != EINTR { return errno }
        }
    }

    static func put(_ value: String, _ name: String, in directory: String) throws(CgroupError) {
        let code = write(value, directory + "/" + name)
        if code != 0 { throw CgroupError("set \(name) to \(value)", directory, code: code) }
    }

    /// Writes each value with its own write(2), as the kernel requires.
    static func put(each values: [String], _ name: String, in directory: String) throws(CgroupError) {
        let handle = open(directory + "/" + name, O_WRONLY | O_CLOEXEC)
        guard handle >= 0 else { throw CgroupError("open \(name)", directory, code: errno) }
        defer { close(handle) }
        for value in values {
            let bytes = Array(value.utf8)
            while Glibc.write(handle, bytes, bytes.count) < 0 {
                if errno != EINTR { throw CgroupError("set \(name) to \(value)", directory, code: errno) }
            }
        }
    }

    static func read(_ path: String) -> String? { bytes(path).map { String(decoding: $0, as: UTF8.self) } }

    static func bytes(_ path: String) -> [UInt8]? {
        try? Descriptor.open(path, O_RDONLY).readAll(limit: .max)
    }

    /// The content of a file of one line, without the line feed.
    static func word(_ path: String) -> String? {
        guard let file = try? Descriptor.open(path, O_RDONLY) else { return nil }
        // The kernel returns a line that fits in one read, so no second read is needed.
        let short = withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) { buffer -> String? in
            guard let count = try? file.read(into: buffer), count < buffer.count else { return nil }
            return line(buffer[..<count])
        }
        return short ?? bytes(path).map { line($0) }
    }

    private static func line(_ bytes: some BidirectionalCollection<UInt8>) -> String {
        String(decoding: bytes.last == 0x0a ? bytes.dropLast() : bytes[...], as: UTF8.self)
    }

    /// The words of a file of one line.
    static func words(_ path: String) -> [String] {
        (read(path) ?? "").split { $0 == " " || $0 == "\n" }.map { String($0) }
    }

    /// Nil also for `max`.
    static func number(_ path: String) -> UInt64? { word(path).flatMap { UInt64($0) } }

    /// Parses lines `name value`.
    static func fields(_ path: String) -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for line in (read(path) ?? "").split(byte: "\n") {
            let words = line.split(byte: " ")
            if words.count == 2, let value = UInt64(words[1]) { result[String(words[0])] = value }
        }
        return result
    }

    /// The value of the line `name value`.
    static func field(_ name: String, _ path: String) -> UInt64? {
        guard let text = read(path) else { return nil }
        for line in text.split(byte: "\n") {
            let words = line.split(byte: " ")
            if words.count == 2, words[0] == name { return UInt64(words[1]) }
        }
        return nil
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The subdirectories of a directory.
    static func directories(_ path: String) -> [String] { Directory.directories(in: path) }
}
