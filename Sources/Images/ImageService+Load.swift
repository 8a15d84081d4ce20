internal import GRDB
internal import Layers
internal import Linux
internal import OCI
internal import Store
internal import Synchronization

extension ImageService {
    /// A manifest or configuration larger than this is not read.
    static let documentLimit = 4 << 20

    /// Reads the table from the database and the documents from the store.
    static func load(
        _ database: StateDatabase, _ blobs: BlobStore, _ layers: LayerStore
    ) async throws(ImageError) -> ImageTable {
        let images: [[String?]]
        let names: [(String, String)]
        do {
            images = try database.read { database -> [[String?]] in
                let rows = try Row.fetchAll(database, sql: "SELECT id, manifest, parent, tagged, facts FROM image")
                return rows.map { row -> [String?] in (0..<5).map { (column: Int) -> String? in row[column] } }
            }
            names = try database.read { database -> [(String, String)] in
                let rows = try Row.fetchAll(database, sql: "SELECT name, image FROM imageName")
                return rows.map { row -> (String, String) in (row[0], row[1]) }
            }
        } catch {
            throw ImageError(error)
        }
        var table = ImageTable()
        for row in images {
            guard let id = row[0].flatMap({ try? Digest($0) }), let manifest = row[1].flatMap({ try? Digest($0) })
            else { continue }
            let parent = row[2].flatMap { try? Digest($0) }
            let tagged = row[3].flatMap { try? Timestamp($0) }
            if let facts = row[4].flatMap({ ImageFacts($0) }), facts.layers.allSatisfy(layers.contains),
                blobs.contains(id), blobs.contains(manifest)
            {
                table.add(
                    ImageRecord(
                        id: id, manifest: manifest, parent: parent, repoTags: [], repoDigests: [], lastTagTime: tagged,
                        facts: facts, document: ConfigurationDocument(blobs, id)))
                continue
            }
            do {
                let image = try await load(id, manifest: manifest, parent: parent, tagged: tagged, blobs, layers)
                table.add(image)
                _ = try? await database.write { database in
                    try database.execute(
                        sql: "UPDATE image SET facts = ? WHERE id = ?",
                        arguments: [image.facts.text, id.description])
                }
            } catch {
                // Its content is gone or damaged: the image is, too. A pull brings it back.
                _ = try? await database.write { database in
                    try database.execute(sql: "DELETE FROM image WHERE id = ?", arguments: [id.description])
                }
            }
        }
        for (name, image) in names {
            guard let id = try? Digest(image), table.images[id] != nil, let reference = try? Reference(name) else {
                continue
            }
            table.set(reference, to: id)
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
        return record(configuration, id: id, manifest: manifest, parent: parent, tagged: tagged, layers, blobs)
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
                _ = try await onThread { () throws(LayerError) in
                    try layers.unpack(FileSource(try blobs.file(packed.digest)), expected: layer)
                }
            } catch {
                throw ImageError(error)
            }
        }
        try? layers.sync(configuration.diffIDs)
    }

    static func record(
        _ configuration: ImageConfiguration, id: ImageID, manifest: Digest, parent: ImageID?, tagged: Timestamp?,
        _ layers: LayerStore, _ blobs: BlobStore
    ) -> ImageRecord {
        let bytes = (try? blobs.read(manifest, limit: documentLimit)) ?? []
        var (mediaType, packed) = (MediaType.manifest, [Digest]())
        if case .manifest(let document)? = try? ImageDocument(parsing: bytes) {
            (mediaType, packed) = (document.mediaType, document.layers.map(\.digest))
        }
        let facts = ImageFacts(
            configuration, size: configuration.diffIDs.reduce(0) { $0 + (layers.size($1) ?? 0) }, mediaType: mediaType,
            manifestSize: Int64(bytes.count), packed: packed)
        return ImageRecord(
            id: id, manifest: manifest, parent: parent, repoTags: [], repoDigests: [], lastTagTime: tagged,
            facts: facts,
            document: ConfigurationDocument(blobs, id, configuration))
    }

    /// Removes layers and blobs that nothing needs any more: no image, no container, no pull under way.
    package func sweep() {
        let leased = leased()
        let held = heldLayers().union(leased)
        sweepPartials(leased)
        let (here, packed) = (layers.layers(), blobs.digests())
        let needed = table.withLock { $0.needed }.union(held)
        for layer in here where !needed.contains(layer) { try? layers.remove(layer) }
        for blob in packed where !needed.contains(blob) { try? blobs.remove(blob) }
        sweepOrigins()
    }

    /// The layers below containers, whose image may be gone.
    func heldLayers() -> Set<LayerID> {
        var held: Set<LayerID> = []
        for id in snapshots.list() { held.formUnion((try? snapshots.layers(id: id)) ?? []) }
        return held
    }
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
