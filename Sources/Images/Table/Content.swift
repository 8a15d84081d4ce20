internal import Glibc
internal import JSON
package import Layers
internal import OCI
internal import Store
internal import Synchronization

/// Things in the two stores.
struct Content: Sendable {
    /// Unpacked.
    var layers: [LayerID] = []
    /// Configurations, manifests and packed layers.
    var blobs: [Digest] = []

    mutating func add(_ other: Content) {
        layers += other.layers
        blobs += other.blobs
    }
}

/// How many need each part of the stores.
struct ContentUses: Sendable {
    private var layers: [LayerID: Int] = [:]
    private var blobs: [Digest: Int] = [:]

    mutating func add(_ content: Content) {
        for layer in content.layers { layers[layer, default: 0] += 1 }
        for blob in content.blobs { blobs[blob, default: 0] += 1 }
    }

    mutating func remove(_ content: Content) {
        for layer in content.layers { Self.lower(&layers[layer]) }
        for blob in content.blobs { Self.lower(&blobs[blob]) }
    }

    func has(layer: LayerID) -> Bool { layers[layer] != nil }
    func has(blob: Digest) -> Bool { blobs[blob] != nil }

    private static func lower(_ count: inout Int?) {
        let left = (count ?? 1) - 1
        count = left > 0 ? left : nil
    }
}

/// What keeps content, and what takes it away.
///
/// Content goes when no image has it, nothing that is under way has pinned it, and no container stands on it. All of that is
/// looked at, and the content taken out of sight, in one critical section; deleting its files comes after.
extension ImageService {
    /// Keeps content that no image has yet from being taken away.
    func pin(_ content: Content) { table.withLock { $0.pins.add(content) } }

    func unpin(_ content: Content) { table.withLock { $0.pins.remove(content) } }

    /// Unpins it, and takes away what nobody else has.
    func letGo(_ content: Content) {
        unpin(content)
        discard(content)
    }

    /// Takes content away as far as nobody needs it. Layers that a container stands on go with the last of such containers.
    ///
    /// - Returns: bytes that became free, in files of layers and in blobs.
    @discardableResult
    func discard(_ content: Content) -> (layers: Int64, blobs: Int64) {
        let gone = table.withLock { table -> [RetiredBlob] in
            for layer in content.layers where !table.uses.has(layer: layer) { table.orphans.insert(layer) }
            return content.blobs.compactMap { table.needs(blob: $0) ? nil : blobs.retire($0) }
        }
        let size = gone.reduce(Int64(0)) { $0.saturatingAdd($1.size) }
        for blob in gone { blob.delete() }
        return (collect(), size)
    }

    /// Takes away the layers that no image has and that no container stands on any more.
    ///
    /// - Returns: the sum of the sizes of their files.
    @discardableResult
    private func collect() -> Int64 {
        if table.withLock({ $0.orphans.isEmpty }) { return 0 }
        let held: Set<LayerID>
        do throws(LayerError) {
            // Not before they are known as orphans: a container that goes after this look comes by here itself.
            held = try heldLayers()
        } catch {
            // Whoever may stand on them, nobody can tell: they stay orphans until the next look.
            options.report("layers that no image has stay: \(error)")
            return 0
        }
        let (gone, unseen) = table.withLock { table -> ([RetiredLayer], Int64) in
            let free = table.orphans.filter { !table.needs(layer: $0) && !held.contains($0) }
            table.orphans.subtract(free)
            var (gone, unseen) = ([RetiredLayer](), Int64(0))
            for layer in free {
                let packed = table.packed.removeValue(forKey: layer)
                if let retired = layers.retire(layer) {
                    gone.append(retired)
                } else {
                    unseen = unseen.saturatingAdd(packed?.size ?? 0)
                }
            }
            return (gone, unseen)
        }
        if gone.isEmpty { return unseen }
        for layer in gone { layer.delete() }
        snapshots.removeStaleStacks()
        return gone.reduce(unseen) { $0.saturatingAdd($1.size) }
    }

    /// Removes the writable layer of a container, and the layers that only this container has kept.
    package func removeSnapshot(id: String) throws(LayerError) {
        defer { collect() }
        try snapshots.remove(id: id)
    }

    /// Runs `body` with the image that `name` means, once its layers are unpacked. They stay meanwhile even if the
    /// image goes.
    package func using<Value, Failure: Error>(
        _ name: String, refused: (ImageError) -> Failure, _ body: (ImageRecord) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let image: ImageRecord
        do throws(ImageError) {
            image = try table.withLock { table throws(ImageError) in
                let record = try record(name, in: table)
                table.pins.add(record.content)
                return record
            }
        } catch {
            throw refused(error)
        }
        defer { letGo(image.content) }
        do throws(ImageError) {
            try await unpacked(image.layers)
        } catch {
            throw refused(error)
        }
        return try await body(image)
    }

    /// Takes away all that nobody needs of what there is, and what is known of it.
    func sweep(_ packed: Set<Digest>, _ unpacked: Set<LayerID>) {
        let leased: Set<Digest>
        do throws(ImageError) {
            leased = try self.leased()
        } catch {
            // Without the leases everything that they protect would look free.
            return options.report("what nobody needs stays until the next start: \(error)")
        }
        sweepPartials(leased)
        let free = table.withLock { table in
            Content(
                layers: unpacked.filter { !table.uses.has(layer: $0) && !leased.contains($0) },
                blobs: packed.filter { !table.uses.has(blob: $0) && !leased.contains($0) })
        }
        discard(free)
        sweepOrigins(keeping: packed.subtracting(free.blobs))
    }

    /// The layers below containers, whose image may be gone.
    private func heldLayers() throws(LayerError) -> Set<LayerID> {
        var held: Set<LayerID> = []
        for id in try snapshots.list() {
            do throws(LayerError) {
                held.formUnion(try snapshots.layers(id: id))
            } catch .unknownSnapshot {
                // It went between the two looks.
            }
        }
        return held
    }
}
