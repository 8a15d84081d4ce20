internal import ByteText
internal import Glibc
internal import Layers
package import OCI
package import Registry
internal import Store
internal import Synchronization

extension ImageService {
    package typealias Progress = @Sendable (PullProgress) -> Void

    /// Fetches an image from its registry, all layers at once, each hashed, inflated and unpacked as it arrives.
    ///
    /// - Parameters:
    ///   - reference: without a tag or digest it means `latest`.
    ///   - platform: the host's when nil.
    ///   - progress: called from many threads, in the order of each layer; must be quick.
    package func pull(
        _ reference: Reference, platform: Platform? = nil, credentials: RegistryCredentials? = nil,
        progress: @escaping Progress
    ) async throws(ImageError) -> ImageID {
        let reference = reference.withDefaultTag
        let pulled = try await trying(reference, credentials, progress) { session throws(ImageError) in
            try await pull(reference, platform, session, progress)
        }
        Self.tell(reference, wasKnown: pulled.wasKnown, progress)
        return pulled.id
    }

    /// Fetches every tag of a repository.
    package func pullAll(
        _ repository: Reference, platform: Platform? = nil, credentials: RegistryCredentials? = nil,
        progress: @escaping Progress
    ) async throws(ImageError) {
        let wasKnown = try await trying(repository, credentials, progress) { session throws(ImageError) in
            let tags: [String]
            do throws(RegistryError) {
                tags = try await session.tags()
            } catch {
                throw ImageError(error, repository)
            }
            var wasKnown = true
            for tag in tags {
                guard let reference = repository.tagged(tag) else { continue }
                wasKnown = try await pull(reference, platform, session, progress).wasKnown && wasKnown
            }
            return wasKnown
        }
        Self.tell(repository, wasKnown: wasKnown, progress)
    }

    private static func tell(_ reference: Reference, wasKnown: Bool, _ progress: Progress) {
        let status = wasKnown ? "Image is up to date" : "Downloaded newer image"
        progress(PullProgress(status: "Status: \(status) for \(reference.familiar)"))
    }

    /// A mirror that fails is passed over; the registry itself has the last word.
    private func trying<Value>(
        _ reference: Reference, _ credentials: RegistryCredentials?, _ progress: @escaping Progress,
        _ body: (RegistrySession) async throws(ImageError) -> Value
    ) async throws(ImageError) -> Value {
        var sessions = await registry.sessions(for: reference, credentials: credentials) {
            progress(PullProgress(status: $0))
        }
        while true {
            let session = sessions.removeFirst()
            do throws(ImageError) {
                return try await body(session)
            } catch {
                guard let next = sessions.first else { throw error }
                if case .cancelled = error { throw error }
                if case .noSpace = error { throw error }
                progress(PullProgress(status: "\(session.authority) failed: \(error); asking \(next.authority)"))
            }
        }
    }

    private func pull(
        _ reference: Reference, _ platform: Platform?, _ session: RegistrySession, _ progress: @escaping Progress
    ) async throws(ImageError) -> (id: ImageID, wasKnown: Bool) {
        let (manifest, named) = try await manifest(reference, platform ?? .host, session, progress)
        let (raw, configuration) = try await configuration(manifest, reference, session)
        let actual = configuration.platform
        if let platform, platform.rank(of: actual) == nil {
            throw .notFound(
                "image with reference \(reference.familiar) was found but does not match the specified platform: "
                    + "wanted \(platform), actual: \(actual)")
        }

        let id = manifest.configuration.digest
        let wasKnown = table.withLock { table in
            (table.names[reference] ?? table.names[reference.at(named)])?.image == id
        }
        // Held until the image's row holds it.
        let content = Content(
            layers: configuration.diffIDs,
            blobs: [id, ContentHash.digest(of: manifest.raw)] + manifest.layers.map(\.digest))
        pin(content)
        do throws(ImageError) {
            try await fetch(manifest, configuration, session, reference, progress)
            try register(manifest, configuration, raw, named, reference)
        } catch {
            unpin(content)
            // What arrived in good order serves the next try; what was wrong serves nobody, nor does it on a full disk.
            if !error.isInterruption { abandon(content) }
            throw error
        }
        unpin(content)
        if !session.isMirror { rememberOrigin(of: manifest.layers.map(\.digest) + [id], reference) }
        syncInBackground(configuration.diffIDs)
        progress(PullProgress(status: "Digest: \(named)"))
        onEvent(ImageEvent(action: .pull, id: reference.familiar, name: reference.familiarName))
        return (id, wasKnown)
    }

