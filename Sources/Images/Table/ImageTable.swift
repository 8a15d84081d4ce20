internal import ByteText
internal import Layers
internal import OCI
internal import Synchronization

/// What a name means: an image, in the form it came in under that name.
struct NamedImage: Sendable, Equatable {
    let image: ImageID
    let manifest: Digest
}

/// All images and names, in memory. Names are in full: `docker.io/library/busybox:latest`.
struct ImageTable: Sendable {
    /// Without names; see ``record(_:)``.
    private(set) var images: [ImageID: ImageRecord] = [:]
    private(set) var names: [Reference: NamedImage] = [:]
    private var namesOf: [ImageID: Set<Reference>] = [:]
    /// What images need.
    private(set) var uses = ContentUses()
    /// What is arriving or leaving, and must not be taken away.
    var pins = ContentUses()
    /// Layers that no image has, and that a container or a pin keeps.
    var orphans: Set<LayerID> = []
    /// Layers of images that are not unpacked yet.
    var packed: [LayerID: PackedLayer] = [:]

    mutating func add(_ image: ImageRecord) {
        images[image.id] = image
        uses.add(image.content)
        orphans.subtract(image.layers)
    }

    mutating func remove(_ id: ImageID) {
        if let image = images.removeValue(forKey: id) { uses.remove(image.content) }
        for name in namesOf[id] ?? [] { names[name] = nil }
        namesOf[id] = nil
    }

    /// Another form of an image that is there.
    mutating func add(_ manifest: ManifestFacts, to id: ImageID) {
        guard images[id]?.manifests.updateValue(manifest, forKey: manifest.digest) == nil else { return }
        uses.add(manifest.content)
    }

    /// Takes a form away that is not the image's own.
    mutating func removeManifest(_ digest: Digest, of id: ImageID) {
        if let manifest = images[id]?.manifests.removeValue(forKey: digest) { uses.remove(manifest.content) }
    }

    /// Makes one of its forms the image's own.
    mutating func choose(_ manifest: Digest, for id: ImageID) { images[id]?.manifest = manifest }

    mutating func set(_ name: Reference, to target: NamedImage) {
        if let old = names[name] { namesOf[old.image]?.remove(name) }
        names[name] = target
        namesOf[target.image, default: []].insert(name)
    }

    mutating func unset(_ name: Reference) {
        if let old = names.removeValue(forKey: name) { namesOf[old.image]?.remove(name) }
    }

    mutating func touch(_ id: ImageID, at time: Timestamp) {
        images[id]?.lastTagTime = time
    }

    /// Tags first, then digests, each sorted.
    func references(of id: ImageID) -> [Reference] {
        guard let names = namesOf[id] else { return [] }
        if names.count < 2 { return Array(names) }
        return names.map { ($0, $0.digest == nil ? 0 : 1, $0.description) }.sorted { ($0.1, $0.2) < ($1.1, $1.2) }
            .map(\.0)
    }

    /// The forms of an image that names ask for.
    func namedManifests(of id: ImageID) -> Set<Digest> {
        Set((namesOf[id] ?? []).compactMap { names[$0]?.manifest })
    }

    /// With its names.
    func record(_ id: ImageID) -> ImageRecord? {
        guard var image = images[id] else { return nil }
        for name in references(of: id) {
            if name.digest == nil {
                image.repoTags.append(name.familiar)
            } else {
                image.repoDigests.append(name.familiar)
            }
        }
        return image
    }

    /// The image a user means: a name, a digest, an id or the beginning of one, in this order.
    func resolve(_ text: String) throws(ImageError) -> (id: ImageID, name: Reference?) {
        if let id = Self.digest(text) {
            guard images[id] != nil else { throw .notFound("No such image: \(text)") }
            return (id, nil)
        }
        let reference: Reference
        do {
            reference = try Reference(text).withDefaultTag
        } catch {
            throw ImageError(error)
        }
        let name = reference.digest.map(reference.at) ?? reference
        if let named = names[name] { return (named.image, name) }
        let prefix = text.hasBytePrefix("sha256:") ? text.dropFirst(bytes: 7) : Substring(text)
        if !prefix.isEmpty, prefix.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) {
            let found = images.keys.filter { $0.hex.hasBytePrefix(prefix) }
            if found.count > 1 { throw .ambiguous("multiple IDs found with provided prefix: \(text)") }
            if let id = found.first { return (id, nil) }
        }
        throw .notFound("No such image: \(reference.familiar)")
    }

    private static func digest(_ text: String) -> Digest? {
        if text.utf8.count == 64 { return try? Digest("sha256:" + text) }
        return text.hasBytePrefix("sha256:") ? try? Digest(text) : nil
    }

    /// An image, or something under way, needs it.
    func needs(layer: LayerID) -> Bool { uses.has(layer: layer) || pins.has(layer: layer) }
    func needs(blob: Digest) -> Bool { uses.has(blob: blob) || pins.has(blob: blob) }
}

/// The table for those who share it.
final class SharedTable: Sendable {
    private let table: Mutex<ImageTable>

    init(_ table: ImageTable) {
        self.table = Mutex(table)
    }

    func withLock<Value, Failure: Error>(
        _ body: (inout ImageTable) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let result = table.withLock { table -> Result<Value, Failure> in
            do throws(Failure) {
                return .success(try body(&table))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
