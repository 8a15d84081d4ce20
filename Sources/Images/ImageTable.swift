internal import Layers
internal import OCI
internal import Synchronization

/// All images and names, in memory. Names are in full: `docker.io/library/busybox:latest`.
struct ImageTable: Sendable {
    /// Without names; see ``record(_:)``.
    private(set) var images: [ImageID: ImageRecord] = [:]
    private(set) var names: [Reference: ImageID] = [:]
    private var namesOf: [ImageID: Set<Reference>] = [:]
    /// Content that is arriving and must not be swept: how many need it.
    var pinned: [Digest: Int] = [:]

    mutating func add(_ image: ImageRecord) {
        images[image.id] = image
    }

    mutating func remove(_ id: ImageID) {
        images[id] = nil
        for name in namesOf[id] ?? [] { names[name] = nil }
        namesOf[id] = nil
    }

    mutating func set(_ name: Reference, to id: ImageID) {
        if let old = names[name] { namesOf[old]?.remove(name) }
        names[name] = id
        namesOf[id, default: []].insert(name)
    }

    mutating func unset(_ name: Reference) {
        if let old = names.removeValue(forKey: name) { namesOf[old]?.remove(name) }
    }

    mutating func touch(_ id: ImageID, at time: Timestamp) {
        images[id]?.lastTagTime = time
    }

    /// Tags first, then digests, each sorted.
    func references(of id: ImageID) -> [Reference] {
        (namesOf[id] ?? []).sorted {
            ($0.digest == nil ? 0 : 1, $0.description) < ($1.digest == nil ? 0 : 1, $1.description)
        }
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
        if let id = names[name] { return (id, name) }
        let prefix = text.hasPrefix("sha256:") ? text.dropFirst(7) : Substring(text)
        if !prefix.isEmpty, prefix.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) {
            let found = images.keys.filter { $0.hex.hasPrefix(prefix) }
            if found.count > 1 { throw .ambiguous("multiple IDs found with provided prefix: \(text)") }
            if let id = found.first { return (id, nil) }
        }
        throw .notFound("No such image: \(reference.familiar)")
    }

    private static func digest(_ text: String) -> Digest? {
        if text.utf8.count == 64 { return try? Digest("sha256:" + text) }
        return text.hasPrefix("sha256:") ? try? Digest(text) : nil
    }

    /// An image, or something arriving, needs the layer.
    func isUsed(layer: LayerID) -> Bool {
        pinned[layer] != nil || images.values.contains { $0.layers.contains(layer) }
    }

    /// Everything that images, or what is arriving, need: layers and blobs.
    var needed: Set<Digest> {
        var needed = Set(pinned.keys)
        for image in images.values {
            needed.formUnion(image.layers)
            needed.formUnion(image.blobs)
        }
        return needed
    }
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
