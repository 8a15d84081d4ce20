internal import Glibc
internal import Layers
package import OCI
package import Registry
internal import Store
internal import Synchronization

extension ImageService {
    /// Fetches an image from its registry, all layers at once, each hashed, inflated and unpacked as it arrives.
    ///
    /// - Parameters:
    ///   - reference: without a tag or digest it means `latest`.
    ///   - platform: the host's when nil.
    ///   - progress: called from many threads, in the order of each layer; must be quick.
    package func pull(
        _ reference: Reference, platform: Platform? = nil, credentials: RegistryCredentials? = nil,
        progress: @escaping @Sendable (PullProgress) -> Void
    ) async throws(ImageError) -> ImageID {
        let reference = reference.withDefaultTag
        var failure: ImageError?
        for session in registry.sessions(for: reference, credentials: credentials) {
            do throws(ImageError) {
                return try await pull(reference, platform ?? .host, isChosen: platform != nil, session, progress)
            } catch {
                // A mirror that fails is passed over; the registry itself has the last word.
                if case .cancelled = error { throw error }
                if case .noSpace = error { throw error }
                failure = error
            }
        }
        throw failure ?? .unreachable("no registry for \(reference.familiar)")
    }

    private func pull(
        _ reference: Reference, _ platform: Platform, isChosen: Bool, _ session: RegistrySession,
        _ progress: @escaping @Sendable (PullProgress) -> Void
    ) async throws(ImageError) -> ImageID {
        let (manifest, named) = try await manifest(reference, platform, isChosen, session, progress)
        let raw: [UInt8]
        let configuration: ImageConfiguration
        do {
            if let known = try? blobs.read(manifest.configuration.digest, limit: Self.documentLimit) {
                raw = known
            } else {
                raw = try await session.document(manifest.configuration)
            }
            configuration = try ImageConfiguration(parsing: raw)
        } catch let error as RegistryError {
            throw ImageError(error, reference)
        } catch {
            throw .corrupt("\(error)")
        }
        guard configuration.diffIDs.count == manifest.layers.count else {
            throw .corrupt(
                "image \(reference.familiar) is damaged: \(manifest.layers.count) layers in its manifest, "
                    + "\(configuration.diffIDs.count) in its configuration")
        }

        let actual = configuration.platform
        if isChosen, platform.rank(of: actual) == nil {
            throw .notFound(
                "image with reference \(reference.familiar) was found but does not match the specified platform: "
                    + "wanted \(platform), actual: \(actual)")
        }

        let id = manifest.configuration.digest
        let manifestDigest = ContentHash.digest(of: manifest.raw)
        let wasKnown = table.withLock { table in
            (table.names[reference] ?? table.names[reference.at(named)]) == id
        }
        // Held until the image's row holds them.
        let pins = [id, manifestDigest] + manifest.layers.map(\.digest) + configuration.diffIDs
        pin(pins)
        defer { unpin(pins) }
        try await fetch(manifest, configuration, session, reference, progress)

        do {
            try blobs.put(raw)
            try blobs.put(manifest.raw)
        } catch {
            throw ImageError(error)
        }
        let image = Self.record(
            configuration, id: id, manifest: manifestDigest, parent: nil, tagged: nil, layers, blobs)
        var names = [reference.at(named)]
        if reference.digest == nil { names.append(reference) }
        try register(image, names: names)
        syncInBackground(configuration.diffIDs)
        progress(PullProgress(status: "Digest: \(named)"))
        progress(
            PullProgress(
                status: wasKnown
                    ? "Status: Image is up to date for \(reference.familiar)"
                    : "Status: Downloaded newer image for \(reference.familiar)"))
        onEvent(ImageEvent(action: .pull, id: reference.familiar, name: reference.familiarName))
        return id
    }

