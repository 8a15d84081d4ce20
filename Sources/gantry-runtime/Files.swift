internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux
internal import Runtime

/// Reads and writes whole files.
enum Files {
    static func failure(_ what: String) -> LaunchFailure {
        LaunchFailure("\(what): \(SystemError("", code: errno).reason)")
    }

    static func read(_ path: String, at directory: Int32 = AT_FDCWD) throws(LaunchFailure) -> [UInt8] {
        do throws(SystemError) {
            return try Descriptor.open(path, O_RDONLY, at: directory).readAll(limit: 16 << 20)
        } catch {
            throw LaunchFailure("read \(path): \(error.reason)")
        }
    }

    static func write(
        _ bytes: [UInt8], _ path: String, mode: mode_t, at directory: Int32 = AT_FDCWD
    ) throws(LaunchFailure) {
        do throws(SystemError) {
            let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode, at: directory)
            var error: SystemError?
            bytes.withUnsafeBytes { buffer in
                do throws(SystemError) { try file.writeAll(buffer) } catch let failure { error = failure }
            }
            if let error { throw error }
        } catch {
            throw LaunchFailure("write \(path): \(error.reason)")
        }
    }

    /// Replaces a file atomically: readers see the old or the new content.
    static func replace(
        _ bytes: [UInt8], _ path: String, mode: mode_t, at directory: Int32 = AT_FDCWD
    ) throws(LaunchFailure) {
        try write(bytes, path + ".new", mode: mode, at: directory)
        guard renameat(directory, path + ".new", directory, path) == 0 else { throw failure("write \(path)") }
    }

    /// Opens a directory; -1 with errno.
    static func directory(_ path: String) -> Int32 { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }

    static func makeDirectory(_ path: String, mode: mode_t) throws(LaunchFailure) {
        guard mkdir(path, mode) < 0, errno == ENOENT else { return try check(path) }
        var current = path.hasBytePrefix("/") ? "" : "."
        for part in path.split(byte: "/") {
            current += "/" + part
            _ = mkdir(current, mode)
        }
        try check(path)
    }

    private static func check(_ path: String) throws(LaunchFailure) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { throw failure("create \(path)") }
    }

    /// The absolute host path without symbolic links.
    static func absolute(_ path: String, _ what: String) throws(LaunchFailure) -> String {
        guard let resolved = realpath(path, nil) else { throw failure("\(what) \(path)") }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

/// Reads a process's state from /proc.
enum ProcessStatus {
    static func status(_ pid: Int32) -> (state: Character, startTime: UInt64)? {
        guard let bytes = try? Files.read("/proc/\(pid)/stat"), let end = bytes.lastIndex(of: 0x29) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 19, let state = fields[0].first else { return nil }
        return (Character(UnicodeScalar(state)), UInt64(String(decoding: fields[19], as: UTF8.self)) ?? 0)
    }
}
