internal import GRDB
internal import Glibc
internal import JSON
package import Layers
package import OCI
package import Registry
package import Store
internal import Synchronization

/// How images are fetched.
package struct ImageOptions: Sendable {
    package var registry = RegistryOptions()
    /// How roots of containers are made of layers.
    package var storageDriver = StorageDriverName.overlay2
    /// Layers that arrive at once.
    package var maxConcurrentDownloads = 3
    /// Blobs that leave at once.
    package var maxConcurrentUploads = 5

    package init() {}
}

/// The images of this host.
///
/// Thread-safe. `resolve`, `list` and the like answer from memory at once; `pull` and `import` suspend.
package final class ImageService: Sendable {
    package let blobs: BlobStore
    package let layers: LayerStore
    package let snapshots: Snapshots
    let database: StateDatabase
    let options: ImageOptions
    package let registry: RegistryClient
    let downloads = Downloads()
    let downloadSlots: Slots
    let uploadSlots: Slots
    let table: SharedTable
    let index: Coalesced
    let unsynced: Unsynced
    let onEvent: @Sendable (ImageEvent) -> Void

    /// The tables of this room, for ``StateDatabase``.
    package static let migrations = [
        Migration("images-1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE image (
                        id TEXT PRIMARY KEY NOT NULL, manifest TEXT NOT NULL, parent TEXT, tagged TEXT
                    ) WITHOUT ROWID;
                    CREATE TABLE imageName (
                        name TEXT PRIMARY KEY NOT NULL, image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE
                    ) WITHOUT ROWID;
                    CREATE INDEX imageNameOfImage ON imageName (image);
                    """)
        },
        Migration("images-2") { database in
            try database.execute(sql: "ALTER TABLE image ADD COLUMN facts TEXT")
        },
        leaseMigration, originMigration,
    ]

    /// Opens the images below `root` (the daemon's data directory). Work that an earlier process left half-done is
    /// removed; layers that may not have reached the disk before a power failure are unpacked again.
    package init(
        root: String, database: StateDatabase, options: ImageOptions = ImageOptions(),
        onEvent: @escaping @Sendable (ImageEvent) -> Void = { _ in }
    ) async throws(ImageError) {
        do {
            blobs = try BlobStore(root: root + "/images")
        } catch {
            throw ImageError(error)
        }
        do {
            layers = try LayerStore(root: root + "/layers")
            snapshots = try Snapshots(root: root + "/containers", layers: layers, driver: options.storageDriver)
        } catch {
            throw ImageError(error)
        }
        self.database = database
        self.options = options
        self.onEvent = onEvent
        registry = RegistryClient(options.registry)
        downloadSlots = Slots(options.maxConcurrentDownloads)
        uploadSlots = Slots(options.maxConcurrentUploads)
        let table = SharedTable(try await Self.load(database, blobs, layers))
        self.table = table
        index = Coalesced { [blobs] in Self.writeIndex(table.withLock { $0 }, blobs) }
        unsynced = Unsynced(layers)
        sweep()
        publishIndex()
    }

    /// Closes connections to registries, and finishes what is done in the background.
    package func shutdown() async {
        await index.settle()
        await unsynced.settle()
        await registry.shutdown()
    }

    /// The image that `name` means: `busybox`, `busybox:1.36`, `busybox@sha256:…`, an id or its beginning.
    package func resolve(_ name: String) throws(ImageError) -> ImageRecord {
        try table.withLock { table throws(ImageError) in
            let id = try table.resolve(name).id
            guard let record = table.record(id) else { throw .notFound("No such image: \(name)") }
            _ = try record.document.read()
            return record
        }
    }

    /// Gives an image another name. A tag that another image had moves over.
    package func tag(_ source: String, as target: Reference) throws(ImageError) {
        if target.digest != nil {
            throw .invalidArgument("refusing to create a tag with a digest reference")
        }
        let name = target.withDefaultTag
        let id = try table.withLock { table throws(ImageError) in
            let id = try table.resolve(source).id
            try assign(name, to: id, in: &table)
            return id
        }
        publishIndex()
        onEvent(ImageEvent(action: .tag, id: id.description, name: name.familiar))
    }

    /// Where each line of the image came from, newest first.
    package func history(_ name: String) throws(ImageError) -> [ImageHistoryEntry] {
        let image = try resolve(name)
        var sizes = image.layers.map { layers.size($0) ?? 0 }[...]
        var entries: [ImageHistoryEntry] = []
        let history = image.configuration.history
        for (number, line) in history.enumerated() {
            let size = line.isEmptyLayer ? 0 : sizes.popFirst() ?? 0
            let isLast = number == history.count - 1
            entries.append(
                ImageHistoryEntry(
                    id: isLast ? image.id.description : "<missing>", created: line.created ?? .zero,
                    createdBy: line.createdBy, tags: isLast ? image.repoTags : [], size: size, comment: line.comment))
        }
        return entries.reversed()
    }

    // MARK: State

    /// Names an image in the database and in memory.
    func assign(_ name: Reference, to id: ImageID, in table: inout ImageTable) throws(ImageError) {
        let now = Timestamp.now()
        do {
            try database.write { database in
                try database.execute(
                    sql: """
                        INSERT INTO imageName (name, image) VALUES (?, ?)
                        ON CONFLICT (name) DO UPDATE SET image = excluded.image
                        """,
                    arguments: [name.description, id.description])
                try database.execute(
                    sql: "UPDATE image SET tagged = ? WHERE id = ?",
                    arguments: [now.description, id.description])
            }
        } catch {
            throw ImageError(error)
        }
        table.set(name, to: id)
        table.touch(id, at: now)
    }

    /// Makes an image exist, with its names, in one transaction.
    func register(_ image: ImageRecord, names: [Reference]) throws(ImageError) {
        let now = Timestamp.now()
        try table.withLock { table throws(ImageError) in
            do throws(StoreError) {
                try database.write { database in
                    try database.execute(
                        sql: """
                            INSERT INTO image (id, manifest, parent, tagged, facts) VALUES (?, ?, ?, ?, ?)
                            ON CONFLICT (id) DO UPDATE SET tagged = coalesce(excluded.tagged, tagged)
                            """,
                        arguments: [
                            image.id.description, image.manifest.description, image.parent?.description,
                            names.isEmpty ? nil : now.description, image.facts.text,
                        ])
                    for name in names {
                        try database.execute(
                            sql: """
                                INSERT INTO imageName (name, image) VALUES (?, ?)
                                ON CONFLICT (name) DO UPDATE SET image = excluded.image
                                """,
                            arguments: [name.description, image.id.description])
                    }
                }
            } catch {
                throw ImageError(error)
            }
            if table.images[image.id] == nil { table.add(image) }
            for name in names { table.set(name, to: image.id) }
            if !names.isEmpty { table.touch(image.id, at: now) }
        }
        publishIndex()
    }

    /// Brings `index.json` up to date soon, for other tools. Nothing here reads it.
    func publishIndex() { index.request() }

    static func writeIndex(_ table: ImageTable, _ blobs: BlobStore) {
        let images = table.images.keys.sorted { $0.hex < $1.hex }.compactMap(table.record)
        var entries: [JSON] = []
        for image in images {
            let names: [String?] = image.repoTags.isEmpty ? [nil] : image.repoTags
            for name in names {
                entries.append(
                    ContentDescriptor(
                        mediaType: image.facts.mediaType, digest: image.manifest, size: image.facts.manifestSize,
                        platform: image.facts.platform,
                        annotations: name.map { ["org.opencontainers.image.ref.name": $0] } ?? [:]
                    ).json)
            }
        }
        let index: JSON = [
            "schemaVersion": .number("2"), "mediaType": .string(MediaType.index), "manifests": .array(entries),
        ]
        // Losing it costs nothing: it is written again at the next start.
        try? blobs.replace("index.json", with: index.serialized())
    }
}