    /// The manifest for the platform, and the digest of what the name means (which may be an index).
    private func manifest(
        _ reference: Reference, _ platform: Platform, _ isChosen: Bool, _ session: RegistrySession,
        _ progress: @Sendable (PullProgress) -> Void
    ) async throws(ImageError) -> (Manifest, Digest) {
        do {
            let name = reference.digest?.description ?? reference.tag ?? "latest"
            let document = try await session.manifest(name, digest: reference.digest)
            progress(PullProgress(id: reference.tag ?? name, status: "Pulling from \(Self.repository(reference))"))
            var parsed = try ImageDocument(parsing: document.bytes, mediaType: document.mediaType)
            if case .index(let index) = parsed {
                guard let entry = index.best(for: platform) else {
                    throw ImageError.notFound(
                        "no matching manifest for \(platform) in the manifest list entries")
                }
                let chosen = try await session.manifest(entry.digest.description, digest: entry.digest)
                parsed = try ImageDocument(parsing: chosen.bytes, mediaType: chosen.mediaType)
            }
            guard case .manifest(let manifest) = parsed else {
                throw ImageError.corrupt("image \(reference.familiar) is damaged: an index in an index")
            }
            return (manifest, document.digest)
        } catch let error as RegistryError {
            throw ImageError(error, reference)
        } catch let error as ImageError {
            throw error
        } catch {
            throw .corrupt("image \(reference.familiar): \(error)")
        }
    }

    /// As Docker shows it: without the registry.
    private static func repository(_ reference: Reference) -> String { reference.path }

