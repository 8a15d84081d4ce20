internal import CLinux
internal import Glibc
internal import Linux

/// Copies the directory that a tmpfs covers into it (`tmpcopyup`), by descriptor and without following links, because the source
/// is the image's.
enum TreeCopy {
    /// `to` is a file system that no other process can access yet.
    static func copy(
        from place: borrowing Descriptor, to: Int32, name: String
    ) throws(LaunchFailure) {
        let source = Descriptor(owning: try open(place.raw, ".", name))
        let target = Descriptor(owning: try open(to, ".", name))
        try copyDirectory(source, to: target.raw, name: name, depth: 0)
    }

    private static func open(_ parent: Int32, _ path: String, _ name: String) throws(LaunchFailure) -> Int32 {
        try libraryStep("read \(name)", openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
    }

    private static func copyDirectory(
        _ source: consuming Descriptor, to target: Int32, name: String, depth: Int
    ) throws(LaunchFailure) {
        // Each level uses a descriptor.
        guard depth < 256 else { throw LaunchFailure("copy \(name): it is nested too deeply") }
        let names: [[CChar]]
        do throws(SystemError) {
            names = try Directory.names(in: source.raw)
        } catch {
            throw LaunchFailure("read \(name): \(error.reason)")
        }
        for bytes in names {
            let child = String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            try copyEntry(child, source.raw, target, name + "/" + child, depth)
        }
        var status = stat()
        try libraryStep("look at \(name)", fstat(source.raw, &status))
        try libraryStep("copy the owner of \(name)", fchown(target, status.st_uid, status.st_gid))
        try libraryStep("copy the mode of \(name)", fchmod(target, status.st_mode & 0o7777))
        _ = futimens(target, [status.st_atim, status.st_mtim])
    }

    private static func copyEntry(
        _ child: String, _ source: Int32, _ target: Int32, _ name: String, _ depth: Int
    ) throws(LaunchFailure) {
        var status = stat()
        try libraryStep("look at \(name)", fstatat(source, child, &status, AT_SYMLINK_NOFOLLOW))
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            let opened = Descriptor(owning: try open(source, child, name))
            try libraryStep("copy \(name)", mkdirat(target, child, 0o700))
            let copy = Descriptor(owning: try open(target, child, name))
            try copyDirectory(opened, to: copy.raw, name: name, depth: depth + 1)
        case S_IFREG: try copyFile(child, source, target, name)
        case S_IFLNK:
            var link = [CChar](repeating: 0, count: 4097)
            let count = readlinkat(source, child, &link, link.count - 1)
            try libraryStep("read \(name)", Int32(count))
            try libraryStep("copy \(name)", symlinkat(link, target, child))
            _ = fchownat(target, child, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW)
        default:
            try libraryStep("copy \(name)", mknodat(target, child, status.st_mode, status.st_rdev))
            try libraryStep(
                "copy the owner of \(name)",
                fchownat(target, child, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW))
        }
    }

    private static func copyFile(
        _ child: String, _ source: Int32, _ target: Int32, _ name: String
    ) throws(LaunchFailure) {
        // O_NONBLOCK, because it may have been replaced by a FIFO.
        let input = Descriptor(
            owning: try libraryStep(
                "read \(name)", openat(source, child, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)))
        var status = stat()
        guard fstat(input.raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw LaunchFailure("copy \(name): it changed while it was being copied")
        }
        let output = Descriptor(
            owning: try libraryStep(
                "copy \(name)", openat(target, child, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)))
        while true {
            let count = sendfile(output.raw, input.raw, nil, 1 << 20)
            if count == 0 { break }
            if count < 0 && errno != EINTR {
                throw LaunchFailure("copy \(name): \(SystemError("", code: errno).reason)")
            }
        }
        try libraryStep("copy the owner of \(name)", fchown(output.raw, status.st_uid, status.st_gid))
        try libraryStep("copy the mode of \(name)", fchmod(output.raw, status.st_mode & 0o7777))
        _ = futimens(output.raw, [status.st_atim, status.st_mtim])
    }
}
