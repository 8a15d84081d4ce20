package import Layers
package import OCI
internal import Store
internal import Synchronization

/// An image is named by the digest of its configuration.
package typealias ImageID = Digest

/// Everything known about one image.
package struct ImageRecord: Sendable {
    package let id: ImageID
    /// The digest of the manifest it came with, or of another one by which somebody has asked for it.
    package internal(set) var manifest: Digest
    package let parent: ImageID?
    /// `busybox:latest`, sorted.
    package var repoTags: [String]
    /// `busybox@sha256:…`, sorted; the digests are those of manifests or indexes.
    package var repoDigests: [String]
    package var lastTagTime: Timestamp?
    let facts: ImageFacts
    /// The forms it is kept in: the same layers may have come packed in several ways, each with a manifest.
    var manifests: [Digest: ManifestFacts]
    let document: ConfigurationDocument

    /// Read when first asked for; ``ImageService/resolve(_:)`` has made sure that it can be.
    package var configuration: ImageConfiguration { document.value }
    /// Bottom to top.
    package var layers: [LayerID] { facts.layers }
    /// Sum of the sizes of the files in all layers, in bytes.
    package var size: Int64 { facts.size }
    package var labels: [String: String] { facts.labels }
    package var created: Timestamp { facts.created }
    package var os: String { configuration.os }
    package var architecture: String { configuration.architecture }
    package var variant: String { configuration.variant }
    package var isDangling: Bool { repoTags.isEmpty }
    /// Everything in the stores that the image needs.
    var content: Content {
        manifests.values.reduce(into: Content(layers: layers, blobs: [id])) { $0.add($1.content) }
    }
    /// Each layer with the blob it is unpacked from.
    var packedLayers: [(LayerID, Digest)] { Array(zip(layers, manifests[manifest]?.packed ?? [])) }
    /// For its row.
    var factsText: String { facts.text(manifests[manifest]) }
}

/// The configuration of an image, in memory once somebody has read it.
final class ConfigurationDocument: Sendable {
    private let blobs: BlobStore
    private let id: ImageID
    private let known: Mutex<ImageConfiguration?>

    init(_ blobs: BlobStore, _ id: ImageID, _ known: ImageConfiguration? = nil) {
        self.blobs = blobs
        self.id = id
        self.known = Mutex(known)
    }

    var value: ImageConfiguration { (try? read()) ?? .empty }

    func read() throws(ImageError) -> ImageConfiguration {
        if let known = known.withLock({ $0 }) { return known }
        do {
            let read = try ImageConfiguration(parsing: try blobs.read(id, limit: ImageService.documentLimit))
            known.withLock { $0 = read }
            return read
        } catch let error as StoreError {
            throw ImageError(error)
        } catch {
            throw .corrupt("configuration of image \(id.short): \(error)")
        }
    }
}

/// A line of `docker history`.
package struct ImageHistoryEntry: Sendable, Equatable {
    /// The image's id in the first line, `<missing>` in the others.
    package let id: String
    package let created: Timestamp
    package let createdBy: String
    package let tags: [String]
    package let size: Int64
    package let comment: String
}

/// Something that happened to an image.
package struct ImageEvent: Sendable, Equatable {
    package enum Action: String, Sendable {
        case pull, push, `import`, load, save, tag, untag, delete
    }

    package let action: Action
    package let id: String
    /// The name in the event's attributes.
    package let name: String

    package init(action: Action, id: String, name: String) {
        self.action = action
        self.id = id
        self.name = name
    }
}

/// A container that was made from an image.
package struct ContainerUse: Sendable, Equatable {
    package let id: String
    package let running: Bool

    package init(id: String, running: Bool) {
        self.id = id
        self.running = running
    }
}

/// A step of removing an image.
package enum ImageDeletion: Sendable, Equatable {
    /// A name, as Docker prints it.
    case untagged(String)
    /// The id of an image or the chain id of a layer.
    case deleted(String)
}