    private func fetch(
        _ manifest: Manifest, _ configuration: ImageConfiguration, _ session: RegistrySession, _ reference: Reference,
        _ progress: @escaping @Sendable (PullProgress) -> Void
    ) async throws(ImageError) {
        let pairs = Array(zip(manifest.layers, configuration.diffIDs))
        // The same image may have been pulled with its layers packed in another way.
        let isKnown = table.withLock { $0.images[manifest.configuration.digest] != nil }
        let isHere = { (packed: ContentDescriptor, layer: LayerID) in
            self.layers.contains(layer) && (isKnown || self.blobs.contains(packed.digest))
        }
        for (packed, layer) in pairs where !isHere(packed, layer) {
            progress(PullProgress(id: packed.digest.short, status: "Pulling fs layer"))
        }
        let failure = await withTaskGroup(of: ImageError?.self) { group -> ImageError? in
            var started: Set<Digest> = []
            for (packed, layer) in pairs {
                if isHere(packed, layer) {
                    progress(PullProgress(id: packed.digest.short, status: "Already exists"))
                    continue
                }
                // An image may hold the same layer twice.
                guard started.insert(packed.digest).inserted else { continue }
                group.addTask {
                    do throws(ImageError) {
                        try await self.fetch(packed, layer, session, reference, progress)
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            var first: ImageError?
            for await failure in group where failure != nil {
                if first == nil { first = failure }
                group.cancelAll()
            }
            return first
        }
        if let failure {
            // What did arrive is of no use to anybody.
            for (packed, layer) in pairs { abandon(packed.digest, layer) }
            throw failure
        }
        if Task.isCancelled { throw .cancelled }
    }

    private func fetch(
        _ packed: ContentDescriptor, _ layer: LayerID, _ session: RegistrySession, _ reference: Reference,
        _ progress: @escaping @Sendable (PullProgress) -> Void
    ) async throws(ImageError) {
        let limit = options.maxConcurrentDownloads
        _ = try await downloads.layer(packed.digest) {
            await self.downloads.limited(to: limit) {
                if Task.isCancelled { return .failure(.cancelled) }
                return await self.download(packed, layer, session, reference, progress)
            }
        }
        progress(PullProgress(id: packed.digest.short, status: "Pull complete"))
    }

    /// One layer: this task receives, a thread of its own does all the rest.
    private func download(
        _ packed: ContentDescriptor, _ layer: LayerID, _ session: RegistrySession, _ reference: Reference,
        _ progress: @escaping @Sendable (PullProgress) -> Void
    ) async -> Result<LayerStore.Unpacked, ImageError> {
        let pipe = BytePipe()
        let short = packed.digest.short
        let received = Atomic<Int64>(0)
        let shown = Atomic<Int64>(0)
        async let unpacked = unpackResult(pipe, layer, packed)
        var broken: RegistryError?
        do throws(RegistryError) {
            try await session.blob(packed) { piece in
                let count = received.add(Int64(piece.count), ordering: .relaxed).newValue
                // Often enough for a bar, seldom enough for the reader.
                if count == packed.size || count - shown.load(ordering: .relaxed) >= max(1 << 19, packed.size / 100) {
                    shown.store(count, ordering: .relaxed)
                    progress(
                        PullProgress(id: short, status: "Downloading", current: count, total: packed.size))
                }
                if Task.isCancelled { return false }
                return await pipe.send(piece)
            }
        } catch {
            broken = error
        }
        let isComplete = broken == nil && !Task.isCancelled && received.load(ordering: .relaxed) == packed.size
        if isComplete {
            progress(PullProgress(id: short, status: "Verifying Checksum"))
            progress(PullProgress(id: short, status: "Download complete"))
            progress(PullProgress(id: short, status: "Extracting", current: packed.size, total: packed.size))
        }
        pipe.finish(complete: isComplete)
        let result = await unpacked
        if Task.isCancelled { return .failure(.cancelled) }
        if let broken { return .failure(ImageError(broken, reference)) }
        return result
    }

    private func unpackResult(
        _ pipe: BytePipe, _ layer: LayerID, _ packed: ContentDescriptor
    ) async -> Result<LayerStore.Unpacked, ImageError> {
        do throws(LayerError) {
            let (unpacked, _) = try await unpack(from: pipe, expected: layer, blob: packed)
            // The pull itself holds them as well.
            unpin([unpacked.layer, unpacked.blob])
            return .success(unpacked)
        } catch {
            return .failure(ImageError(error))
        }
    }

    /// Takes away what a failed pull has brought, unless somebody else needs it.
    private func abandon(_ blob: Digest, _ layer: LayerID) {
        let (isBlobFree, isLayerFree) = table.withLock { table in
            (
                (table.pinned[blob] ?? 0) <= 1,
                (table.pinned[layer] ?? 0) <= 1 && !table.images.values.contains { $0.layers.contains(layer) }
            )
        }
        if isBlobFree, !table.withLock({ table in table.images.values.contains { $0.blobs.contains(blob) } }) {
            try? blobs.remove(blob)
        }
        if isLayerFree, !heldLayers().contains(layer) { try? layers.remove(layer) }
    }
}

extension ImageError {
    /// In Docker's words.
    init(_ error: RegistryError, _ reference: Reference) {
        switch error {
        case .refused(_, let code, _) where code == "DENIED":
            self = .notFound(
                "pull access denied for \(reference.familiarName), repository does not exist or may require "
                    + "'docker login': \(error)")
        case .refused(_, let code, _) where code == "NAME_UNKNOWN":
            self = .notFound("repository \(reference.familiarName) not found: \(error)")
        case .refused(let status, let code, _) where code == "MANIFEST_UNKNOWN" || (status == 404 && code.isEmpty):
            self = .notFound(
                "manifest for \(reference.familiar) not found: manifest unknown: manifest unknown")
        case .refused(404, _, _): self = .notFound("manifest for \(reference.familiar) not found: \(error)")
        case .refused: self = .system("\(error)")
        case .unauthorized:
            self = .unauthorized(
                "pull access denied for \(reference.familiarName), repository does not exist or may require "
                    + "'docker login': \(error)")
        case .tooManyRequests: self = .tooManyRequests("\(error)")
        case .unreachable(let text), .broken(let text): self = .unreachable(text)
        case .invalid(let text): self = .corrupt(text)
        case .mismatch: self = .corrupt("\(error)")
        case .cancelled: self = .cancelled
        }
    }
}
