internal import Concurrency
internal import Glibc
internal import JSON
internal import Layers
package import OCI
internal import Store
internal import Synchronization

/// What a container becomes an image with.
package struct ImageCommit: Sendable {
    /// The image that the container was made from.
    package var parent: ImageRecord
    package var config: ImageConfiguration.Config
    /// Nil makes an image without a name.
    package var reference: Reference?
    package var author = ""
    package var comment = ""
    /// The container's command, for the history.
    package var createdBy = ""

    package init(parent: ImageRecord, config: ImageConfiguration.Config) {
        self.parent = parent
        self.config = config
    }
}

extension ImageService {
    /// The digest of an archive without entries: a container that wrote nothing adds no layer.
    private static let emptyLayer = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

    /// Makes an image of what container `id` has written, over the layers of its image.
    package func commit(container id: String, _ commit: ImageCommit) async throws(ImageError) -> ImageRecord {
        let name = commit.reference?.withDefaultTag
        try name?.checkAsTag()
        // It may be removed meanwhile.
        pin(commit.parent.content)
        defer { letGo(commit.parent.content) }
        let (packedBelow, _) = try documents(of: commit.parent)
        let snapshots = snapshots
        let added: ContentDescriptor?
        do throws(LayerError) {
            added = try await onThread { () throws(LayerError) in try self.pack(try snapshots.difference(id: id)) }
        } catch {
            throw ImageError(error)
        }
        let packed = added.map { [$0] } ?? []
        let layers = packed.map(\.digest)
        defer { letGo(Content(layers: layers, blobs: layers)) }
        let document = try configuration(commit, commit.parent.layers + layers, isEmpty: packed.isEmpty)
        let image = try make(
            document, packedBelow + packed, parent: commit.parent.id, names: name.map { [$0] } ?? [])
        if let name {
            onEvent(ImageEvent(action: .tag, id: image.id.description, name: name.familiar))
        }
        unpackInBackground(layers)
        return image
    }

    /// Writes the archive of a layer as a blob; both are pinned. Nil when the archive has no entries.
    ///
    /// The archive is plain, so that the digests of blob and layer are the same.
    private func pack(_ tree: TreeArchive) throws(LayerError) -> ContentDescriptor? {
        let writer = try blobs.writer(nil)
        let layer = try tree.write(into: writer)
        if layer.description == Self.emptyLayer { return nil }
        let content = Content(layers: [layer], blobs: [layer])
        pin(content)
        do throws(LayerError) {
            // What an image has is as good as this one.
            if table.withLock({ !$0.uses.has(blob: layer) }) { try writer.publish(layer: layer) }
            if !layers.contains(layer) {
                if layers.hasRoom(for: tree) {
                    table.withLock { $0.packed[layer] = PackedLayer(blob: layer, size: tree.size) }
                } else {
                    // Rather no image than one that no container can be made of.
                    _ = try layers.unpack(FileSource(try blobs.file(layer)), expected: layer)
                }
            }
        } catch {
            letGo(content)
            throw error
        }
        return ContentDescriptor(mediaType: MediaType.layer, digest: layer, size: writer.size)
    }

    /// The configuration of the image's parent, with what the container changes of it.
    private func configuration(
        _ commit: ImageCommit, _ layers: [LayerID], isEmpty: Bool
    ) throws(ImageError) -> [UInt8] {
        let parent: JSONObject
        do {
            parent = try JSON.parse(commit.parent.configuration.raw).objectValue ?? JSONObject()
        } catch {
            throw .corrupt("configuration of image \(commit.parent.id.short): \(error)")
        }
        let created = Timestamp.now()
        var history = ImageConfiguration.History()
        history.created = created
        history.author = commit.author
        history.comment = commit.comment
        history.createdBy = commit.createdBy
        history.isEmptyLayer = isEmpty
        var members: [String: JSON] = [
            "config": commit.config.json,
            "created": .string(created.description),
            "history": .array((parent["history"]?.arrayValue ?? []) + [history.json]),
            "rootfs": ["type": "layers", "diff_ids": .array(layers.map { .string($0.description) })],
        ]
        for name in ["architecture", "os", "os.features", "os.version", "variant"] { members[name] = parent[name] }
        if !commit.author.isEmpty { members["author"] = .string(commit.author) }
        return JSON.object(JSONObject(members.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })).serialized()
    }

    /// The packed layers of an image and the descriptor of its manifest.
    func documents(of image: ImageRecord) throws(ImageError) -> ([ContentDescriptor], ContentDescriptor) {
        do {
            let bytes = try blobs.read(image.manifest, limit: Self.documentLimit)
            guard case .manifest(let manifest) = try ImageDocument(parsing: bytes),
                manifest.layers.count == image.layers.count
            else { throw ImageError.corrupt("manifest \(image.manifest) is damaged; pull or load the image again") }
            return (
                manifest.layers,
                ContentDescriptor(
                    mediaType: manifest.mediaType, digest: image.manifest, size: Int64(bytes.count),
                    platform: image.configuration.platform)
            )
        } catch let error as ImageError {
            throw error
        } catch let error as StoreError {
            throw ImageError(error)
        } catch {
            throw .corrupt("\(error)")
        }
    }
}

extension BlobWriter {
    /// Like ``publish(as:)``, for those who speak of layers.
    func publish(layer: LayerID) throws(LayerError) {
        do {
            try publish(as: layer)
        } catch {
            throw .store(error)
        }
    }
}
