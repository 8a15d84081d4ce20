internal import Concurrency
internal import JSON
internal import Layers
package import OCI
internal import Store
internal import Synchronization

extension ImageService {
    /// Makes an image of one layer from a tar archive, plain or packed.
    ///
    /// - Parameters:
    ///   - bytes: the archive as it arrives; the next chunk is asked for only when there is room for it.
    ///   - reference: its name; none makes a dangling image.
    ///   - message: its comment, as in `Imported from -`.
    ///   - changes: Dockerfile lines for its configuration: `CMD ["sh"]`.
    package func `import`<Bytes: AsyncSequence & Sendable>(
        bytes: Bytes, reference: Reference?, message: String, changes: [String], platform: Platform? = nil
    ) async throws(ImageError) -> ImageID where Bytes.Element == [UInt8] {
        if reference?.digest != nil {
            throw .invalidArgument("cannot import digest reference")
        }
        try reference?.checkAsTag()
        var config = ImageConfiguration.Config()
        try config.apply(changes: changes)
        let (layer, blob) = try await unpack(bytes)
        defer { letGo(Content(layers: [layer.layer], blobs: [blob.digest])) }

        let platform = platform ?? .host
        let created = Timestamp.now()
        var history = ImageConfiguration.History()
        history.created = created
        history.comment = message
        let document: [(String, JSON)] = [
            ("architecture", .string(platform.architecture)),
            ("comment", .string(message)),
            ("config", config.json),
            ("created", .string(created.description)),
            ("history", [history.json]),
            ("os", .string(platform.os)),
            ("rootfs", ["type": "layers", "diff_ids": [.string(layer.layer.description)]]),
        ]
        var object = JSONObject(document)
        if !platform.variant.isEmpty { object["variant"] = .string(platform.variant) }
        let name = reference?.withDefaultTag
        let image = try make(JSON.object(object).serialized(), [blob], names: name.map { [$0] } ?? [])
        onEvent(ImageEvent(action: .import, id: image.id.description, name: name?.familiar ?? image.id.description))
        syncInBackground([layer.layer])
        return image.id
    }

    /// The archive becomes a layer and a packed blob, both pinned.
    private func unpack<Bytes: AsyncSequence & Sendable>(
        _ bytes: Bytes
    ) async throws(ImageError) -> (LayerStore.Unpacked, ContentDescriptor) where Bytes.Element == [UInt8] {
        try await feeding(bytes) { pipe in try await self.unpack(from: pipe, expected: nil) }
    }

    /// Runs `body` with a pipe that `bytes` go into as they arrive.
    func feeding<Bytes: AsyncSequence & Sendable, Value: Sendable>(
        _ bytes: Bytes, _ body: @Sendable (BytePipe) async throws -> Value
    ) async throws(ImageError) -> Value where Bytes.Element == [UInt8] {
        let pipe = BytePipe()
        let pump = Task { () -> ImageError? in
            do {
                for try await chunk in bytes where await !pipe.send(chunk) { break }
                pipe.finish(complete: !Task.isCancelled)
                return Task.isCancelled ? .cancelled : nil
            } catch {
                pipe.finish(complete: false)
                return (error as? ImageError) ?? (error is CancellationError ? .cancelled : .system("\(error)"))
            }
        }
        do {
            return try await withTaskCancellationHandler {
                try await body(pipe)
            } onCancel: {
                pump.cancel()
                pipe.finish(complete: false)
            }
        } catch LayerError.interrupted {
            throw await pump.value ?? .corrupt("archive ended too early")
        } catch {
            pump.cancel()
            throw (error as? LayerError).map { ImageError($0) } ?? (error as? ImageError) ?? .system("\(error)")
        }
    }

    /// On a thread of its own: from the pipe to a layer and a published blob, both pinned.
    func unpack(
        from pipe: BytePipe, expected: LayerID?, resuming packed: ContentDescriptor? = nil
    ) async throws(LayerError) -> (LayerStore.Unpacked, ContentDescriptor) {
        try await onThread { () throws(LayerError) in
            try self.unpack(PipeSource(pipe), expected: expected, blob: packed, isResumed: packed != nil)
        }
    }

    /// On this thread: from an archive to a layer and a published blob, both pinned.
    func unpack(
        _ source: any ByteSource, expected: LayerID?, blob packed: ContentDescriptor? = nil, isResumed: Bool = false
    ) throws(LayerError) -> (LayerStore.Unpacked, ContentDescriptor) {
        // Only a download may go on with what is there: it is the only one of its kind at a time.
        let writer = try blobs.writer(packed?.digest, isResumed: isResumed)
        let unpacked: LayerStore.Unpacked
        do throws(LayerError) {
            unpacked = try layers.unpack(source, expected: expected, keepingIn: writer)
        } catch {
            if case .interrupted = error { throw error }
            writer.discard()
            throw error
        }
        let content = Content(layers: [unpacked.layer], blobs: [unpacked.blob])
        pin(content)
        do throws(StoreError) {
            try writer.finish(expected: packed?.digest)
        } catch {
            letGo(content)
            throw .store(error)
        }
        let type: String
        switch unpacked.compression {
        case .gzip: type = MediaType.layerGzip
        case .zstd: type = MediaType.layerZstd
        case .none, .xz, .bzip2: type = MediaType.layer
        }
        return (unpacked, ContentDescriptor(mediaType: type, digest: unpacked.blob, size: unpacked.blobSize))
    }

    /// Makes an image of layers that are here and pinned. An image that is there already keeps the form it has unless the
    /// new one comes with a manifest of its own.
    func make(
        _ configuration: [UInt8], _ packed: [ContentDescriptor], parent: ImageID? = nil, manifest: [UInt8]? = nil,
        names: [Reference]
    ) throws(ImageError) -> ImageRecord {
        let id = ContentHash.digest(of: configuration)
        let known = manifest == nil ? table.withLock { $0.images[id] } : nil
        let document =
            manifest
            ?? Manifest.encoded(
                configuration: ContentDescriptor(
                    mediaType: MediaType.configuration, digest: id, size: Int64(configuration.count)), layers: packed)
        let digest = known?.manifest ?? ContentHash.digest(of: document)
        let content = Content(blobs: [id, digest])
        pin(content)
        defer { letGo(content) }
        do {
            try blobs.put(configuration)
            if known == nil { try blobs.put(document) }
            let parsed = try ImageConfiguration(parsing: configuration)
            let image = Self.record(
                parsed, id: id, manifest: digest, parent: parent, tagged: nil, size: size(of: parsed.diffIDs), blobs)
            try register(image, names: names)
            return image
        } catch let error as StoreError {
            throw ImageError(error)
        } catch let error as ImageError {
            throw error
        } catch {
            throw .corrupt("\(error)")
        }
    }

    /// Makes layers durable without anybody waiting.
    func syncInBackground(_ layers: [LayerID]) { unsynced.add(layers) }
}
