internal import GRDB
internal import JSON
internal import Layers
internal import Linux
internal import OCI
internal import Store
internal import Synchronization

extension ImageService {
    /// A manifest or configuration larger than this is not read.
    static let documentLimit = 4 << 20

    /// Reads the table from the database, and the documents of images that have changed under it from the store.
    ///
    /// - Parameter here: what there is in the stores.
    static func load(
        _ database: StateDatabase, _ blobs: BlobStore, _ layers: LayerStore,
        _ here: (blobs: Set<Digest>, layers: Set<LayerID>)
    ) async throws(ImageError) -> ImageTable {
        let (images, forms, names) = try ImageRows.read(database)
        var table = ImageTable()
        for row in images {
            if let image = row.record(blobs), image.layers.allSatisfy(here.layers.contains),
                here.blobs.contains(row.id), here.blobs.contains(row.manifest)
            {
                table.add(image)
                continue
            }
            do {
                let image = try await load(
                    row.id, manifest: row.manifest, parent: row.parent, tagged: row.tagged, blobs, layers)
                table.add(image)
                _ = try? await database.write { database in
                    try database.execute(
                        sql: "UPDATE image SET facts = ? WHERE id = ?",
                        arguments: [image.factsText, row.id.description])
                }
            } catch {
                if case .noSpace = error, let image = row.record(blobs) {
                    // A container can be made of it once there is room.
                    table.add(image)
                    for (layer, blob) in image.packedLayers where !layers.contains(layer) {
                        table.packed[layer] = PackedLayer(blob: blob, size: 0)
                    }
                    continue
                }
                // Its content is gone or damaged: the image is, too. A pull brings it back.
                _ = try? await database.write { database in
                    try database.execute(sql: "DELETE FROM image WHERE id = ?", arguments: [row.id.description])
                }
            }
        }
        for form in forms where here.blobs.contains(form.facts.digest) { table.add(form.facts, to: form.image) }
        for row in names {
            guard let image = table.images[row.image] else { continue }
            let manifest = row.manifest.flatMap { image.manifests[$0] == nil ? nil : $0 } ?? image.manifest
            table.set(row.name, to: NamedImage(image: row.image, manifest: manifest))
        }
        return table
    }

    private static func load(
        _ id: ImageID, manifest: Digest, parent: ImageID?, tagged: Timestamp?, _ blobs: BlobStore, _ layers: LayerStore
    ) async throws(ImageError) -> ImageRecord {
        let configuration: ImageConfiguration
        do {
            configuration = try ImageConfiguration(parsing: try blobs.read(id, limit: documentLimit))
        } catch let error as StoreError {
            throw ImageError(error)
        } catch {
            throw .corrupt("\(error)")
        }
        if !configuration.diffIDs.allSatisfy(layers.contains) {
            try await restore(configuration, manifest, blobs, layers)
        }
        let size = configuration.diffIDs.reduce(Int64(0)) { $0.saturatingAdd(layers.size($1) ?? 0) }
        return record(configuration, id: id, manifest: manifest, parent: parent, tagged: tagged, size: size, blobs)
    }

    /// Unpacks again what is kept only packed.
    private static func restore(
        _ configuration: ImageConfiguration, _ manifest: Digest, _ blobs: BlobStore, _ layers: LayerStore
    ) async throws(ImageError) {
        guard let bytes = try? blobs.read(manifest, limit: documentLimit),
            case .manifest(let document)? = try? ImageDocument(parsing: bytes),
            document.layers.count == configuration.diffIDs.count
        else { throw .corrupt("manifest \(manifest) is damaged") }
        for (layer, packed) in zip(configuration.diffIDs, document.layers) where !layers.contains(layer) {
            do throws(LayerError) {
                try await layers.unpack(layer, from: packed.digest, of: blobs)
            } catch {
                throw ImageError(error)
            }
        }
        try? layers.sync(configuration.diffIDs)
    }

