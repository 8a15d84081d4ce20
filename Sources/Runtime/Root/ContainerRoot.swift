internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// The root directory of a container as a descriptor. The kernel resolves every path beneath it (openat2(2) RESOLVE_IN_ROOT), so
/// that neither symbolic links nor races lead outside.
struct ContainerRoot {
    /// An open root directory, owned by the caller.
    let descriptor: Int32

    static let inRoot = linux_RESOLVE_IN_ROOT | linux_RESOLVE_NO_MAGICLINKS

    enum Kind { case directory, file }

    /// Opens a path in the container; returns a descriptor or -errno.
    func find(_ path: String, _ flags: Int32, resolve: UInt64 = ContainerRoot.inRoot) -> Int32 {
        linux_openat2(descriptor, path.isEmpty ? "." : path, UInt64(flags), 0, resolve)
    }

    /// An open mount point (O_PATH).
    struct Place: ~Copyable {
        let descriptor: Descriptor
        /// Created by this call.
        var isNew = false
        /// The path contained a symbolic link, so it does not tell where the mount point is.
        var isBehindLink = false
    }

    /// Opens a mount point; creates it and its parents if missing.
    ///
    /// `strict` refuses every symbolic link in the path, for /proc, /sys and /dev (CVE-2019-19921, CVE-2023-27561).
    func place(_ path: String, _ kind: Kind, strict: Bool = false) throws(LaunchFailure) -> Place {
        let clean = PathText.joined(PathText.components(path))
        let direct = find(clean, linux_O_PATH, resolve: Self.inRoot | linux_RESOLVE_NO_SYMLINKS)
        if direct >= 0 { return Place(descriptor: Descriptor(owning: direct)) }
        if direct == -ELOOP {
            if strict {
                throw LaunchFailure("mount on /\(clean): the image has a symbolic link there, which is refused")
            }
            let found = find(clean, linux_O_PATH)
            if found >= 0 { return Place(descriptor: Descriptor(owning: found), isBehindLink: true) }
            guard found == -ENOENT else { throw notFound(clean, found) }
        } else if direct != -ENOENT {
            throw notFound(clean, direct)
        }
        return try make(clean, kind, strict)
    }

    private func notFound(_ path: String, _ code: Int32) -> LaunchFailure {
        LaunchFailure("find /\(path) in the container: \(SystemError("", code: -code).reason)")
    }

    /// Creates the missing part of a path, one component at a time in an open parent.
    private func make(_ path: String, _ kind: Kind, _ strict: Bool) throws(LaunchFailure) -> Place {
        let resolve = strict ? Self.inRoot | linux_RESOLVE_NO_SYMLINKS : Self.inRoot
        var waiting = Array(PathText.components(path).reversed())
        var done: [Substring] = []
        var links = 0
        while let part = waiting.popLast() {
            let parent = PathText.joined(done)
            let current = parent.isEmpty ? String(part) : parent + "/" + part
            let found = find(current, linux_O_PATH, resolve: resolve)
            if found >= 0 {
                close(found)
                done.append(part)
                continue
            }
            let directory = Descriptor(
                owning: try step("open /\(parent)", find(parent, linux_O_PATH | O_DIRECTORY, resolve: resolve)))
            if let target = Self.link(directory.raw, String(part)) {
                // A dangling link (/var/run to a missing /run): creates its target beneath the root.
                links += 1
                guard !strict, links <= 40 else { throw notFound(current, -ELOOP) }
                let base = target.hasBytePrefix("/") ? "" : parent + "/"
                let rest = PathText.joined(waiting.reversed())
                waiting = PathText.components(base + target + "/" + rest).reversed()
                done = []
                continue
            }
            try make(String(part), in: directory, isFile: waiting.isEmpty && kind == .file, current)
            done.append(part)
        }
        let clean = PathText.joined(done)
        let place = try step("open /\(clean) in the container", find(clean, linux_O_PATH, resolve: resolve))
        return Place(descriptor: Descriptor(owning: place), isNew: true, isBehindLink: !strict)
    }

    private func make(
        _ name: String, in directory: borrowing Descriptor, isFile: Bool, _ path: String
    ) throws(LaunchFailure) {
        var result: Int32
        if isFile {
            result = openat(directory.raw, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o755)
            if result >= 0 { close(result) }
        } else {
            result = mkdirat(directory.raw, name, 0o755)
        }
        if result < 0 && errno != EEXIST { try libraryStep("create /\(path) in the container", result) }
    }

    /// The target of a symbolic link; nil when it is not one.
    private static func link(_ directory: Int32, _ name: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlinkat(directory, name, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
