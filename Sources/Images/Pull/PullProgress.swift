internal import ByteText
package import OCI

/// A line of progress of a pull or push, as in Docker's stream of JSON messages.
package struct PullProgress: Sendable, Equatable {
    /// The layer's short digest, the tag in the first line, empty in the last ones.
    package let id: String
    /// `Pulling fs layer`, `Downloading`, …
    package let status: String
    /// Bytes so far and in all; 0 and 0 where there is nothing to count.
    package let current: Int64
    package let total: Int64
    /// At the end of a push; the status is empty then.
    package let pushed: PushedManifest?

    /// Says what is pulled.
    package var isHeading: Bool { status.hasBytePrefix("Pulling from ") }

    package init(
        id: String = "", status: String, current: Int64 = 0, total: Int64 = 0, pushed: PushedManifest? = nil
    ) {
        self.id = id
        self.status = status
        self.current = current
        self.total = total
        self.pushed = pushed
    }
}

/// What a tag in a registry means now.
package struct PushedManifest: Sendable, Equatable {
    package let tag: String
    package let digest: Digest
    /// Of the manifest, in bytes.
    package let size: Int
}
