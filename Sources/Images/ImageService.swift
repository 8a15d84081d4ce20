internal import Concurrency
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
    /// Told in words what goes wrong where nobody waits for it.
    package var report: @Sendable (String) -> Void = { _ in }

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
    let unpackings = Downloads()
    /// What waits for all that waits before it.
    let lastUnpacking = Mutex<Task<Void, Never>?>(nil)
    let downloadSlots: AsyncSemaphore
    let uploadSlots: AsyncSemaphore
    let table: SharedTable
    let index: CoalescingWorker
    private let firstIndex: Task<Void, Never>
    let unsynced: Unsynced
    let onEvent: @Sendable (ImageEvent) -> Void

    /// The tables of this module, for ``StateDatabase``.
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
        leaseMigration, originMigration, manifestMigration,
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
            layers = try LayerStore(root: root + "/layers", report: options.report)
            snapshots = try Snapshots(
                root: root + "/containers", layers: layers, driver: options.storageDriver, report: options.report)
        } catch {
            throw ImageError(error)
        }
        self.database = database
        self.options = options
        self.onEvent = onEvent
        registry = RegistryClient(options.registry)
        downloadSlots = AsyncSemaphore(options.maxConcurrentDownloads)
        uploadSlots = AsyncSemaphore(options.maxConcurrentUploads)
        let here = (blobs: Set(blobs.digests()), layers: Set(layers.layers()))
        let table = SharedTable(try await Self.load(database, blobs, layers, here))
        self.table = table
        index = CoalescingWorker { [blobs] in await onThread { Self.writeIndex(table.withLock { $0 }, blobs) } }
        unsynced = Unsynced(layers)
        // It is as the daemon before this one left it, unless that one was killed: there are more urgent things at a start.
        firstIndex = Task { [index] in
            // timer: what is more urgent at a start goes first.
            if (try? await Task.sleep(for: .seconds(1))) != nil { index.request() }
        }
        sweep(here.blobs, here.layers)
    }

    /// Closes connections to registries, and finishes what is done in the background.
    package func shutdown() async {
        firstIndex.cancel()
        await firstIndex.value
        await index.settle()
        await finishUnpackings()
        await unsynced.settle()
        await layers.waitForRemovals()
        await registry.shutdown()
    }

    /// The image that `name` means: `busybox`, `busybox:1.36`, `busybox@sha256:…`, an id or its beginning.
    package func resolve(_ name: String) throws(ImageError) -> ImageRecord {
        try table.withLock { table throws(ImageError) in try record(name, in: table) }
    }

    func record(_ name: String, in table: ImageTable) throws(ImageError) -> ImageRecord {
        let found = try table.resolve(name)
        guard var record = table.record(found.id) else { throw .notFound("No such image: \(name)") }
        // In the form that the name stands for.
        if let named = found.name.flatMap({ table.names[$0] }) { record.manifest = named.manifest }
        _ = try record.document.read()
        return record
    }

    /// Gives an image another name. A tag that another image had moves over.
    package func tag(_ source: String, as target: Reference) throws(ImageError) {
        try target.checkAsTag()
        let name = target.withDefaultTag
        let (id, _) = try change { change throws(ImageError) in
            let image = try record(source, in: change.table)
            change.set(name, to: NamedImage(image: image.id, manifest: image.manifest), at: .now())
            return image.id
        }
        onEvent(ImageEvent(action: .tag, id: id.description, name: name.familiar))
    }

    /// Where each line of the image came from, newest first.
    package func history(_ name: String) throws(ImageError) -> [ImageHistoryEntry] {
        let image = try resolve(name)
        var sizes = image.layers.map(size(of:))
        var entries: [ImageHistoryEntry] = []
        // A line is the image itself, its parent, the parent of that, as far as they are here.
        var maker: ImageRecord? = image
        for line in image.configuration.history.reversed() {
            let size = line.isEmptyLayer ? 0 : sizes.popLast() ?? 0
            entries.append(
                ImageHistoryEntry(
                    id: maker?.id.description ?? "<missing>", created: line.created ?? .zero,
                    createdBy: line.createdBy, tags: maker?.repoTags ?? [], size: size, comment: line.comment))
            maker = maker?.parent.flatMap { parent in table.withLock { $0.record(parent) } }
        }
        return entries
    }

    // MARK: State

    /// Makes an image exist, with its names.
    func register(_ image: ImageRecord, names: [Reference]) throws(ImageError) {
        try change { change throws(ImageError) in
            change.add(image)
            let target = NamedImage(image: image.id, manifest: image.manifest)
            for name in names { change.set(name, to: target, at: .now()) }
        }
    }

    /// Brings `index.json` up to date soon, for other tools. Nothing here reads it.
    func publishIndex() { index.request() }

    static func writeIndex(_ table: ImageTable, _ blobs: BlobStore) {
        var entries: [JSON] = []
        for image in table.images.values.sorted(by: { $0.id.hex < $1.id.hex }) {
            var unnamed = Set(image.manifests.keys)
            var names: [(manifest: Digest, name: String?)] = []
            for name in table.references(of: image.id) where name.digest == nil {
                guard let manifest = table.names[name]?.manifest else { continue }
                unnamed.remove(manifest)
                names.append((manifest, name.familiar))
            }
            for manifest in unnamed.sorted(by: { $0.hex < $1.hex }) { names.append((manifest, nil)) }
            for (manifest, name) in names {
                guard let facts = image.manifests[manifest] else { continue }
                entries.append(
                    ContentDescriptor(
                        mediaType: facts.mediaType, digest: manifest, size: facts.size, platform: image.facts.platform,
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
