@preconcurrency internal import Dispatch
internal import Linux
internal import Synchronization

/// Removes trees behind the caller's back. What cannot be removed is reported once, and tried again with every later removal
/// and by the next daemon.
final class TreeRemoval: Sendable {
    private let queue: DispatchQueue
    private let discard: @Sendable (String, Int) throws(SystemError) -> Bool
    private let report: @Sendable (String) -> Void
    private let failed = Mutex<[String]>([])

    /// So many entries take some 50 ms.
    private static let patience = 2000

    /// - Parameters:
    ///   - report: told in words what cannot be removed.
    ///   - discard: removes the tree at a path, or so many of its entries; false when there are more.
    init(
        _ name: String, report: @escaping @Sendable (String) -> Void,
        discard: @escaping @Sendable (String, Int) throws(SystemError) -> Bool = { path, count throws(SystemError) in
            try DirectoryTree.remove(path, atMost: count)
        }
    ) {
        queue = DispatchQueue(label: "gantry.\(name).removal")
        self.report = report
        self.discard = discard
    }

    /// Removes the first entries at once, the others in the background.
    func begin(_ path: String) {
        do throws(SystemError) {
            if try !discard(path, Self.patience) { return finish(path) }
        } catch {
            // The queue tries again, and reports.
            return finish(path)
        }
        if failed.withLock({ !$0.isEmpty }) { queue.async { self.attempt(nil) } }
    }

    /// Removes the tree in the background.
    func finish(_ path: String) { queue.async { self.attempt(path) } }

    private func attempt(_ path: String?) {
        let known = failed.withLock { paths in
            defer { paths = [] }
            return paths
        }
        for path in known { _ = remove(path, isNew: false) }
        if let path, !known.contains(path) { _ = remove(path, isNew: true) }
    }

    private func remove(_ path: String, isNew: Bool) -> Bool {
        do throws(SystemError) {
            return try discard(path, .max)
        } catch {
            failed.withLock { $0.append(path) }
            if isNew {
                report(
                    "\(path) cannot be removed: \(error); it is tried again with the next removal and at the next start"
                )
            }
            return false
        }
    }

    /// Returns when everything so far is gone, or was tried.
    func settle() async { await withCheckedContinuation { done in queue.async { done.resume() } } }
}
