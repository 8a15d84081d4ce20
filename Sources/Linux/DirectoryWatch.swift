internal import Glibc

/// Tells when entries of directories come or change (inotify(7)): poll(2) finds `raw` readable.
package struct DirectoryWatch: ~Copyable {
    private let descriptor: Descriptor

    /// For poll(2), valid while this value lives.
    package var raw: Int32 { descriptor.raw }

    package init() throws(SystemError) {
        descriptor = Descriptor(
            owning: try retrying("inotify_init1") { inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) })
    }

    /// Watches the directory of `path`, or the nearest one above it that is there. Again for one that is watched already, it does
    /// nothing.
    package func add(around path: String) throws(SystemError) {
        var components = PathText.components(path)
        while true {
            components = Array(components.dropLast())
            let directory = "/" + PathText.joined(components)
            do {
                try retrying("inotify_add_watch", directory) {
                    inotify_add_watch(descriptor.raw, directory, UInt32(IN_CREATE | IN_ATTRIB | IN_MOVED_TO))
                }
                return
            } catch {
                guard error.code == ENOENT, !components.isEmpty else { throw error }
            }
        }
    }

    /// Takes what was told, so that poll(2) waits for what comes next.
    package func drain() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while buffer.withUnsafeMutableBytes({ read(descriptor.raw, $0.baseAddress, $0.count) }) > 0 {}
    }
}
