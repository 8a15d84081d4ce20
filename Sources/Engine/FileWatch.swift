internal import Concurrency
@preconcurrency internal import Dispatch
internal import ByteText
internal import Glibc
internal import Linux

/// Wakes a reader when a file grows (inotify(7)).
final class FileWatch: Sendable {
    private let descriptor: SharedDescriptor
    private let source: any DispatchSourceRead
    private let changed = AsyncSignal()

    init(_ path: String) throws(SystemError) {
        let watch = SharedDescriptor(
            Descriptor(
                owning: try retrying("inotify_init1") {
                    inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
                }))
        // The directory, because the file may not be there yet.
        try retrying("inotify_add_watch", path) {
            inotify_add_watch(
                watch.raw, String(path[..<(path.lastIndex(ofByte: "/") ?? path.endIndex)]),
                UInt32(IN_MODIFY | IN_CREATE))
        }
        descriptor = watch
        source = DispatchSource.makeReadSource(fileDescriptor: watch.raw, queue: .global())
        source.setEventHandler { [weak self] in self?.drain() }
        // The descriptor must stay open until the source has let go of it.
        source.setCancelHandler { withExtendedLifetime(watch) {} }
        source.resume()
    }

    deinit {
        source.cancel()
    }

    private func drain() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while buffer.withUnsafeMutableBytes({ read(descriptor.raw, $0.baseAddress, $0.count) }) > 0 {}
        changed.signal()
    }

    /// Returns when the file changed since the last call, when the container ended, or when the task is cancelled.
    func wait(orUntilEndOf container: Container) async {
        let number = await container.addExitWaiter { [changed] _ in changed.signal() }
        await changed.wait()
        if let number { await container.removeWaiter(number) }
    }
}
