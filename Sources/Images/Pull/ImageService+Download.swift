internal import Concurrency
internal import Glibc
internal import Layers
internal import Linux
internal import NIOPosix
internal import OCI
internal import Registry
internal import Store
internal import Synchronization

extension ImageService {
    /// Brings every layer of a manifest here that is not here yet.
    func fetch(
        _ manifest: Manifest, _ configuration: ImageConfiguration, _ session: RegistrySession, _ reference: Reference,
        _ progress: @escaping Progress
    ) async throws(ImageError) {
        let pairs = Array(zip(manifest.layers, configuration.diffIDs))
        let here = Set(
            pairs.lazy.filter { packed, layer in
                self.layers.contains(layer) && self.blobs.size(packed.digest) == packed.size
            }.map(\.0.digest))
        let absent = pairs.filter { !here.contains($0.0.digest) }
        // An image that is here is not told of layer by layer.
        if absent.isEmpty, table.withLock({ $0.images[manifest.configuration.digest] }) != nil { return }
        for (packed, _) in absent { progress(PullProgress(id: packed.digest.short, status: "Pulling fs layer")) }
        for (packed, _) in pairs where here.contains(packed.digest) {
            progress(PullProgress(id: packed.digest.short, status: "Already exists"))
        }
        if absent.isEmpty { return }
        let leased = absent.flatMap { [$0.0.digest, $0.1] }
        try lease(leased)
        var started: Set<Digest> = []
        // An image may hold the same layer twice.
        let different = absent.filter { started.insert($0.0.digest).inserted }
        do throws(ImageError) {
            try await allAtOnce(different) { (packed, layer) async throws(ImageError) in
                try await self.fetch(packed, layer, session, reference, progress)
            }
        } catch {
            if !error.isInterruption { endLease(leased) }
            throw error
        }
        if Task.isCancelled { throw .cancelled }
        endLease(leased)
    }

    private func fetch(
        _ packed: ContentDescriptor, _ layer: LayerID, _ session: RegistrySession, _ reference: Reference,
        _ progress: @escaping Progress
    ) async throws(ImageError) {
        try await downloads.layer(packed.digest) {
            let done = await self.downloadSlots.run { () async -> Result<Void, ImageError> in
                if Task.isCancelled { return .failure(.cancelled) }
                if await self.unpackLocal(packed, layer) { return .success(()) }
                let known = self.blobs.partial(packed.digest)
                let result = await self.download(packed, layer, known, session, reference, progress)
                // What an earlier try has left may be what is wrong, after a power failure for instance.
                if known != nil, case .failure(.corrupt) = result, !Task.isCancelled {
                    return await self.download(packed, layer, nil, session, reference, progress)
                }
                return result
            }
            return done ?? .failure(.cancelled)
        }
        progress(PullProgress(id: packed.digest.short, status: "Pull complete"))
    }

    /// A blob that is here and whose layer is not. False when there is no such blob, or it is of no use.
    private func unpackLocal(_ packed: ContentDescriptor, _ layer: LayerID) async -> Bool {
        guard blobs.size(packed.digest) == packed.size else { return false }
        return (try? await layers.unpack(layer, from: packed.digest, of: blobs)) != nil
    }

    /// One layer: this task receives, a thread of its own does all the rest. What an earlier try has left goes first.
    private func download(
        _ packed: ContentDescriptor, _ layer: LayerID, _ known: (size: Int64, file: SharedDescriptor)?,
        _ session: RegistrySession, _ reference: Reference, _ progress: @escaping Progress
    ) async -> Result<Void, ImageError> {
        let start = known.map { $0.size <= packed.size ? $0.size : 0 } ?? 0
        if start == 0 { blobs.removePartial(packed.digest) }
        let pipe = BytePipe()
        let meter = DownloadMeter(packed, from: start, progress)
        async let unpacked = unpackResult(pipe, layer, packed)
        var broken: RegistryError?
        do throws(RegistryError) {
            if let known, start > 0 { try await Self.replay(known.file, start, into: pipe) }
            try await session.blob(packed, from: start) { piece in
                meter.add(piece.count)
                if Task.isCancelled { return false }
                return await pipe.send(piece)
            }
        } catch {
            broken = error
        }
        let isComplete = broken == nil && !Task.isCancelled && meter.isComplete
        if isComplete { meter.finish() }
        pipe.finish(complete: isComplete)
        let result = await unpacked
        if Task.isCancelled { return .failure(.cancelled) }
        if let broken { return .failure(ImageError(broken, reference)) }
        return result
    }

    private static func replay(
        _ file: SharedDescriptor, _ size: Int64, into pipe: BytePipe
    ) async throws(RegistryError) {
        var offset: Int64 = 0
        while offset < size {
            let (position, count) = (offset, Int(min(size - offset, 1 << 18)))
            let piece = try? await NIOThreadPool.singleton.runIfActive {
                [UInt8](unsafeUninitializedCapacity: count) { buffer, got in
                    got = max(0, pread(file.raw, buffer.baseAddress, count, off_t(position)))
                }
            }
            guard let piece, !piece.isEmpty else { throw .broken("cannot read what an earlier download has left") }
            offset += Int64(piece.count)
            if !(await pipe.send(piece)) { return }
        }
    }

    private func unpackResult(
        _ pipe: BytePipe, _ layer: LayerID, _ packed: ContentDescriptor
    ) async -> Result<Void, ImageError> {
        do throws(LayerError) {
            let (unpacked, _) = try await unpack(from: pipe, expected: layer, resuming: packed)
            // The pull itself holds them as well.
            unpin(Content(layers: [unpacked.layer], blobs: [unpacked.blob]))
            return .success(())
        } catch {
            return .failure(ImageError(error))
        }
    }
}

/// Tells of a download often enough for a bar, seldom enough for the reader.
private final class DownloadMeter: Sendable {
    private let packed: ContentDescriptor
    private let progress: ImageService.Progress
    private let received: Atomic<Int64>
    private let shown: Atomic<Int64>

    init(_ packed: ContentDescriptor, from start: Int64, _ progress: @escaping ImageService.Progress) {
        self.packed = packed
        self.progress = progress
        received = Atomic(start)
        shown = Atomic(start)
    }

    var isComplete: Bool { received.load(ordering: .relaxed) == packed.size }

    func add(_ bytes: Int) {
        let count = received.add(Int64(bytes), ordering: .relaxed).newValue
        if count == packed.size || count - shown.load(ordering: .relaxed) >= max(1 << 19, packed.size / 100) {
            shown.store(count, ordering: .relaxed)
            progress(PullProgress(id: packed.digest.short, status: "Downloading", current: count, total: packed.size))
        }
    }

    func finish() {
        let short = packed.digest.short
        progress(PullProgress(id: short, status: "Verifying Checksum"))
        progress(PullProgress(id: short, status: "Download complete"))
        progress(PullProgress(id: short, status: "Extracting", current: packed.size, total: packed.size))
    }
}
