internal import JSON

/// The media types Gantry reads and writes.
package enum MediaType {
    package static let index = "application/vnd.oci.image.index.v1+json"
    package static let manifest = "application/vnd.oci.image.manifest.v1+json"
    package static let configuration = "application/vnd.oci.image.config.v1+json"
    package static let layer = "application/vnd.oci.image.layer.v1.tar"
    package static let layerGzip = "application/vnd.oci.image.layer.v1.tar+gzip"
    package static let layerZstd = "application/vnd.oci.image.layer.v1.tar+zstd"
    package static let dockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"
    package static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    package static let dockerConfiguration = "application/vnd.docker.container.image.v1+json"
    package static let dockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json"
    package static let dockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws"
}

/// One image for one platform: its configuration and its layers, bottom first (OCI image-spec, manifest.md).
package struct Manifest: Sendable {
    /// As many as the kernel stacks (OVL_MAX_STACK).
    package static let layersLimit = 500

    /// The bytes that the digest is made of.
    package let raw: [UInt8]
    package let mediaType: String
    package let configuration: ContentDescriptor
    package let layers: [ContentDescriptor]
    package let annotations: [String: String]
}

/// Several manifests, usually one per platform (OCI image-spec, image-index.md).
package struct Index: Sendable {
    /// The bytes that the digest is made of.
    package let raw: [UInt8]
    package let mediaType: String
    package let manifests: [ContentDescriptor]
    package let annotations: [String: String]

    /// The manifest that runs best on `platform`; the first one among equals. Entries without a platform are taken only
    /// when no entry has one.
    package func best(for platform: Platform) -> ContentDescriptor? {
        if manifests.allSatisfy({ $0.platform == nil }) { return manifests.first }
        var best: (rank: Int, entry: ContentDescriptor)?
        for entry in manifests {
            guard let offered = entry.platform, let rank = platform.rank(of: offered) else { continue }
            if best.map({ rank < $0.rank }) ?? true { best = (rank, entry) }
        }
        return best?.entry
    }
}

/// What a registry keeps under a tag.
package enum ImageDocument: Sendable {
    case manifest(Manifest)
    case index(Index)

    /// Reads the bytes of a manifest or index. `mediaType` is what the sender called it; the document's own word wins.
    ///
    /// Refuses what could be read in two ways (CVE-2021-41190) and the obsolete schema 1.
    package init(parsing raw: [UInt8], mediaType sent: String? = nil) throws(OCIError) {
        let json: JSON
        do {
            json = try JSON.parse(raw)
        } catch {
            throw .invalidDocument("image manifest", reason: "\(error)")
        }
        guard let object = json.objectValue else {
            throw .invalidDocument("image manifest", reason: "not an object")
        }
        // Go and Swift readers may choose different ones of two members that differ only in case.
        var seen: Set<String> = []
        for key in object.keys where !seen.insert(key.lowercased()).inserted {
            throw .invalidDocument("image manifest", reason: "member \"\(key.prefix(60))\" appears twice")
        }
        let version = json["schemaVersion"]?.intValue
        if version == 1 || json["fsLayers"] != nil {
            throw .invalidDocument(
                "image manifest", reason: "schema version 1 is obsolete; push the image again with a current tool")
        }
        guard version == 2 else {
            throw .invalidDocument("image manifest", reason: "schemaVersion is not 2")
        }
        let isIndex = seen.contains("manifests")
        if isIndex, seen.contains("layers") || seen.contains("config") {
            throw .invalidDocument("image manifest", reason: "it has both manifests and layers")
        }
        let mediaType =
            json["mediaType"]?.stringValue ?? sent ?? (isIndex ? MediaType.index : MediaType.manifest)
        let claimsIndex = mediaType == MediaType.index || mediaType == MediaType.dockerManifestList
        let claimsManifest = mediaType == MediaType.manifest || mediaType == MediaType.dockerManifest
        if (isIndex && claimsManifest) || (!isIndex && claimsIndex) {
            throw .invalidDocument("image manifest", reason: "its content is not \(mediaType)")
        }
        if isIndex {
            guard let entries = json["manifests"]?.arrayValue else {
                throw .invalidDocument("image index", reason: "manifests is not a list")
            }
            var manifests: [ContentDescriptor] = []
            for entry in entries { manifests.append(try ContentDescriptor(entry, in: "image index")) }
            self = .index(
                Index(
                    raw: raw, mediaType: mediaType, manifests: manifests, annotations: json.stringMap("annotations")))
        } else {
            guard let configuration = json["config"], let entries = json["layers"]?.arrayValue else {
                throw .invalidDocument("image manifest", reason: "config or layers are missing")
            }
            if entries.count > Manifest.layersLimit {
                throw .invalidDocument(
                    "image manifest", reason: "\(entries.count) layers; \(Manifest.layersLimit) are the most")
            }
            var layers: [ContentDescriptor] = []
            for entry in entries { layers.append(try ContentDescriptor(entry, in: "image manifest")) }
            self = .manifest(
                Manifest(
                    raw: raw, mediaType: mediaType,
                    configuration: try ContentDescriptor(configuration, in: "image manifest"), layers: layers,
                    annotations: json.stringMap("annotations")))
        }
    }
}

extension Manifest {
    /// The bytes of a new OCI manifest.
    package static func encoded(configuration: ContentDescriptor, layers: [ContentDescriptor]) -> [UInt8] {
        var object = JSONObject()
        object["schemaVersion"] = .number("2")
        object["mediaType"] = .string(MediaType.manifest)
        object["config"] = configuration.json
        object["layers"] = .array(layers.map(\.json))
        return JSON.object(object).serialized()
    }
}
