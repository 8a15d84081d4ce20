internal import JSON
internal import OCI

/// What lists and sweeps want to know of an image, kept in its row so that a start with many images reads no documents.
final class ImageFacts: Sendable {
    let created: Timestamp
    let layers: [Digest]
    let size: Int64
    let labels: [String: String]
    let platform: Platform

    init(_ configuration: ImageConfiguration, size: Int64) {
        created = configuration.created ?? .zero
        layers = configuration.diffIDs
        labels = configuration.config.labels
        platform = configuration.platform
        self.size = size
    }

    /// Nil for what another version wrote.
    init?(_ json: JSON) {
        guard let created = json["created"]?.stringValue.flatMap({ try? Timestamp($0) }),
            let size = json["size"]?.intValue, let os = json["os"]?.stringValue,
            let architecture = json["architecture"]?.stringValue, let layers = json["layers"]?.digests
        else { return nil }
        self.created = created
        self.size = size
        self.layers = layers
        platform = Platform(os: os, architecture: architecture, variant: json["variant"]?.stringValue ?? "")
        var labels: [String: String] = [:]
        for (name, value) in json["labels"]?.objectValue ?? JSONObject() { labels[name] = value.stringValue }
        self.labels = labels
    }

    /// With those of the image's own manifest.
    func text(_ manifest: ManifestFacts?) -> String {
        let names = labels.sorted { $0.key < $1.key }.map { ($0.key, JSON.string($0.value)) }
        let members: [(String, JSON)] = [
            ("created", .string(created.description)), ("size", JSON(size)), ("os", .string(platform.os)),
            ("architecture", .string(platform.architecture)), ("variant", .string(platform.variant)),
            ("layers", .array(layers.map { .string($0.description) })), ("labels", .object(JSONObject(names))),
        ]
        return JSON.object(JSONObject(members + (manifest?.members ?? []))).text()
    }
}

/// The same of one of its manifests.
final class ManifestFacts: Sendable {
    let digest: Digest
    let mediaType: String
    /// Of the manifest itself.
    let size: Int64
    /// Packed layers.
    let packed: [Digest]

    init(_ digest: Digest, mediaType: String, size: Int64, packed: [Digest]) {
        self.digest = digest
        self.mediaType = mediaType
        self.size = size
        self.packed = packed
    }

    init?(_ digest: Digest, _ json: JSON) {
        guard let mediaType = json["mediaType"]?.stringValue, let size = json["manifestSize"]?.intValue,
            let packed = json["packed"]?.digests
        else { return nil }
        self.digest = digest
        self.mediaType = mediaType
        self.size = size
        self.packed = packed
    }

    var content: Content { Content(blobs: [digest] + packed) }

    var text: String { JSON.object(JSONObject(members)).text() }

    fileprivate var members: [(String, JSON)] {
        [
            ("mediaType", .string(mediaType)), ("manifestSize", JSON(size)),
            ("packed", .array(packed.map { .string($0.description) })),
        ]
    }
}

extension JSON {
    fileprivate var digests: [Digest]? {
        guard let texts = arrayValue else { return nil }
        let digests = texts.compactMap { $0.stringValue.flatMap { try? Digest($0) } }
        return digests.count == texts.count ? digests : nil
    }
}