    /// The image of content that is here.
    private func register(
        _ manifest: Manifest, _ configuration: ImageConfiguration, _ raw: [UInt8], _ named: Digest,
        _ reference: Reference
    ) throws(ImageError) {
        let digest: Digest
        do {
            try blobs.put(raw)
            digest = try blobs.put(manifest.raw)
        } catch {
            throw ImageError(error)
        }
        let image = Self.record(
            configuration, id: manifest.configuration.digest, manifest: digest, parent: nil, tagged: nil,
            size: size(of: configuration.diffIDs), blobs)
        try register(image, names: [reference.at(named)] + (reference.digest == nil ? [reference] : []))
    }

    /// Takes away what a failed pull has brought, unless somebody else needs it.
    private func abandon(_ content: Content) {
        for blob in content.blobs where table.withLock({ !$0.pins.has(blob: blob) }) { blobs.removePartial(blob) }
        discard(content)
    }

    /// The manifest for the platform, and the digest of what the name means (which may be an index).
    private func manifest(
        _ reference: Reference, _ platform: Platform, _ session: RegistrySession, _ progress: Progress
    ) async throws(ImageError) -> (Manifest, Digest) {
        do {
            let name = reference.digest?.description ?? reference.tag ?? "latest"
            let document = try await session.manifest(name, digest: reference.digest)
            progress(PullProgress(id: reference.tag ?? name, status: "Pulling from \(reference.path)"))
            var parsed = try ImageDocument(parsing: document.bytes, mediaType: document.mediaType)
            var seen: Set<Digest> = [document.digest]
            while case .index(let index) = parsed {
                guard let entry = index.best(for: platform) else {
                    throw ImageError.notFound("no matching manifest for \(platform) in the manifest list entries")
                }
                // Nobody nests deeper, and a circle must end.
                guard seen.insert(entry.digest).inserted, seen.count <= 5 else {
                    throw ImageError.corrupt("image \(reference.familiar): its indexes name each other in a circle")
                }
                let chosen = try await session.manifest(entry.digest.description, digest: entry.digest)
                guard chosen.bytes.count == entry.size else {
                    throw ImageError.corrupt(
                        "image \(reference.familiar): manifest \(entry.digest) has \(chosen.bytes.count) bytes, "
                            + "and its index says \(entry.size)")
                }
                parsed = try ImageDocument(
                    parsing: chosen.bytes, mediaType: entry.mediaType.isEmpty ? chosen.mediaType : entry.mediaType)
            }
            guard case .manifest(let manifest) = parsed else { throw ImageError.corrupt("no manifest") }
            try Self.check(manifest, reference)
            return (manifest, document.digest)
        } catch let error as RegistryError {
            throw ImageError(error, reference)
        } catch let error as ImageError {
            throw error
        } catch {
            throw .corrupt("image \(reference.familiar): \(error)")
        }
    }

    /// Things that registries keep beside images have manifests, too.
    private static func check(_ manifest: Manifest, _ reference: Reference) throws(ImageError) {
        let kind = manifest.configuration.mediaType
        guard ["", MediaType.configuration, MediaType.dockerConfiguration, "application/octet-stream"].contains(kind)
        else {
            throw .corrupt("\(reference.familiar) is no container image: its configuration is \(kind)")
        }
        for layer in manifest.layers {
            let type = layer.mediaType
            guard
                type.isEmpty || type.hasBytePrefix("application/vnd.docker.image.rootfs.")
                    || type.hasBytePrefix("application/vnd.oci.image.layer.") || type == "application/octet-stream"
            else { throw .corrupt("unsupported media type \(type) of a layer of \(reference.familiar)") }
        }
    }

    private func configuration(
        _ manifest: Manifest, _ reference: Reference, _ session: RegistrySession
    ) async throws(ImageError) -> ([UInt8], ImageConfiguration) {
        do {
            let raw: [UInt8]
            if let known = try? blobs.read(manifest.configuration.digest, limit: Self.documentLimit) {
                raw = known
            } else {
                raw = try await session.document(manifest.configuration)
            }
            let configuration = try ImageConfiguration(parsing: raw)
            guard configuration.diffIDs.count == manifest.layers.count else {
                throw ImageError.corrupt(
                    "image \(reference.familiar) is damaged: \(manifest.layers.count) layers in its manifest, "
                        + "\(configuration.diffIDs.count) in its configuration")
            }
            return (raw, configuration)
        } catch let error as RegistryError {
            throw ImageError(error, reference)
        } catch let error as ImageError {
            throw error
        } catch {
            throw .corrupt("\(error)")
        }
    }
}
