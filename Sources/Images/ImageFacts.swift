internal import JSON
internal import OCI

/// What lists and sweeps want to know of an image, kept beside its row so that a start with many images reads no documents.
final class ImageFacts: Sendable {
    let created: Timestamp
    let layers: [Digest]
    let size: Int64
    let labels: [String: String]
    /// Of the manifest.
    let mediaType: String
    let manifestSize: Int64
    let platform: Platform
    /// Packed layers.
    let packed: [Digest]

    var text: String {
        let names = labels.sorted { $0.key < $1.key }.map { ($0.key, JSON.string($0.value)) }
        let json: JSON = [
            "created": .string(created.description), "size": JSON(size), "mediaType": .string(mediaType),
            "manifestSize": JSON(manifestSize), "os": .string(platform.os),
            "architecture": .string(platform.architecture), "variant": .string(platform.variant),
            "layers": .array(layers.map { .string($0.description) }),
            "packed": .array(packed.map { .string($0.description) }), "labels": .object(JSONObject(names)),
        ]
        return json.text()
    }

    init(
        _ configuration: ImageConfiguration, size: Int64, mediaType: String, manifestSize: Int64, packed: [Digest]
    ) {
        created = configuration.created ?? .zero
        layers = configuration.diffIDs
        labels = configuration.config.labels
        platform = configuration.platform
        self.size = size
        self.mediaType = mediaType
        self.manifestSize = manifestSize
        self.packed = packed
    }

    /// Nil for what another version wrote.
    init?(_ text: String) {
        guard let json = try? JSON.parse(text),
            let created = json["created"]?.stringValue.flatMap({ try? Timestamp($0) }),
            let size = json["size"]?.intValue, let mediaType = json["mediaType"]?.stringValue,
            let manifestSize = json["manifestSize"]?.intValue, let os = json["os"]?.stringValue,
            let architecture = json["architecture"]?.stringValue, let layers = Self.digests(json["layers"]),
            let packed = Self.digests(json["packed"])
        else { return nil }
        self.created = created
        self.size = size
        self.mediaType = mediaType
        self.manifestSize = manifestSize
        self.layers = layers
        self.packed = packed
        platform = Platform(os: os, architecture: architecture, variant: json["variant"]?.stringValue ?? "")
        var labels: [String: String] = [:]
        for (name, value) in json["labels"]?.objectValue ?? JSONObject() { labels[name] = value.stringValue }
        self.labels = labels
    }

    private static func digests(_ json: JSON?) -> [Digest]? {
        guard let texts = json?.arrayValue else { return nil }
        let digests = texts.compactMap { $0.stringValue.flatMap { try? Digest($0) } }
        return digests.count == texts.count ? digests : nil
    }
}
