package import Layers
package import OCI

/// An image is named by the digest of its configuration.
package typealias ImageID = Digest

/// Everything known about one image.
package struct ImageRecord: Sendable {
    package let id: ImageID
    /// The digest and the size of the manifest it came with.
    package let manifest: Digest
    package let parent: ImageID?
    /// `busybox:latest`, sorted.
    package var repoTags: [String]
    /// `busybox@sha256:…`, sorted; the digests are those of manifests or indexes.
    package var repoDigests: [String]
    package let configuration: ImageConfiguration
    /// Bottom to top.
    package let layers: [LayerID]
    /// Sum of the sizes of the files in all layers, in bytes.
    package let size: Int64
    package var lastTagTime: Timestamp?

    package var created: Timestamp { configuration.created ?? .zero }
    package var os: String { configuration.os }
    package var architecture: String { configuration.architecture }
    package var variant: String { configuration.variant }
    package var isDangling: Bool { repoTags.isEmpty }
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
        case pull, push, `import`, load, tag, untag, delete
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
