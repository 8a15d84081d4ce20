internal import ByteText
internal import Registry

/// The body of an address on the web, as it arrives.
package struct RemoteArchive: AsyncSequence, Sendable {
    package typealias Element = [UInt8]

    package let address: String
    private let registry: RegistryClient
    /// Run once the other side has begun to send.
    package var onBegin: (@Sendable () async throws -> Void)?

    /// `text` without a scheme means http, as Docker has it.
    package init(_ text: String, for images: ImageService) {
        address = text.contains(bytes: "://") ? text : "http://" + text
        registry = images.registry
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        private let address: String
        private let registry: RegistryClient
        private let onBegin: (@Sendable () async throws -> Void)?
        private var body: ArchivePieces?

        init(_ archive: RemoteArchive) {
            address = archive.address
            registry = archive.registry
            onBegin = archive.onBegin
        }

        package mutating func next() async throws(ImageError) -> [UInt8]? {
            do throws(RegistryError) {
                if body == nil {
                    body = try await registry.archive(at: address)
                    do {
                        try await onBegin?()
                    } catch {
                        throw RegistryError.cancelled
                    }
                }
                return try await body?.next()
            } catch {
                throw .unreachable(body == nil ? "cannot get \(address): \(error)" : "\(address) broke off: \(error)")
            }
        }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}
