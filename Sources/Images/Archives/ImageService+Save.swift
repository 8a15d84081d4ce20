internal import JSON
package import Layers
internal import Linux
package import OCI
internal import Store
internal import Synchronization

extension ImageService {
    /// Images as one archive, which is an OCI image layout and what Docker reads alike (`manifest.json`, `repositories`).
    ///
    /// Layers stand in it packed as they came, so that digests stay; the same images give the same bytes every time.
    ///
    /// - Parameter names: a name without a tag means all its tags; an id adds the image without names.
    package func save(_ names: [String], platform: Platform? = nil) throws(ImageError) -> ArchiveStream {
        var chosen: [(image: ImageRecord, tags: [Reference])] = []
        for name in names {
            for (image, tag) in try matches(name) {
                if let index = chosen.firstIndex(where: {
                    $0.image.id == image.id && $0.image.manifest == image.manifest
                }) {
                    if let tag, !chosen[index].tags.contains(tag) { chosen[index].tags.append(tag) }
                } else {
                    chosen.append((image, tag.map { [$0] } ?? []))
                }
            }
        }
        if chosen.isEmpty { throw .invalidArgument("no image named: say which ones to save") }
        var outline = SaveOutline()
        for (image, tags) in chosen {
            if let platform, platform.rank(of: image.configuration.platform) == nil {
                throw .notFound(
                    "image \(image.id.short) was found but does not provide the specified platform (\(platform))")
            }
            let (layers, manifest) = try documents(of: image)
            let size = blobs.size(image.id) ?? 0
            outline.add(image, tags.sorted { $0.description < $1.description }, layers, manifest, size)
        }
        for (image, _) in chosen {
            onEvent(ImageEvent(action: .save, id: image.id.description, name: image.id.description))
        }
        let held = Content(blobs: Array(outline.blobs.keys))
        pin(held)
        return ArchiveStream(
            SavedArchive(try outline.parts(), blobs) { [weak self] in self?.letGo(held) })
    }

    private func matches(_ name: String) throws(ImageError) -> [(ImageRecord, Reference?)] {
        if let reference = try? Reference(name), reference.tag == nil, reference.digest == nil {
            let found = table.withLock { table in
                table.names.filter { $0.key.name == reference.name && $0.key.digest == nil }
                    .sorted { $0.key.description < $1.key.description }
                    .compactMap { name, _ in (try? record(name.description, in: table)).map { ($0, name) } }
            }
            if !found.isEmpty { return found.map { ($0.0, $0.1) } }
        }
        return try table.withLock { table throws(ImageError) in
            let reference = try table.resolve(name).name
            return [(try record(name, in: table), reference.flatMap { $0.digest == nil ? $0 : nil })]
        }
    }
}

/// The documents of a saved archive, growing image by image.
private struct SaveOutline {
    /// Sizes by digest.
    private(set) var blobs: [Digest: Int64] = [:]
    private var items: [JSON] = []
    private var entries: [JSON] = []
    private var repositories: [String: [String: String]] = [:]

    mutating func add(
        _ image: ImageRecord, _ tags: [Reference], _ layers: [ContentDescriptor], _ manifest: ContentDescriptor,
        _ configurationSize: Int64
    ) {
        blobs[image.id] = configurationSize
        blobs[manifest.digest] = manifest.size
        for layer in layers { blobs[layer.digest] = layer.size }
        func path(_ digest: Digest) -> JSON { .string("blobs/\(digest.algorithm.rawValue)/\(digest.hex)") }
        items.append(
            .object(
                JSONObject([
                    ("Config", path(image.id)),
                    ("RepoTags", tags.isEmpty ? .null : .array(tags.map { .string($0.familiar) })),
                    ("Layers", .array(layers.map { path($0.digest) })),
                    (
                        "LayerSources",
                        .object(
                            JSONObject(
                                zip(image.layers, layers).map { ($0.description, $1.json) }
                                    .reduce(into: [String: JSON]()) { $0[$1.0] = $1.1 }
                                    .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }))
                    ),
                ])))
        for tag in tags.isEmpty ? [nil] : tags.map(Optional.some) {
            var annotations: [String: String] = [:]
            if let tag {
                annotations["io.containerd.image.name"] = tag.description
                annotations["org.opencontainers.image.ref.name"] = tag.tag
                repositories[tag.familiarName, default: [:]][tag.tag ?? "latest"] =
                    (layers.last?.digest ?? image.id).hex
            }
            entries.append(
                ContentDescriptor(
                    mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size,
                    platform: manifest.platform, annotations: annotations
                ).json)
        }
    }

    func parts() throws(ImageError) -> [SavedArchive.Part] {
        var parts: [SavedArchive.Part] = [.directory("blobs/")]
        for algorithm in Set(blobs.keys.map(\.algorithm.rawValue)).sorted() {
            parts.append(.directory("blobs/\(algorithm)/"))
            for (digest, size) in blobs.filter({ $0.key.algorithm.rawValue == algorithm })
                .sorted(by: { $0.key.hex < $1.key.hex })
            {
                parts.append(.blob(digest, size))
            }
        }
        let index: JSON = [
            "schemaVersion": .number("2"), "mediaType": .string(MediaType.index), "manifests": .array(entries),
        ]
        parts.append(.document("index.json", index.serialized()))
        parts.append(.document("manifest.json", JSON.array(items).serialized()))
        parts.append(.document("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)))
        let names = repositories.sorted { $0.key < $1.key }.map { name, tags in
            (name, JSON.object(JSONObject(tags.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })))
        }
        if !names.isEmpty { parts.append(.document("repositories", JSON.object(JSONObject(names)).serialized())) }
        return parts
    }
}

/// Reads the parts of a saved archive one after the other.
private final class SavedArchive: ByteSource {
    enum Part {
        case directory(String)
        case document(String, [UInt8])
        case blob(Digest, Int64)
    }

    private var parts: ArraySlice<Part>
    private let blobs: BlobStore
    private let onEnd: () -> Void
    private var open: (source: FileSource, left: Int64, padding: Int)?
    private var isAtEnd = false

    init(_ parts: [Part], _ blobs: BlobStore, onEnd: @escaping () -> Void) {
        self.parts = parts[...]
        self.blobs = blobs
        self.onEnd = onEnd
    }

    deinit { onEnd() }

    func next() throws(LayerError) -> [UInt8]? {
        if var file = open {
            guard let chunk = try file.source.next() else {
                open = nil
                guard file.left == 0 else { throw .corrupt("a blob is shorter than its manifest says") }
                if file.padding > 0 { return [UInt8](repeating: 0, count: file.padding) }
                return try next()
            }
            file.left -= Int64(chunk.count)
            if file.left < 0 { throw .corrupt("a blob is longer than its manifest says") }
            open = file
            return chunk
        }
        guard let part = parts.popFirst() else {
            if isAtEnd { return nil }
            isAtEnd = true
            return ArchiveHeader.end
        }
        switch part {
        case .directory(let name): return ArchiveHeader.directory(name)
        case .document(let name, let bytes):
            return ArchiveHeader.file(name, size: Int64(bytes.count)) + bytes
                + [UInt8](repeating: 0, count: ArchiveHeader.padding(Int64(bytes.count)))
        case .blob(let digest, let size):
            open = (FileSource(try blobs.file(digest)), size, ArchiveHeader.padding(size))
            return ArchiveHeader.file("blobs/\(digest.algorithm.rawValue)/\(digest.hex)", size: size)
        }
    }
}
