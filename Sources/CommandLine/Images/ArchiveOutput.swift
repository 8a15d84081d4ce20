internal import ByteText
internal import Glibc
internal import Linux

/// Where an archive goes: a file, or standard output unless that is a terminal.
enum ArchiveOutput {
    /// A file gets its name only when all of it has arrived.
    static func write(
        to path: String, what: String, _ open: () throws(CommandError) -> ClientConnection
    ) throws(CommandError) {
        if path.isEmpty {
            if Output.isTerminal(1) {
                throw CommandError("cowardly refusing to save to a terminal. Use the -o flag or redirect")
            }
            return try copy(try open(), to: 1)
        }
        // A pipe or a device is written to as it is.
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG, status.st_mode & S_IFMT != S_IFDIR {
            let file = try opened(path, O_WRONLY, what)
            return try copy(try open(), to: file.raw)
        }
        try check(path, what)
        let connection = try open()
        let temporary = "\(path).\(getpid()).partial"
        do throws(CommandError) {
            let file = try opened(temporary, O_WRONLY | O_CREAT | O_EXCL, what)
            try copy(connection, to: file.raw)
            if rename(temporary, path) != 0 {
                throw CommandError("failed to \(what): \(SystemError("rename", path, code: errno))")
            }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private static func copy(_ connection: ClientConnection, to file: Int32) throws(CommandError) {
        while let piece = try connection.readPiece() { try Output.write(piece, to: file) }
    }

    private static func opened(
        _ path: String, _ flags: Int32, _ what: String
    ) throws(CommandError) -> SharedDescriptor {
        do throws(SystemError) {
            return SharedDescriptor(try Descriptor.open(path, flags, mode: 0o600))
        } catch {
            throw CommandError("failed to \(what): \(error)")
        }
    }

    private static func check(_ path: String, _ what: String) throws(CommandError) {
        let parent = path.lastIndex(ofByte: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        var status = stat()
        guard stat(parent, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw CommandError("failed to \(what): invalid output path: directory \"\(parent)\" does not exist")
        }
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
            throw CommandError("failed to \(what): invalid output path: \"\(path)\" must be a file, not a directory")
        }
    }
}
