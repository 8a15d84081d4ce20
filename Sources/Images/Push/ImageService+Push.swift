internal import ByteText
internal import Concurrency
internal import Layers
internal import Linux
package import OCI
package import Registry
internal import Store
internal import Synchronization

extension ImageService {
    /// Brings an image to its registry: blobs that are not there yet, several at once, then the manifest.
    ///
    /// The manifest is the one the image came with, byte for byte, so its digest is the same wherever it goes.
    /// - Parameter reference: with a tag; without one all tags of the repository go.
    package func push(
        _ reference: Reference, credentials: RegistryCredentials?, progress: @escaping Progress
    ) async throws(ImageError) {
        if reference.digest != nil { throw .invalidArgument("cannot push a digest reference") }
        progress(PullProgress(status: "The push refers to repository [\(reference.name)]"))
        let tags = table.withLock { table in
            table.names.keys.filter { $0.name == reference.name && $0.digest == nil }.sorted {
                $0.description < $1.description
            }
        }
        guard !tags.isEmpty else {
            throw .notFound("An image does not exist locally with the tag: \(reference.familiarName)")
        }
        let session = await registry.session(for: reference, credentials: credentials) {
            progress(PullProgress(status: $0))
        }
        if reference.tag != nil { return try await push(reference, session, progress) }
        for tag in tags { try await push(tag, session, progress) }
    }

    private func push(
        _ reference: Reference, _ session: RegistrySession, _ progress: @escaping Progress
    ) async throws(ImageError) {
        let found = table.withLock { table -> (ImageRecord, NamedImage)? in
            guard let named = table.names[reference], var image = table.images[named.image] else { return nil }
            image.manifest = named.manifest
            table.pins.add(image.content)
            return (image, named)
        }
        guard let tag = reference.tag, let (image, named) = found else {
            throw .notFound("tag does not exist: \(reference.familiar)")
        }
        defer { letGo(image.content) }
        var manifest = try manifest(of: image)
        let layers = Array(zip(manifest.layers, image.layers))
        for (_, layer) in layers.reversed() { progress(PullProgress(id: layer.short, status: "Preparing")) }
        let sent = try await place(layers, session, reference, progress)
        if sent != manifest.layers { manifest = try Self.rewritten(manifest, layers: sent) }
        let digest: Digest
        do throws(RegistryError) {
            _ = try await place(manifest.configuration, session, reference) { _ in }
            digest = try await session.put(manifest.raw, mediaType: manifest.mediaType, as: tag)
        } catch {
            throw .plain(error)
        }
        rememberOrigin(of: manifest.layers.filter { $0.urls.isEmpty }.map(\.digest) + [image.id], reference)
        // The name may have moved, or gone, meanwhile.
        _ = try? change { change throws(ImageError) in
            if change.table.names[reference] == named { change.set(reference.at(digest), to: named, at: .now()) }
        }
        let size = manifest.raw.count
        progress(PullProgress(status: "\(tag): digest: \(digest) size: \(size)"))
        progress(PullProgress(status: "", pushed: PushedManifest(tag: tag, digest: digest, size: size)))
        onEvent(ImageEvent(action: .push, id: reference.familiar, name: reference.familiarName))
    }

    private func manifest(of image: ImageRecord) throws(ImageError) -> Manifest {
        do {
            let parsed = try ImageDocument(parsing: try blobs.read(image.manifest, limit: Self.documentLimit))
            guard case .manifest(let manifest) = parsed, manifest.layers.count == image.layers.count else {
                throw ImageError.corrupt("manifest \(image.manifest) is damaged")
            }
            return manifest
        } catch let error as StoreError {
            throw ImageError(error)
        } catch let error as ImageError {
            throw error
        } catch {
            throw .corrupt("manifest \(image.manifest) is damaged: \(error)")
        }
    }

    /// The same image with its layers packed.
    private static func rewritten(
        _ manifest: Manifest, layers: [ContentDescriptor]
    ) throws(ImageError) -> Manifest {
        let raw = Manifest.encoded(configuration: manifest.configuration, layers: layers)
        guard case .manifest(let parsed)? = try? ImageDocument(parsing: raw) else {
            throw .system("cannot write a manifest for \(manifest.configuration.digest)")
        }
        return parsed
    }

