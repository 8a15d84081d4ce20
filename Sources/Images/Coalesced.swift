internal import Layers
internal import OCI
internal import Synchronization

/// Work that many ask for and that is done once for all who asked meanwhile, one run at a time, off everybody's way.
final class Coalesced: Sendable {
    private struct State {
        var isRunning = false
        var isWanted = false
    }

    private let state = Mutex(State())
    private let work: @Sendable () -> Void

    init(_ work: @escaping @Sendable () -> Void) {
        self.work = work
    }

    /// A run that begins after this call will happen.
    func request() {
        let mustStart = state.withLock { state in
            state.isWanted = true
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if !mustStart { return }
        Task {
            let (work, state) = (work, self)
            _ = try? await onThread { () throws(LayerError) in
                while state.takes() { work() }
            }
        }
    }

    private func takes() -> Bool {
        state.withLock { state in
            defer { state.isWanted = false }
            state.isRunning = state.isWanted
            return state.isWanted
        }
    }

    /// Returns when nothing is left to do.
    func settle() async {
        while state.withLock({ $0.isRunning }) { try? await Task.sleep(for: .milliseconds(1)) }
    }
}

/// Layers that are to reach the disk: until then they count only as long as the machine is up.
final class Unsynced: Sendable {
    private let waiting: Shared
    private let work: Coalesced

    init(_ layers: LayerStore) {
        let waiting = Shared()
        self.waiting = waiting
        work = Coalesced {
            let batch = waiting.takeAll()
            // If it fails the layers stay unmarked, and are unpacked again should the machine go down.
            try? layers.sync(batch.filter(layers.contains))
        }
    }

    func add(_ layers: [LayerID]) {
        waiting.add(layers)
        work.request()
    }

    func settle() async { await work.settle() }

    private final class Shared: Sendable {
        private let layers = Mutex<Set<LayerID>>([])

        func add(_ more: [LayerID]) { layers.withLock { $0.formUnion(more) } }

        func takeAll() -> [LayerID] {
            layers.withLock { layers in
                defer { layers = [] }
                return Array(layers)
            }
        }
    }
}
