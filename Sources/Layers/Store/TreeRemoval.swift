@preconcurrency internal import Dispatch
internal import Linux
internal import Synchronization

/// Removes directory trees in the background. A tree that cannot be removed is reported once, and tried again with every later
/// removal and at the next start.
final class TreeRemoval: Sendable {
    private let queue: DispatchQueue
    private let discard: @Sendable (String, Int) throws(SystemError) -> Bool
    private let report: @Sendable (String) -> Void
    private let failed = Mutex<[String]>([])

    /// Entries removed in the foreground; this many take about 50 ms.
    private static let foregroundLimit = 2000

    /// - Parameters:
    /// - report: receives a message for each tree that cannot be removed.
    /// - discard: removes the tree at a path, or at most so many of its entries; false when more are left.
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

    /// Removes the first entries at once, the rest in the background.
    func begin(_ path: String) {
        do throws(SystemError) {
            if try !discard(path, Self.foregroundLimit) { return finish(path) }
        } catch {
            // Fall back to the queue, which retries and reports.
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

    /// Waits until every removal so far has finished or failed.
    func waitForRemovals() async { await withCheckedContinuation { done in queue.async { done.resume() } } }
}
