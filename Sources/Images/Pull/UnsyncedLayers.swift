internal import Concurrency
internal import Layers
internal import OCI
internal import Synchronization

/// Layers that are to reach the disk: until then they count only as long as the machine is up.
final class Unsynced: Sendable {
    private let waiting: Shared
    private let work: CoalescingWorker

    init(_ layers: LayerStore) {
        let waiting = Shared()
        self.waiting = waiting
        work = CoalescingWorker {
            let batch = waiting.takeAll()
            // If it fails the layers stay unmarked, and are unpacked again should the machine go down.
            try? await onThread { () throws(LayerError) in try layers.sync(batch.filter(layers.contains)) }
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
