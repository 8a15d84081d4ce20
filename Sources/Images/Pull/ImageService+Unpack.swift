internal import Concurrency
internal import JSON
package import Layers
internal import OCI
internal import Store
internal import Synchronization

/// A layer that an image has and that is not unpacked yet: what a commit made, for a moment.
struct PackedLayer: Sendable {
    let blob: Digest
    /// Sum of file sizes, in bytes.
    let size: Int64
}

/// Layers that are unpacked behind an answer. Who needs the files waits for them; a try that failed is repeated then.
extension ImageService {
    /// Sum of the sizes of its files, in bytes, unpacked or not; 0 when the layer is not here.
    func size(of layer: LayerID) -> Int64 {
        // In this order: the table forgets it once it is unpacked.
        table.withLock { $0.packed[layer]?.size } ?? layers.size(layer) ?? 0
    }

    /// At most what a number holds: sparse files count with the sizes they claim.
    package func size(of layers: some Sequence<LayerID>) -> Int64 {
        layers.reduce(Int64(0)) { $0.saturatingAdd(size(of: $1)) }
    }

    /// Returns when all of these layers are unpacked that are here.
    func unpacked(_ layers: [LayerID]) async throws(ImageError) {
        for layer in layers {
            // It may go and be made again while somebody waits for it.
            while let blob = table.withLock({ $0.packed[layer]?.blob }) {
                try await unpackings.layer(blob) { await self.unpack(layer, from: blob) }
            }
        }
    }

    private func unpack(_ layer: LayerID, from blob: Digest) async -> Result<Void, ImageError> {
        defer { syncInBackground([layer]) }
        do throws(LayerError) {
            if table.withLock({ $0.packed[layer] != nil }), !layers.contains(layer) {
                try await layers.unpack(layer, from: blob, of: blobs)
            }
        } catch {
            return .failure(ImageError(error))
        }
        let isForgotten = table.withLock { layers.contains(layer) && $0.packed.removeValue(forKey: layer) == nil }
        // Its image has gone meanwhile, and who took it away has counted the layer.
        if isForgotten { discard(Content(layers: [layer])) }
        return .success(())
    }

    /// Unpacks what of these layers is not, without anybody waiting, one commit after the other, and makes them
    /// durable.
    func unpackInBackground(_ layers: [LayerID]) {
        if table.withLock({ table in layers.allSatisfy { table.packed[$0] == nil } }) {
            return syncInBackground(layers)
        }
        lastUnpacking.withLock { last in
            last = Task { [last] in
                await last?.value
                // Who needs the layer tries again, and hears why it failed.
                try? await unpacked(layers)
            }
        }
    }

    /// Returns when what commits have left to do is done.
    package func finishUnpackings() async { await lastUnpacking.withLock { $0 }?.value }
}

extension LayerStore {
    /// Unpacks a layer from its packed form in `blobs`, on a thread of its own.
    func unpack(_ layer: LayerID, from blob: Digest, of blobs: BlobStore) async throws(LayerError) {
        try await onThread { () throws(LayerError) in
            _ = try self.unpack(FileSource(try blobs.file(blob)), expected: layer)
        }
    }
}