    static func record(
        _ configuration: ImageConfiguration, id: ImageID, manifest: Digest, parent: ImageID?, tagged: Timestamp?,
        size: Int64, _ blobs: BlobStore
    ) -> ImageRecord {
        let bytes = (try? blobs.read(manifest, limit: documentLimit)) ?? []
        var (mediaType, packed) = (MediaType.manifest, [Digest]())
        if case .manifest(let document)? = try? ImageDocument(parsing: bytes) {
            (mediaType, packed) = (document.mediaType, document.layers.map(\.digest))
        }
        let facts = ImageFacts(configuration, size: size)
        let form = ManifestFacts(manifest, mediaType: mediaType, size: Int64(bytes.count), packed: packed)
        return ImageRecord(
            id: id, manifest: manifest, parent: parent, repoTags: [], repoDigests: [], lastTagTime: tagged,
            facts: facts, manifests: [manifest: form], document: ConfigurationDocument(blobs, id, configuration))
    }
}

/// What the database says of images.
private enum ImageRows {
    struct Image {
        let id: ImageID
        let manifest: Digest
        let parent: ImageID?
        let tagged: Timestamp?
        let facts: String?

        /// Nil when it was written by a version that kept less.
        func record(_ blobs: BlobStore) -> ImageRecord? {
            guard let json = facts.flatMap({ try? JSON.parse($0) }), let facts = ImageFacts(json),
                let form = ManifestFacts(manifest, json)
            else { return nil }
            return ImageRecord(
                id: id, manifest: manifest, parent: parent, repoTags: [], repoDigests: [], lastTagTime: tagged,
                facts: facts, manifests: [manifest: form], document: ConfigurationDocument(blobs, id))
        }
    }

    struct Form {
        let image: ImageID
        let facts: ManifestFacts
    }

    struct Name {
        let name: Reference
        let image: ImageID
        let manifest: Digest?
    }

    static func read(_ database: StateDatabase) throws(ImageError) -> ([Image], [Form], [Name]) {
        do {
            return try database.read { database in
                let images = try Row.fetchAll(database, sql: "SELECT id, manifest, parent, tagged, facts FROM image")
                let forms = try Row.fetchAll(database, sql: "SELECT image, digest, facts FROM imageManifest")
                let names = try Row.fetchAll(database, sql: "SELECT name, image, manifest FROM imageName")
                return (
                    images.compactMap { row in
                        guard let id = digest(row[0]), let manifest = digest(row[1]) else { return nil }
                        return Image(
                            id: id, manifest: manifest, parent: digest(row[2]),
                            tagged: (row[3] as String?).flatMap { try? Timestamp($0) }, facts: row[4])
                    },
                    forms.compactMap { row in
                        guard let image = digest(row[0]), let manifest = digest(row[1]),
                            let facts = (try? JSON.parse(row[2] as String)).flatMap({ ManifestFacts(manifest, $0) })
                        else { return nil }
                        return Form(image: image, facts: facts)
                    },
                    names.compactMap { row in
                        guard let name = try? Reference(row[0]), let image = digest(row[1]) else { return nil }
                        return Name(name: name, image: image, manifest: digest(row[2]))
                    }
                )
            }
        } catch {
            throw ImageError(error)
        }
    }

    private static func digest(_ text: String?) -> Digest? { text.flatMap { try? Digest($0) } }
}

extension BlobStore {
    /// Like ``open(_:)``, for those who speak of layers.
    func file(_ digest: Digest) throws(LayerError) -> Descriptor {
        do {
            return try open(digest)
        } catch {
            throw .store(error)
        }
    }

    /// For a blob that may be there in part, or for one that is not known yet.
    func writer(_ digest: Digest?, isResumed: Bool = false) throws(LayerError) -> BlobWriter {
        do throws(StoreError) {
            guard let digest, isResumed else { return try ingest(digest?.algorithm ?? .sha256) }
            return try resume(digest)
        } catch {
            throw .store(error)
        }
    }
}