    /// Every layer, in the form the registry has it then.
    private func place(
        _ layers: [(ContentDescriptor, LayerID)], _ session: RegistrySession, _ reference: Reference,
        _ progress: @escaping Progress
    ) async throws(ImageError) -> [ContentDescriptor] {
        let placed = PlacedLayers()
        var started: Set<Digest> = []
        // The top layer first: it is the one most likely to be new.
        let different = layers.reversed().filter { started.insert($0.0.digest).inserted }
        try await allAtOnce(different) { (blob, layer) async throws(ImageError) in
            let form = await self.uploadSlots.run { () async -> Result<ContentDescriptor, ImageError> in
                if Task.isCancelled { return .failure(.cancelled) }
                do throws(ImageError) {
                    return .success(try await self.place(blob, layer, session, reference, progress))
                } catch {
                    return .failure(error)
                }
            }
            placed.set(blob.digest, to: try (form ?? .failure(.cancelled)).get())
        }
        return layers.compactMap { placed[$0.0.digest] }
    }

    private func place(
        _ blob: ContentDescriptor, _ layer: LayerID, _ session: RegistrySession, _ reference: Reference,
        _ progress: @escaping Progress
    ) async throws(ImageError) -> ContentDescriptor {
        let short = layer.short
        if !blob.urls.isEmpty {
            progress(PullProgress(id: short, status: "Skipped foreign layer"))
            return blob
        }
        do {
            let isPlain = !blob.mediaType.hasByteSuffix("gzip") && !blob.mediaType.hasByteSuffix("zstd")
            if isPlain, let known = packedForm(of: blob.digest), try await session.has(known.digest) {
                progress(PullProgress(id: short, status: "Layer already exists"))
                return known
            }
            let packed = isPlain ? try await pack(blob) : blob
            defer { if isPlain { letGo(Content(blobs: [packed.digest])) } }
            let meter = UploadMeter(short, packed.size, progress)
            switch try await place(packed, session, reference, onSend: meter.set) {
            case .wasThere: progress(PullProgress(id: short, status: "Layer already exists"))
            case .mounted(let origin): progress(PullProgress(id: short, status: "Mounted from \(origin)"))
            case .sent: progress(PullProgress(id: short, status: "Pushed"))
            }
            return packed
        } catch let error as RegistryError {
            throw .plain(error)
        } catch let error as ImageError {
            throw error
        } catch {
            throw .system("\(error)")
        }
    }

    private func place(
        _ blob: ContentDescriptor, _ session: RegistrySession, _ reference: Reference,
        onSend: @escaping @Sendable (Int64) -> Void
    ) async throws(RegistryError) -> RegistrySession.UploadOutcome {
        let file: SharedDescriptor
        do throws(StoreError) {
            file = SharedDescriptor(try blobs.open(blob.digest))
        } catch {
            throw .invalid("cannot read blob \(blob.digest): \(error)")
        }
        return try await session.place(
            blob, file: file, origins: origins(of: blob.digest, near: reference), onSend: onSend)
    }

    /// Packs a layer that is kept as a plain archive. The blob is pinned.
    private func pack(_ blob: ContentDescriptor) async throws(ImageError) -> ContentDescriptor {
        let blobs = blobs
        do throws(LayerError) {
            let packed = try await onThread { () throws(LayerError) in
                let writer = try blobs.writer(nil)
                try GzipPacking.pack(FileSource(try blobs.file(blob.digest)), into: writer)
                let digest = writer.digest
                self.pin(Content(blobs: [digest]))
                do throws(StoreError) {
                    try writer.finish()
                } catch {
                    self.unpin(Content(blobs: [digest]))
                    throw .store(error)
                }
                return ContentDescriptor(mediaType: MediaType.layerGzip, digest: digest, size: writer.size)
            }
            rememberPackedForm(packed, of: blob.digest)
            return packed
        } catch {
            throw ImageError(error)
        }
    }
}

/// In which form each layer is in the registry.
private final class PlacedLayers: Sendable {
    private let forms = Mutex<[Digest: ContentDescriptor]>([:])

    subscript(digest: Digest) -> ContentDescriptor? { forms.withLock { $0[digest] } }

    func set(_ digest: Digest, to form: ContentDescriptor) { forms.withLock { $0[digest] = form } }
}

/// Tells of an upload as Docker does: half a megabyte at a time.
private final class UploadMeter: Sendable {
    private let id: String
    private let total: Int64
    private let progress: ImageService.Progress
    private let shown = Atomic<Int64>(-1)

    init(_ id: String, _ total: Int64, _ progress: @escaping ImageService.Progress) {
        self.id = id
        self.total = total
        self.progress = progress
    }

    func set(_ sent: Int64) {
        let last = shown.load(ordering: .relaxed)
        guard sent > 0, last < 0 || sent < last || sent == total || sent - last >= max(1 << 19, total / 100) else {
            return
        }
        shown.store(sent, ordering: .relaxed)
        progress(PullProgress(id: id, status: "Pushing", current: sent, total: total))
    }
}
