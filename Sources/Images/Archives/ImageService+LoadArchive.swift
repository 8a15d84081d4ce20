internal import ByteText
internal import Concurrency
internal import Glibc
internal import Layers
package import OCI
internal import Store
internal import Synchronization

/// What a load tells while it goes.
package enum LoadStep: Sendable, Equatable {
    /// A layer is coming by: a short name for it, bytes so far and in all.
    case layer(String, current: Int64, total: Int64)
    /// A name moves over from another image.
    case renames(String, from: ImageID)
    /// An image is there, by its name or by its id alone.
    case loaded(name: String?, ImageID)
}

extension ImageService {
    /// Brings in the images of an archive as ``save(_:)``, Docker, Podman, skopeo or umoci write it, packed or not.
    ///
    /// - Parameter platform: which one to take where an index offers several; the host's when nil.
    package func load<Bytes: AsyncSequence & Sendable>(
        bytes: Bytes, platform: Platform? = nil, progress: @escaping @Sendable (LoadStep) -> Void
    ) async throws(ImageError) where Bytes.Element == [UInt8] {
        let brought = Brought(self)
        defer { brought.release() }
        let images = try await feeding(bytes) { pipe in
            try await onThread { () throws(LayerError) -> Result<[ImageArchive.Image], ImageError> in
                let archive = try ImageArchive(
                    PipeSource(pipe),
                    unpack: { source throws(LayerError) in try brought.unpack(source) },
                    stored: { brought.stored($0) },
                    progress: { name, current, total in
                        progress(.layer(Self.short(name), current: current, total: total))
                    })
                do throws(ImageError) {
                    return .success(try archive.images(for: platform))
                } catch {
                    return .failure(error)
                }
            }
        }
        for image in try images.get() { try add(image, progress) }
        syncInBackground(brought.layers)
    }

    private func add(
        _ image: ImageArchive.Image, _ progress: @escaping @Sendable (LoadStep) -> Void
    ) throws(ImageError) {
        let id = ContentHash.digest(of: image.configuration)
        let moved = table.withLock { table in image.names.map { ($0, table.names[$0]?.image) } }
        let record = try make(
            image.configuration, image.layers.map(\.packed), parent: image.parent, manifest: image.manifest,
            names: image.names)
        for case (let name, let old?) in moved where old != id { progress(.renames(name.familiar, from: old)) }
        onEvent(ImageEvent(action: .load, id: record.id.description, name: record.id.description))
        if image.names.isEmpty, !image.isSilent { progress(.loaded(name: nil, record.id)) }
        for name in image.names { progress(.loaded(name: name.familiar, record.id)) }
    }

    /// Pins a layer that an image has, and the blob that it is packed in.
    fileprivate func pinned(_ layer: LayerID) -> (image: ImageRecord, blob: Digest)? {
        table.withLock { table in
            for image in table.images.keys.compactMap(table.record) {
                for (found, blob) in image.packedLayers where found == layer && blobs.size(blob) != nil {
                    table.pins.add(Content(layers: [layer], blobs: [blob]))
                    return (image, blob)
                }
            }
            return nil
        }
    }

    /// The directory or digest that a layer's file is named by.
    private static func short(_ name: String) -> String {
        let parts = name.split(byte: "/")
        let part = parts.last == "layer.tar" ? parts.dropLast().last : parts.last
        return String((part ?? "").prefix(12))
    }
}

/// Layers that a load brought: held until their images exist, given up unless an image needs them.
private final class Brought: Sendable {
    private let service: ImageService
    private let held = Mutex<[(layer: LayerID, blob: Digest)]>([])

    init(_ service: ImageService) {
        self.service = service
    }

    var layers: [LayerID] { held.withLock { $0.map(\.layer) } }

    func unpack(_ source: any ByteSource) throws(LayerError) -> ImageArchive.Layer {
        let (unpacked, packed) = try service.unpack(source, expected: nil)
        held.withLock { $0.append((unpacked.layer, packed.digest)) }
        return ImageArchive.Layer(layer: unpacked.layer, packed: packed)
    }

    /// The layer as an image has it that is here, with the blob it came in.
    func stored(_ layer: LayerID) -> ImageArchive.Layer? {
        guard let (image, blob) = service.pinned(layer) else { return nil }
        held.withLock { $0.append((layer, blob)) }
        guard let packed = try? service.documents(of: image).0.first(where: { $0.digest == blob }) else {
            return nil
        }
        return ImageArchive.Layer(layer: layer, packed: packed)
    }

    func release() {
        let all = held.withLock { held in
            defer { held = [] }
            return held
        }
        service.letGo(Content(layers: all.map(\.layer), blobs: all.map(\.blob)))
    }
}
